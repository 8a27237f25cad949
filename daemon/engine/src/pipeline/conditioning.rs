use darkroom_protocol::{Conditioning, ImageTask};
use tch::Tensor;

use super::{Model, Observer, check_numbers};
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
    let positive = encode(model, &task.prompt, "prompt", cancel, observer)?;
    let guided = task.cfg_scale != 1.0;
    let negative = guided
        .then(|| encode(model, &task.negative, "negative prompt", cancel, observer))
        .transpose()?;
    model.rest_after_prompts();
    Ok(Prompts { positive, negative })
}

fn encode(
    model: &Model,
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
    let hidden = model.encode(&ids, cancel)?;
    check_numbers("text_encoder", &hidden)?;
    Ok(hidden)
}
