//! Textual inversion (Gal et al. 2022): a few vectors that take the place of token embeddings, from a small file, under the file's
//! name. Files of SD 1 and 2 hold one tensor, those of SDXL one an encoder (`clip_l`, `clip_g`). A prompt names one by its name alone,
//! as in AUTOMATIC1111, or by `embedding:name`, as in ComfyUI.
//!
//! Files are safetensors or PyTorch's own (`.pt`, `.bin`), whatever they are called: of AUTOMATIC1111's those tensors count that its
//! `string_to_param` names. What a pickle calls is refused by name, and nothing is run (`darkroom_formats::pickle`).

use std::io::Read as _;
use std::path::Path;

use darkroom_formats::pickle;
use darkroom_formats::safetensors::Header;
use darkroom_protocol::hash::hex;
use darkroom_protocol::task::EmbeddingFile;
use darkroom_protocol::text::escape_line;
use sha2::{Digest as _, Sha256};
use tch::{Kind, Tensor};

use super::brackets::{is_space, is_word};
use crate::torch::from_bytes;
use crate::weights::stored_kind;
use crate::{Error, Result};

/// The file of an embedding, as a task names it.
pub type ConceptFile = EmbeddingFile;

/// The most bytes of a file: a chunk full of vectors of the widest encoder is less than one.
const MAX_FILE: u64 = 16 << 20;
/// How a prompt names one without doubt.
const PREFIX: &str = "embedding:";

/// An embedding.
#[derive(Debug)]
pub struct Concept {
    /// What a prompt calls it.
    pub name: String,
    /// Of its file.
    pub sha256: String,
    /// The file, for messages.
    path: String,
    /// [k, width], f32 on the CPU, one for each encoder that it is for.
    tensors: Vec<Tensor>,
}

impl Concept {
    /// The embedding in `file`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] naming the file, where it is gone, changed, or no embedding.
    pub fn read(file: &ConceptFile) -> Result<Self> {
        let refused = |what: &str| refused(&file.name, &file.path, what);
        let path = Path::new(&file.path);
        let mut bytes = Vec::new();
        let opened = darkroom_protocol::files::open(path);
        opened
            .and_then(|opened| opened.take(MAX_FILE + 1).read_to_end(&mut bytes))
            .map_err(|e| refused(&format!("cannot be read ({e})")))?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(refused(&format!(
                "is larger than {} MB, which no embedding is",
                MAX_FILE >> 20
            )));
        }
        let sha256 = hex(Sha256::digest(&bytes));
        if sha256 != file.sha256 {
            return Err(refused("was changed since the job was sent"));
        }
        let tensors = tensors(&bytes).map_err(|what| refused(&what))?;
        Ok(Self {
            name: file.name.clone(),
            sha256,
            path: file.path.clone(),
            tensors,
        })
    }

    /// How many places it takes.
    pub fn vectors(&self) -> usize {
        self.tensors.first().map_or(0, |tensor| tensor.size()[0] as usize)
    }

    /// Its vectors [k, width] for the encoder at `at` among those of these widths.
    ///
    /// # Errors
    /// [`Error::Unsupported`] naming the file where it is for other encoders.
    pub fn for_encoder(&self, widths: &[i64], at: usize) -> Result<&Tensor> {
        let own: Vec<i64> = self.tensors.iter().map(|tensor| tensor.size()[1]).collect();
        let (mut one, mut other) = (own.clone(), widths.to_vec());
        one.sort_unstable();
        other.sort_unstable();
        if one != other {
            return Err(self.refused(&format!(
                "has vectors of {}, and the model's text encoders take {}: it is for another family of models",
                listed(&own),
                listed(widths)
            )));
        }
        // Encoders of one width would take theirs in their order.
        let before = widths[..at].iter().filter(|width| **width == widths[at]).count();
        let mut fitting = self.tensors.iter().filter(|tensor| tensor.size()[1] == widths[at]);
        fitting.nth(before).ok_or(Error::Defect)
    }

    /// An error about it.
    pub fn refused(&self, what: &str) -> Error {
        refused(&self.name, &self.path, what)
    }
}

fn refused(name: &str, path: &str, what: &str) -> Error {
    Error::Unsupported(format!(
        "The embedding {} ({}) {what}.",
        escape_line(name),
        escape_line(path)
    ))
}

