use darkroom_protocol::ImageTask;
use darkroom_protocol::lora::without_tags;

use super::{Observer, check_numbers};
use crate::model::{ComponentKind, Guide, Model, Prompts};
use crate::{Cancel, Error, Result};

/// Encodes both prompts of `task`, the negative one where guidance computes it.
pub fn encode_prompts(
    model: &Model,
    task: &ImageTask,
    cancel: &Cancel,
    observer: &mut dyn Observer,
) -> Result<Prompts> {
    cancel.check()?;
    // Tags of LoRAs name files, which the task has: they are no words.
    let prompt = without_tags(&task.what.prompt);
    let mut texts = vec![prompt.as_str()];
    if task.is_guided() {
        texts.push(task.what.negative.as_str());
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
