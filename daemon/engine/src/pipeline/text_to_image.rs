use std::collections::HashSet;
use std::ops::Range;
use std::time::Instant;

use darkroom_protocol::{ImageTask, Phase, Progress};

use super::conditioning::encode_prompts;
use super::denoise::denoise;
use super::relief::{Relief, Room, stage};
use super::{Observer, Work, decode, save};
use crate::model::{Model, Prompts, SamplingWish};
use crate::sampling::Plan;
use crate::torch::{self, Device};
use crate::{Error, Result};

/// Makes the pictures of `work` with `model`, which is the only one there is: [`text_to_image_within`].
///
/// # Errors
/// As there.
pub fn text_to_image(work: &Work, model: &Model, observer: &mut dyn Observer) -> Result<()> {
    let mut relief = Relief::new(work.task.clone(), Alone(model.device()));
    text_to_image_within(work, model, observer, &mut relief)
}

/// Makes the pictures of `work` with `model`. Where memory runs out, `relief` makes room and changes the task.
///
/// Pictures are computed `micro_batch` at a time, in groups that do not depend on `skip`: a picture is the same whether or
/// not the others of its group exist already.
///
/// # Errors
/// [`Error::Cancelled`], [`Error::NotANumber`] naming the component, [`Error::NoRoom`], a full disk.
pub fn text_to_image_within<R: Room>(
    work: &Work,
    model: &Model,
    observer: &mut dyn Observer,
    relief: &mut Relief<R>,
) -> Result<()> {
    let task = work.task;
    check_size(task, model)?;
    let space = model.family().latents();
    relief.set_tile(space.tile * space.kind.factor);
    let plan = model.family().plan(&SamplingWish {
        sampler: task.sampling.sampler,
        schedule: task.sampling.schedule,
        steps: task.sampling.steps as usize,
        prediction: task.sampling.prediction,
    })?;
    plan.notices.iter().for_each(|line| observer.notice(line));
    observer.progress(at(task, Phase::Encode, 0, 0, 1));
    let prompts = loop {
        match stage(Phase::Encode, || encode_prompts(model, task, work.cancel, observer)) {
            Ok(prompts) => break prompts,
            Err(error) => relief.after(error, Phase::Encode, Some(model), observer)?,
        }
    };
    let mut pictures = Pictures {
        work,
        model,
        plan: &plan,
        prompts: &prompts,
        done: work.skip.iter().copied().collect(),
    };
    while let Some(group) = pictures.next_group(relief.task()) {
        pictures.make(group, observer, relief)?;
    }
    Ok(())
}

/// The pictures of a task in the making.
struct Pictures<'a> {
    work: &'a Work<'a>,
    model: &'a Model,
    plan: &'a Plan,
    prompts: &'a Prompts,
    /// Those that exist.
    done: HashSet<u32>,
}

impl Pictures<'_> {
    /// The first group that lacks a picture.
    fn next_group(&self, task: &ImageTask) -> Option<Range<u32>> {
        self.groups_left(task).next()
    }

    fn groups_left<'a>(&'a self, task: &'a ImageTask) -> impl Iterator<Item = Range<u32>> + 'a {
        groups(task).filter(|group| group.clone().any(|i| !self.done.contains(&i)))
    }

    /// Makes the pictures of `group` that are lacking. Without a picture where memory ran out and the task has changed, so that
    /// its groups may be others.
    fn make<R: Room>(&mut self, group: Range<u32>, observer: &mut dyn Observer, relief: &mut Relief<R>) -> Result<()> {
        let begun = Instant::now();
        let task = relief.task().clone();
        let work = self.work.of(&task);
        let after = self.groups_left(&task).count() - 1;
        let denoised = stage(Phase::Denoise, || {
            denoise(
                &work,
                self.model,
                self.plan,
                self.prompts,
                group.clone(),
                after,
                observer,
            )
        });
        let latents = match denoised {
            Ok(latents) => latents,
            Err(error) => return relief.after(error, Phase::Denoise, Some(self.model), observer),
        };
        for index in group.clone() {
            if self.done.contains(&index) {
                continue;
            }
            observer.progress(at(&task, Phase::Decode, index, index, task.size.batch));
            let one = latents.narrow(0, i64::from(index - group.start), 1);
            let pixels = loop {
                let tiled = relief.task().compute.vae_tiling;
                match stage(Phase::Decode, || decode::decode(self.model, &one, tiled, work.cancel)) {
                    Ok(pixels) => break pixels,
                    Err(error) => relief.after(error, Phase::Decode, Some(self.model), observer)?,
                }
            };
            observer.progress(at(&task, Phase::Save, index, index, task.size.batch));
            observer.saved(save::save(&self.work.of(relief.task()), index, &pixels, begun)?);
            self.done.insert(index);
            if (0..task.size.batch).any(|i| !self.done.contains(&i)) {
                self.work.cancel.check_between_pictures()?;
            }
        }
        Ok(())
    }
}

/// A device with one model.
struct Alone(Device);

impl Room for Alone {
    fn device(&self) -> Device {
        self.0
    }

    fn free_cached(&mut self) {
        if let Err(e) = torch::empty_cache(self.0) {
            tracing::warn!("cached memory stays: {e}");
        }
    }

    fn has_others(&self) -> bool {
        false
    }

    fn unload_others(&mut self) {}

    fn forget(&mut self) {}
}

/// The pictures that are computed together.
fn groups(task: &ImageTask) -> impl Iterator<Item = Range<u32>> + use<> {
    let size = task.compute.micro_batch.clamp(1, task.size.batch.max(1));
    let batch = task.size.batch;
    (0..batch.div_ceil(size)).map(move |n| n * size..((n + 1) * size).min(batch))
}

/// Progress of a model on its way into memory: `done` of its `all` components that are read.
pub fn loading(done: u32, all: u32) -> Progress {
    Progress {
        phase: Phase::Load,
        image: 0,
        images: 0,
        step: done,
        steps: all,
        sigma: None,
        step_s: None,
        eta_s: None,
    }
}

/// Progress outside the denoise loop.
fn at(task: &ImageTask, phase: Phase, image: u32, step: u32, steps: u32) -> Progress {
    Progress {
        phase,
        image,
        images: task.size.batch,
        step,
        steps,
        sigma: None,
        step_s: None,
        eta_s: None,
    }
}

/// The daemon has checked this against the model's card; a task from elsewhere is not believed either.
fn check_size(task: &ImageTask, model: &Model) -> Result<()> {
    let factor = model.family().latents().kind.factor;
    let fits = |n: u32| n > 0 && n.is_multiple_of(factor);
    if fits(task.size.width) && fits(task.size.height) {
        return Ok(());
    }
    let text = format!(
        "{}×{} is not in multiples of {factor}, the model's VAE factor.",
        task.size.width, task.size.height
    );
    Err(Error::Unsupported(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::testing::task;
    use rstest::rstest;

    #[rstest]
    #[case(1, 1, vec![0..1])]
    #[case(5, 2, vec![0..2, 2..4, 4..5])]
    #[case(3, 8, vec![0..3])]
    #[case(2, 0, vec![0..1, 1..2])]
    fn groups_cover_the_batch(#[case] batch: u32, #[case] micro: u32, #[case] expected: Vec<Range<u32>>) {
        assert_eq!(groups(&task(batch, micro)).collect::<Vec<_>>(), expected);
    }
}