fn listed(widths: &[i64]) -> String {
    let widths: Vec<String> = widths.iter().map(i64::to_string).collect();
    widths.join(" and ")
}

/// Where an embedding of AUTOMATIC1111's holds its vectors, as a pickle.
const PARAMS: &str = "string_to_param.";

/// What a file holds, by its format.
fn header(bytes: &[u8]) -> Result<Header, String> {
    if pickle::is_pickle(bytes) {
        return pickle::index(&bytes).map_err(|e| format!("is a pickle that cannot be used ({e})"));
    }
    Header::parse(bytes, bytes.len() as u64).map_err(|e| format!("is neither a safetensors file nor a pickle ({e})"))
}

/// The tensors of a file, first those called `clip_l`, then the others by name.
fn tensors(bytes: &[u8]) -> Result<Vec<Tensor>, String> {
    let file = header(bytes)?;
    let params = file.tensors.keys().any(|name| name.starts_with(PARAMS));
    let named = file.tensors.iter();
    let mut named: Vec<_> = named.filter(|(name, _)| !params || name.starts_with(PARAMS)).collect();
    named.sort_by_key(|(name, _)| (*name != "clip_l", (*name).clone()));
    if named.is_empty() || named.len() > 4 {
        return Err(format!(
            "holds {} tensors, and an embedding has one an encoder",
            named.len()
        ));
    }
    let mut tensors = Vec::new();
    for (name, entry) in named {
        let kind = stored_kind(entry.dtype)
            .filter(|kind| matches!(kind, Kind::Float | Kind::Half | Kind::BFloat16 | Kind::Double))
            .ok_or_else(|| {
                format!(
                    "holds {} as {}, and vectors are floating point",
                    escape_line(name),
                    entry.dtype
                )
            })?;
        let data = bytes.get(entry.range.start as usize..entry.range.end as usize);
        let shape: Vec<i64> = entry.shape.iter().map(|side| *side as i64).collect();
        let shape = match shape[..] {
            [width] => [1, width],
            [rows, width] => [rows, width],
            _ => {
                return Err(format!(
                    "holds {} of {} dimensions, and vectors have 2",
                    escape_line(name),
                    shape.len()
                ));
            }
        };
        if shape.contains(&0) {
            return Err(format!("holds nothing as {}", escape_line(name)));
        }
        let tensor = from_bytes(data.unwrap_or_default(), &shape, kind).map_err(|e| e.to_string())?;
        let tensor = tensor.to_kind(Kind::Float);
        if !tensor.isfinite().all().int64_value(&[]).eq(&1) {
            return Err("holds values that are no numbers".to_owned());
        }
        tensors.push(tensor);
    }
    let rows = tensors[0].size()[0];
    if tensors.iter().any(|tensor| tensor.size()[0] != rows) {
        return Err("has another number of vectors for each encoder".to_owned());
    }
    Ok(tensors)
}

/// The first `embedding:name` of `text`: what is before it, the name, and what is behind it.
pub fn named(text: &str) -> Option<(&str, &str, &str)> {
    let at = text.match_indices(PREFIX).map(|(at, _)| at).find(|at| {
        let before = text[..*at].chars().next_back();
        let after = text[at + PREFIX.len()..].chars().next();
        !before.is_some_and(is_word) && after.is_some_and(|c| !is_space(c) && c != ',')
    })?;
    let rest = &text[at + PREFIX.len()..];
    let end = rest.find(|c| is_space(c) || c == ',').unwrap_or(rest.len());
    Some((&text[..at], &rest[..end], &rest[end..]))
}

/// Which of `concepts` is called `name`, with or without the extension of its file; case does not matter.
///
/// # Errors
/// [`Error::Unsupported`] naming it.
pub fn find(concepts: &[Concept], name: &str) -> Result<usize> {
    let bare = [".safetensors", ".pt", ".bin"]
        .iter()
        .find_map(|end| name.strip_suffix(end));
    let called = |name: &str| {
        concepts
            .iter()
            .position(|concept| concept.name.eq_ignore_ascii_case(name))
    };
    called(name).or_else(|| called(bare?)).ok_or_else(|| {
        let name: String = name.chars().take(80).collect();
        Error::Unsupported(format!(
            "There is no embedding {}: put {0}.safetensors into a folder `embeddings` of the models folders.",
            escape_line(&name)
        ))
    })
}
