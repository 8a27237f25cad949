use darkroom_protocol::{Conditioning, ImageTask};

use super::{Observer, check_numbers};
use crate::model::{ComponentKind, Guide, Model, Prompts};
use crate::{Cancel, Error, Result};

/// Encodes both prompts of `task`, the negative one where guidance computes it.
///
/// # Errors
/// [`Error::Unsupported`] for chunks with a weight or a schedule, which this engine does not apply yet.
pub fn encode_prompts(
    model: &Model,
    task: &ImageTask,
    cancel: &Cancel,
    observer: &mut dyn Observer,
) -> Result<Prompts> {
    cancel.check()?;
    let mut texts = vec![plain(&task.prompt, "prompt")?];
    if task.is_guided() {
        texts.push(plain(&task.negative, "negative prompt")?);
    }
    let mut conds = Vec::new();
    for (encoded, what) in model
        .encode(&texts, cancel)?
        .into_iter()
        .zip(["prompt", "negative prompt"])
    {
        if let Some(line) = encoded.notice {
            observer.notice(&format!("The {what} is too long: {line}"));
        }
        check_numbers(model.name_of(ComponentKind::TextEncoder), &encoded.cond.tokens)?;
        conds.push(encoded.cond);
    }
    let mut conds = conds.into_iter();
    Ok(Prompts::constant(Guide {
        positive: conds.next().ok_or(Error::Defect)?,
        negative: conds.next(),
    }))
}

fn plain<'a>(words: &'a Conditioning, what: &str) -> Result<&'a str> {
    let [chunk] = words.chunks.as_slice() else {
        return Err(Error::Unsupported(format!(
            "The {what} has {} chunks; this worker reads one.",
            words.chunks.len()
        )));
    };
    if !chunk.is_plain() {
        return Err(Error::Unsupported(format!(
            "The {what} has weights or a schedule; this worker reads plain words."
        )));
    }
    Ok(&chunk.text)
}
