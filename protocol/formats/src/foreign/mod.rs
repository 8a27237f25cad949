//! What pictures of other programs say of their making, in Darkroom's parameters.
//!
//! [`texts()`] gets the texts out of a file, [`said()`] makes parameters of them; `show` comes through both, and so can whoever wants a
//! picture like another. Each writer has a file here. Values that no parameter takes are kept under the writer's own names; nothing
//! is guessed and nothing is printed here. Pictures come from strangers: JSON is read under the caps of `json.rs`, and graphs are
//! walked so that each node is met once.

mod a1111;
mod collect;
mod comfyui;
mod fooocus;
mod invokeai;
mod novelai;
mod texts;

use darkroom_protocol::GenerateRequest;

pub use texts::{Problem, Texts, texts};

/// The program that wrote a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "names that say it")]
pub enum Writer {
    Darkroom,
    A1111,
    SdNext,
    ComfyUi,
    InvokeAi,
    NovelAi,
    Fooocus,
    StableDiffusionCpp,
}

impl Writer {
    /// Its name, as itself spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Darkroom => "Darkroom",
            Self::A1111 => "A1111",
            Self::SdNext => "SD.Next",
            Self::ComfyUi => "ComfyUI",
            Self::InvokeAi => "InvokeAI",
            Self::NovelAi => "NovelAI",
            Self::Fooocus => "Fooocus",
            Self::StableDiffusionCpp => "stable-diffusion.cpp",
        }
    }
}

/// What a picture says of its making.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// Who wrote it. Programs that write A1111's text and do not name themselves are [`Writer::A1111`].
    pub writer: Writer,
    /// What the parameters take. Never a picture to begin with, as texts only name one.
    pub request: GenerateRequest,
    /// What no parameter is for, and values that theirs refuse: the writer's own name and the value as text, in the writer's order;
    /// of JSON objects in the order of their keys. A name may come several times.
    pub others: Vec<(String, String)>,
    /// What could not be read of it, and why: a sentence without its end.
    pub problem: Option<String>,
}

/// What `texts` say; `None` where they are nothing that a known program writes.
///
/// Darkroom's own record counts before all, the text of A1111 after all, as programs write it beside their own. A writer of whose
/// texts no parameter comes counts only where there is no other.
pub fn said(texts: &Texts) -> Option<Said> {
    const READERS: [fn(&Texts) -> Option<Said>; 6] = [
        darkroom,
        fooocus::read,
        invokeai::read,
        novelai::read,
        comfyui::read,
        a1111::read,
    ];
    let mut silent: Option<Said> = None;
    for said in READERS.iter().filter_map(|read| read(texts)) {
        if said.request != GenerateRequest::default() {
            let problem = said.problem.clone().or_else(|| silent.and_then(|said| said.problem));
            return Some(Said { problem, ..said });
        }
        silent = silent.or(Some(said));
    }
    silent
}

fn darkroom(texts: &Texts) -> Option<Said> {
    let record = texts.record.as_ref()?;
    let mut said = Said::new(Writer::Darkroom);
    said.request = record.request()?;
    said.others.push(("index".to_owned(), record.index.to_string()));
    let version = record.version.iter().map(|text| ("version".to_owned(), text.clone()));
    said.others.extend(version);
    Some(said)
}

#[cfg(test)]
mod tests;
