//! A task's prompts as conditioning over its steps. `pictures.rs` calls it once a task; how prompts are written is known to `prompt/`,
//! how they are encoded to the model, and `denoise.rs` asks which counts at a step.

use std::collections::HashMap;

use darkroom_protocol::ImageTask;
use darkroom_protocol::lora::without_tags;

use super::{Observer, check_numbers};
use crate::model::{ComponentKind, Composed, Cond, Encoded, Guide, Model, Prompts};
use crate::prompt::{Concept, Part, Rules, Wording, read, writes_weights};
use crate::{Cancel, Error, Result};

/// The most bytes of conditioning of one task: alternating prompts may have as many texts as there are steps.
const MOST: u64 = 1 << 30;
/// About how many bytes of text are encoded at once.
const AT_ONCE: usize = 128 << 10;

/// Over which steps prompts change.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// The steps that run.
    pub run: usize,
    /// The steps that times in prompts are parts of.
    pub of: usize,
    /// The steps of the pass before, from whose beginning times are counted.
    pub before: Option<usize>,
}

impl Times {
    /// Those of the one pass that a task has, or of its first.
    pub fn first(task: &ImageTask) -> Self {
        Self {
            run: task.steps_run() as usize,
            of: task.sampling.steps.max(1) as usize,
            before: None,
        }
    }
}

/// Encodes both prompts of `task` for a pass of those steps, the negative one where guidance computes it.
///
/// # Errors
/// What is wrong with a prompt or an embedding, in words; those of encoders.
pub fn encode_prompts(
    model: &Model,
    task: &ImageTask,
    times: Times,
    cancel: &Cancel,
    observer: &mut dyn Observer,
) -> Result<Prompts> {
    cancel.check()?;
    let concepts = task
        .inputs
        .embeddings
        .iter()
        .map(Concept::read)
        .collect::<Result<_>>()?;
    let mut rules = Rules {
        steps: times.of.max(1),
        before: times.before,
        ..Rules::of(task, concepts)
    };
    if !model.family().reads_syntax() {
        rules = rules.plain();
        if writes_weights(&task.what.prompt) || writes_weights(&task.what.negative) {
            observer.notice("This model's text encoder is a language model, which reads weights such as (word:1.2) as they are written.");
        }
    }
    // Tags of LoRAs name files, which the task has: they are no words.
    let positive = read(&without_tags(&task.what.prompt), &rules, true)?;
    let told = model.family().embeds_guidance();
    if told && task.is_guided() && !task.what.negative.trim().is_empty() {
        observer.notice("This model is told the guidance itself and computes no prediction without the prompt: the negative prompt is not used.");
    }
    let negative = match task.is_guided() && !told {
        true => read(&task.what.negative, &rules, false)?,
        false => Vec::new(),
    };
    let mut texts = Texts {
        model,
        cancel,
        conds: HashMap::new(),
        bytes: 0,
    };
    for (parts, what) in [(&positive, "prompt"), (&negative, "negative prompt")] {
        let wordings = parts.iter().flat_map(|part| &part.spans).map(|span| &span.wording);
        texts.encode(wordings, what, observer)?;
    }
    let mut all = |parts: &[Part]| {
        let parts = parts.iter().map(|part| texts.of(part, observer));
        parts.collect::<Result<Vec<_>>>()
    };
    let conds = (all(&positive)?, all(&negative)?);
    let guide = |step: usize| guide((&positive, &conds.0), (&negative, &conds.1), step);
    let mut changes = (1..times.run).filter(|step| {
        let parts = || positive.iter().chain(&negative);
        parts().any(|part| part.at(*step) != part.at(*step - 1))
    });
    let later = changes.try_fold(Vec::new(), |mut later, step| {
        later.push((step, guide(step)?));
        Ok::<_, Error>(later)
    })?;
    Ok(Prompts::changing(guide(0)?, later))
}

