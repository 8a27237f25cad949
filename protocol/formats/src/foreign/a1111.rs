//! A1111's text, and what the programs that write it too put into it: SD.Next, stable-diffusion.cpp, Fooocus in its scheme "a1111",
//! Darkroom where its record is lost. `foreign::said` asks here last. The text is taken apart in `infotext/`.

use std::collections::BTreeSet;

use darkroom_protocol::params::TABLE;
use darkroom_protocol::sampler::{Named, Sampler};
use serde_json::Value;

use super::{Said, Texts, Writer};
use crate::Infotext;

pub(super) fn read(texts: &Texts) -> Option<Said> {
    let text = texts.parameters()?;
    if is_json(text) {
        return None;
    }
    let info = Infotext::parse(text);
    // Cameras and screens write comments too: without settings they are no prompts.
    if info.settings.is_empty() && texts.get("parameters").is_none() {
        return None;
    }
    let mut said = Said::new(writer(&info));
    let (prompt, negative) = typed(&info, said.writer);
    said.put("prompt", "prompt", &prompt.into());
    said.put("negative_prompt", "negative_prompt", &negative.into());
    let is_refined =
        info.settings.iter().any(|(key, _)| key.starts_with("Hires")) && info.get("Hires denoising strength").is_none();
    let mut known = BTreeSet::new();
    for (key, value) in &info.settings {
        let value = Value::from(value.as_str());
        match (said.writer, key.as_str()) {
            // A value is tried once a key: what a name is near to takes time to find out.
            (_, key) if !known.insert(key) => said.other(key, &value),
            (_, "Size") => said.size(key, &value),
            (_, "Hires resize") => said.second_size(key, &value),
            // It is the second pass's, not that of a picture to begin with.
            (_, "Denoising strength") if is_refined => said.put("hires_denoise", key, &value),
            (Writer::Fooocus, "Scheduler") => said.put("schedule", key, &value),
            (Writer::Fooocus, "Raw prompt" | "Raw negative prompt") => {}
            (Writer::StableDiffusionCpp, "Sampler") => sampler(&mut said, key, &value),
            // It is DDIM's and TCD's alone there, and written with every sampler.
            (Writer::StableDiffusionCpp, "Eta") => said.other(key, &value),
            // Its word for the model's own.
            (Writer::Fooocus, "VAE") if value == "Default (model)" => said.other(key, &value),
            (Writer::StableDiffusionCpp, "Model") => said.model(key, &value),
            _ => match row(key) {
                Some(row) => said.put(row, key, &value),
                None => said.other(key, &value),
            },
        }
    }
    if said.writer == Writer::Fooocus && prompt != info.prompt {
        said.other("full_prompt", &info.prompt.as_str().into());
    }
    if said.writer == Writer::Fooocus && negative != info.negative {
        said.other("full_negative_prompt", &info.negative.as_str().into());
    }
    Some(said)
}

/// Whether it is one of the objects that several programs keep in the same place, some behind a name and a colon. As prompts they
/// would be nonsense; `{red|blue} fox` is one.
fn is_json(text: &str) -> bool {
    let text = text.trim_start().trim_start_matches(char::is_alphabetic);
    let inside = text.trim_start_matches(':').trim_start().strip_prefix('{');
    inside.is_some_and(|inside| inside.trim_start().starts_with(['"', '}']))
}

fn writer(info: &Infotext) -> Writer {
    let is_own = |name: &str| info.get("Version").is_some_and(|version| version.starts_with(name));
    match info.get("App") {
        Some("SD.Next") => Writer::SdNext,
        _ if is_own("stable-diffusion.cpp") => Writer::StableDiffusionCpp,
        _ if is_own("Fooocus") => Writer::Fooocus,
        _ if is_own("darkroom") => Writer::Darkroom,
        _ => Writer::A1111,
    }
}

/// What was asked for. Fooocus writes its styles' words into the prompts, and what somebody typed beside them.
fn typed(info: &Infotext, writer: Writer) -> (&str, &str) {
    let or = |key, text| info.get(key).filter(|_| writer == Writer::Fooocus).unwrap_or(text);
    (
        or("Raw prompt", info.prompt.as_str()),
        or("Raw negative prompt", info.negative.as_str()),
    )
}

/// The parameter that has this key in metadata.
fn row(key: &str) -> Option<&'static str> {
    let row = TABLE.iter().find(|row| !row.metadata.is_empty() && row.metadata == key);
    row.map(|row| row.name)
}

/// stable-diffusion.cpp writes the schedule behind the sampler, also such as are not built here. Its samplers' names have no spaces.
fn sampler(said: &mut Said, key: &str, value: &Value) {
    let parts = value.as_str().and_then(|text| text.split_once(' '));
    match parts {
        Some((sampler, schedule)) if Sampler::from_name(sampler).is_some() => {
            said.put("sampler", key, &sampler.into());
            said.put("schedule", "Schedule type", &schedule.into());
        }
        _ => said.put("sampler", key, value),
    }
}
