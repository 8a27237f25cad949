use darkroom_protocol::{Conditioning, ImageTask};
use tch::Tensor;

use super::{Model, Observer, check_numbers};
use crate::text::clip::ClipTextModel;
use crate::{Cancel, Error, Result};

/// The prompts as the denoiser reads them: [1, tokens, width] each.
pub struct Prompts {
    /// What to show.
    pub positive: Tensor,
    /// What to avoid; absent where guidance does not compute it.
    pub negative: Option<Tensor>,
}

/// Encodes both prompts of `task`.
///
/// # Errors
/// [`Error::Unsupported`] for chunks with a weight or a schedule, which this engine does not apply yet.
pub fn encode_prompts(
    model: &Model,
    task: &ImageTask,
    cancel: &Cancel,
    observer: &mut dyn Observer,
) -> Result<Prompts> {
    let text_encoder = model.text_encoder()?;
    let positive = encode(model, &text_encoder, &task.prompt, "prompt", cancel, observer)?;
    let negative = task
        .is_guided()
        .then(|| {
            encode(
                model,
                &text_encoder,
                &task.negative,
                "negative prompt",
                cancel,
                observer,
            )
        })
        .transpose()?;
    text_encoder.rest();
    Ok(Prompts { positive, negative })
}

fn encode(
    model: &Model,
    text_encoder: &ClipTextModel,
    words: &Conditioning,
    what: &str,
    cancel: &Cancel,
    observer: &mut dyn Observer,
) -> Result<Tensor> {
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
    cancel.check()?;
    let (ids, dropped) = model.tokens(&chunk.text)?;
    if let Some(line) = dropped {
        observer.notice(&format!("The {what} is too long: {line}"));
    }
    let hidden = model.encode(text_encoder, &ids, cancel)?;
    check_numbers("text_encoder", &hidden)?;
    Ok(hidden)
}
