//! Components of a model in files of their own: which component such a file is, what it says of its configuration, and how it stands
//! in for the model's own.
//!
//! [`Parts`] is made of the files that a task names, for a base: a model's folder or file, or a denoiser alone, which lacks the rest.
//! Laid over its base it is a model's folder like any other, so that catalogue, card and engine read it without knowing. Files are
//! told by names and shapes of their tensors, never by what they are called; families give the components' names.

mod assembled;
mod encoders;
mod kinds;
mod measure;
mod own;
mod transformers;
mod unet;

pub use assembled::{Assembled, Parts};
pub(crate) use encoders::clip_heads;
pub(crate) use measure::measured;
pub use own::{Naming, OwnPart};

use darkroom_protocol::PartRole;

use crate::family::Built;

/// What the component called `name` is for.
pub(crate) fn role(built: &Built, name: &str) -> PartRole {
    if name == built.denoiser {
        PartRole::Denoiser
    } else if name.starts_with("vae") {
        PartRole::Vae
    } else {
        PartRole::TextEncoder
    }
}

/// The sentence about a model at `place` that lacks these components; begins with what is said of it.
pub(crate) fn lacking(built: &Built, lacks: &[String]) -> String {
    let mut flags: Vec<&str> = lacks.iter().map(|name| role(built, name).flag()).collect();
    flags.dedup();
    let gives = if flags.len() == 1 { "gives" } else { "give" };
    let them = if lacks.len() == 1 { "it" } else { "them" };
    let lacks: Vec<String> = lacks.iter().map(|name| called(built, name)).collect();
    format!(
        "has no {}: {} {gives} {them}.",
        lacks.join(" and no "),
        flags.join(" and ")
    )
}

/// The component `name` in messages: text encoders of transformers with the name that people know them by, as they are files of their own.
fn called(built: &Built, name: &str) -> String {
    let class = built.components.iter().find(|(known, _)| *known == name);
    let known = match class {
        Some((_, "T5EncoderModel")) => "T5-XXL",
        Some((_, "Qwen3Model")) => "Qwen3",
        Some((_, "CLIPTextModel")) if built.denoiser == "transformer" => "CLIP-L",
        _ => return name.to_owned(),
    };
    format!("{name} ({known})")
}

#[cfg(test)]
mod bare_tests;
#[cfg(test)]
mod tests;
