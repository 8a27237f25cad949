use std::ops::Range;
use std::time::Instant;

use darkroom_protocol::{ImageTask, Phase, Progress};

use super::conditioning::encode_prompts;
use super::denoise::denoise;
use super::{Model, Observer, Work, decode, save};
use crate::sampling::plan;
use crate::{Error, Result};

/// Makes the pictures of `work` with `model`.
///
/// Pictures are computed `micro_batch` at a time, in groups that do not depend on `skip`: a picture is the same whether or
/// not the others of its group exist already.
///
/// # Errors
/// [`Error::Cancelled`], [`Error::NotANumber`] naming the component, out of memory, a full disk.
pub fn text_to_image(work: &Work, model: &Model, observer: &mut dyn Observer) -> Result<()> {
    let task = work.task;
    check_size(task, model)?;
    let plan = plan(&model.scheduler, task.sampler, task.schedule, task.steps as usize)?;
    plan.notices.iter().for_each(|line| observer.notice(line));
    observer.progress(at(task, Phase::Encode, 0, 0, 1));
    let prompts = encode_prompts(model, task, work.cancel, observer)?;
    let groups: Vec<_> = groups(task)
        .filter(|group| group.clone().any(|i| !work.skip.contains(&i)))
        .collect();
    for (n, group) in groups.iter().enumerate() {
        let begun = Instant::now();
        let latents = denoise(
            work,
            model,
            &plan,
            &prompts,
            group.clone(),
            groups.len() - n - 1,
            observer,
        )?;
        for index in group.clone().filter(|i| !work.skip.contains(i)) {
            observer.progress(at(task, Phase::Decode, index, index, task.batch));
            let one = latents.narrow(0, i64::from(index - group.start), 1);
            let pixels = decode::decode(model, &one, work.cancel)?;
            observer.progress(at(task, Phase::Save, index, index, task.batch));
            observer.saved(save::save(work, index, &pixels, begun)?);
        }
    }
    Ok(())
}

/// The pictures that are computed together.
fn groups(task: &ImageTask) -> impl Iterator<Item = Range<u32>> {
    let size = task.micro_batch.clamp(1, task.batch.max(1));
    let batch = task.batch;
    (0..batch.div_ceil(size)).map(move |n| n * size..((n + 1) * size).min(batch))
}

/// Progress outside the denoise loop.
fn at(task: &ImageTask, phase: Phase, image: u32, step: u32, steps: u32) -> Progress {
    Progress {
        phase,
        image,
        images: task.batch,
        step,
        steps,
        sigma: None,
        step_s: None,
        eta_s: None,
    }
}

/// The daemon has checked this against the model's card; a task from elsewhere is not believed either.
fn check_size(task: &ImageTask, model: &Model) -> Result<()> {
    let factor = model.vae_factor();
    let fits = |n: u32| n > 0 && n.is_multiple_of(factor);
    if fits(task.width) && fits(task.height) {
        return Ok(());
    }
    let text = format!(
        "{}×{} is not in multiples of {factor}, the model's VAE factor.",
        task.width, task.height
    );
    Err(Error::Unsupported(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_protocol::{Conditioning, Dtype, Format, ModelSource, Quant, Sampler, Schedule};
    use rstest::rstest;

    fn task(batch: u32, micro_batch: u32) -> ImageTask {
        ImageTask {
            model: "emoji".into(),
            source: ModelSource::Embedded("emoji".into()),
            prompt: Conditioning::plain("apple"),
            negative: Conditioning::plain(""),
            width: 64,
            height: 64,
            steps: 1,
            cfg_scale: 4.0,
            sampler: Sampler::Ddim,
            schedule: Schedule::Auto,
            seed: 0,
            batch,
            micro_batch,
            device: "cpu".into(),
            dtype: Dtype::F32,
            threads: 0,
            format: Format::Png,
            quant: Quant::None,
        }
    }

    #[rstest]
    #[case(1, 1, vec![0..1])]
    #[case(5, 2, vec![0..2, 2..4, 4..5])]
    #[case(3, 8, vec![0..3])]
    #[case(2, 0, vec![0..1, 1..2])]
    fn groups_cover_the_batch(#[case] batch: u32, #[case] micro: u32, #[case] expected: Vec<Range<u32>>) {
        assert_eq!(groups(&task(batch, micro)).collect::<Vec<_>>(), expected);
    }
}