/// What the denoiser is told at step `step`, from 0. Of several composed prompts the shorter ones end with their last token once more, as in
/// `stack_conds` of AUTOMATIC1111's `modules/prompt_parser.py`.
fn guide(positive: (&[Part], &[Vec<Cond>]), negative: (&[Part], &[Vec<Cond>]), step: usize) -> Result<Guide> {
    let told = |(parts, conds): (&[Part], &[Vec<Cond>])| -> Result<Vec<(f64, Cond)>> {
        let each = parts.iter().zip(conds).map(|(part, conds)| {
            let cond = conds.get(part.at(step)).ok_or(Error::Defect)?;
            Ok((part.weight, cond.share()))
        });
        each.collect()
    };
    let mut shown = told(positive)?;
    let avoided = told(negative)?.pop().map(|(_, cond)| cond);
    let longest = shown
        .iter()
        .map(|(_, cond)| cond.tokens.size()[1])
        .max()
        .unwrap_or_default();
    for (_, cond) in &mut shown {
        let length = cond.tokens.size()[1];
        // Families whose prompts are as long as their words have a mask, by which a batch of unlike ones is made.
        if length < longest && cond.mask.is_none() {
            let last = cond.tokens.narrow(1, length - 1, 1).repeat([1, longest - length, 1]);
            cond.tokens = tch::Tensor::cat(&[&cond.tokens, &last], 1);
        }
    }
    let (weight, first) = shown.remove(0);
    let mut guide = Guide::of(first, avoided);
    if !shown.is_empty() {
        guide.composed = Some(Composed { weight, others: shown });
    }
    Ok(guide)
}

/// The texts of a task, each encoded once.
struct Texts<'a> {
    model: &'a Model,
    cancel: &'a Cancel,
    /// By [`Wording::key`].
    conds: HashMap<String, Cond>,
    /// Of all of them.
    bytes: u64,
}

impl Texts<'_> {
    /// Encodes those that are not yet, many at once: a text encoder may have to be read for it.
    fn encode<'w>(
        &mut self,
        wordings: impl Iterator<Item = &'w Wording>,
        what: &str,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let mut waiting: Vec<Wording> = Vec::new();
        let mut keys: Vec<String> = Vec::new();
        let mut length = 0;
        let mut wordings = wordings.peekable();
        while let Some(wording) = wordings.next() {
            let key = wording.key();
            if !self.conds.contains_key(&key) && !keys.contains(&key) {
                length += wording.text().len();
                waiting.push(wording.clone());
                keys.push(key);
            }
            // A token has a byte at least, so that what is encoded before it is measured has a bound.
            if length > AT_ONCE || wordings.peek().is_none() {
                let encoded = self.model.encode(&std::mem::take(&mut waiting), self.cancel)?;
                for (key, encoded) in keys.drain(..).zip(encoded) {
                    self.take(key, encoded, what, observer)?;
                }
                length = 0;
            }
        }
        Ok(())
    }

    fn take(&mut self, key: String, encoded: Encoded, what: &str, observer: &mut dyn Observer) -> Result<()> {
        if let Some(line) = &encoded.notice {
            observer.notice(&format!("The {what} is too long: {line}"));
        }
        self.bytes += encoded.cond.bytes();
        if self.bytes > MOST {
            return Err(Error::Unsupported(format!(
                "The prompts come to more than {} GB of conditioning over the steps: shorten them, or let fewer words alternate.",
                MOST >> 30
            )));
        }
        check_numbers(self.model.name_of(ComponentKind::TextEncoder), &encoded.cond.tokens)?;
        self.conds.insert(key, encoded.cond);
        Ok(())
    }

    /// The conditioning of each text of `part`, all equally long: the shorter ones get chunks without words, as in
    /// AUTOMATIC1111's `modules/sd_hijack_clip.py`.
    fn of(&mut self, part: &Part, observer: &mut dyn Observer) -> Result<Vec<Cond>> {
        let each = part.spans.iter().map(|span| self.known(&span.wording));
        let mut conds = each.collect::<Result<Vec<Cond>>>()?;
        let length = |cond: &Cond| cond.tokens.size()[1];
        let longest = conds.iter().map(length).max().unwrap_or_default();
        let fixed = conds.iter().all(|cond| cond.mask.is_none());
        if fixed && conds.iter().any(|cond| length(cond) < longest) {
            let nothing = part.spans[0].wording.wordless();
            self.encode(std::iter::once(&nothing), "prompt", observer)?;
            let nothing = self.known(&nothing)?.tokens;
            for cond in &mut conds {
                let missing = (longest - length(cond)) / nothing.size()[1].max(1);
                if missing > 0 {
                    cond.tokens = tch::Tensor::cat(&[&cond.tokens, &nothing.repeat([1, missing, 1])], 1);
                }
            }
        }
        Ok(conds)
    }

    fn known(&self, wording: &Wording) -> Result<Cond> {
        let cond = self.conds.get(&wording.key()).ok_or(Error::Defect)?;
        Ok(cond.share())
    }
}
