//! Pictures from a task, stage by stage: from a prompt alone, or from a prompt and a picture to begin with. The worker comes here
//! with a model in memory. What memory runs short for is done again as [`Relief`] changed the task, which is why every stage reads the
//! task from there.

use std::collections::HashSet;
use std::ops::Range;
use std::time::Instant;

use darkroom_protocol::{ImageTask, ModelTask, Phase, Progress, Tiling};
use tch::{Kind, Tensor};

use super::colors::corrected;
use super::decode::decode;
use super::denoise::{Course, denoise};
use super::encode::{Rgb8, to_rgb8};
use super::encode_prompts::{Times, encode_prompts};
use super::hires::{self, Enlarged, SecondPass};
use super::inpaint::Part;
use super::prepare::{Beginning, Group, beginning, encoded, prepare};
use super::relief::{Relief, Room, stage};
use super::save::save;
use super::upscale::Upscaler;
use super::{Observer, Work};
use crate::model::{Model, Posterior, Prompts, SamplingWish};
use crate::nn::Seamless;
use crate::sampling::{Plan, Tuning};
use crate::torch::{self, Device};
use crate::{Error, Result};

/// Makes the pictures of `task` with `model`, which is the only one there is: [`make_pictures_within`].
///
/// # Errors
/// As there.
pub fn make_pictures(task: &ImageTask, work: &Work, model: &Model, observer: &mut dyn Observer) -> Result<()> {
    let mut relief = Relief::new(task.clone(), Alone(model.device()));
    make_pictures_within(work, model, observer, &mut relief)
}

/// Makes the pictures of `relief`'s task with `model`. Where memory runs out, `relief` makes room and changes the task.
///
/// Pictures are computed `micro_batch` at a time, in groups that do not depend on `skip`: a picture is the same whether or
/// not the others of its group exist already.
///
/// # Errors
/// [`Error::Cancelled`], [`Error::NotANumber`] naming the component, [`Error::Input`], [`Error::NoRoom`], a full disk.
pub fn make_pictures_within<R: Room>(
    work: &Work,
    model: &Model,
    observer: &mut dyn Observer,
    relief: &mut Relief<R>,
) -> Result<()> {
    check_size(relief.task(), model)?;
    check_tiling(relief.task(), model)?;
    let _seamless = Seamless::along(relief.task().size.tiling.axes());
    let space = model.family().latents();
    relief.set_tile(space.tile * space.kind.factor);
    let plan = plan(relief.task(), model)?;
    plan.notices.iter().for_each(|line| observer.notice(line));
    let again = hires::asked(relief.task(), model)?;
    let upscaler = relief.stage(Phase::Upscale, model, observer, |task, _| {
        Upscaler::open(task, model.device(), work.cancel)
    })?;
    observer.progress(at(relief.task(), Phase::Encode, 0, 0, 1));
    let prompts = relief.stage(Phase::Encode, model, observer, |task, observer| {
        encode_prompts(model, task, Times::first(task), work.cancel, observer)
    })?;
    let second = match again {
        Some(again) => Some(second_pass(&again, (work, model), observer, relief)?),
        None => None,
    };
    if relief.task().inputs.init_image.is_some() {
        observer.progress(at(relief.task(), Phase::Prepare, 0, 0, 1));
    }
    let beginning = relief.stage(Phase::Prepare, model, observer, |task, observer| {
        beginning(task, work, model, observer)
    })?;
    let mut pictures = Pictures {
        work,
        model,
        plan: &plan,
        prompts: &prompts,
        beginning: &beginning,
        second: second.as_ref(),
        pixels: relief.task().pixels(),
        upscaler: upscaler.as_ref(),
        done: work.skip.iter().copied().chain(unwanted(relief.task())).collect(),
    };
    while let Some(group) = pictures.next_group(relief.task()) {
        pictures.make(group, observer, relief)?;
    }
    Ok(())
}

/// The second pass with those numbers, ready to begin, and what it is told.
fn second_pass<R: Room>(
    pass: &darkroom_protocol::hires::SecondPass,
    (work, model): (&Work, &Model),
    observer: &mut dyn Observer,
    relief: &mut Relief<R>,
) -> Result<(SecondPass, Prompts)> {
    let plan = hires::plan(pass, model)?;
    if relief.task().hires.sampler.is_some() || relief.task().hires.schedule.is_some() {
        plan.notices.iter().for_each(|line| observer.notice(line));
    }
    let prompts = relief.stage(Phase::Encode, model, observer, |first, observer| {
        encode_prompts(model, &pass.task, hires::times(first, pass), work.cancel, observer)
    })?;
    let pass = relief.stage(Phase::Prepare, model, observer, |_, observer| {
        SecondPass::open(pass, &plan, (work, model), observer)
    })?;
    Ok((pass, prompts))
}

/// Pictures of the batch that nobody asks for.
fn unwanted(task: &ImageTask) -> impl Iterator<Item = u32> {
    let (batch, only) = (task.size.batch, task.size.only);
    (0..batch).filter(move |index| only.is_some_and(|only| only != *index))
}

/// Every number of the task's denoise loop, which begins late where there is a picture to begin with.
fn plan(task: &ImageTask, model: &Model) -> Result<Plan> {
    let plan = whole_plan(task, model)?;
    match &task.inputs.init_image {
        // A model that edits reads the picture beside its noise.
        Some(_) if !matches!(model.family().task(), ModelTask::Edit | ModelTask::Reference) => {
            plan.denoise(task.inputs.denoise())
        }
        _ => Ok(plan),
    }
}

/// The same of a loop that begins with noise.
pub(super) fn whole_plan(task: &ImageTask, model: &Model) -> Result<Plan> {
    let plan = model.family().plan(&SamplingWish {
        sampler: task.sampling.sampler,
        schedule: task.sampling.schedule,
        steps: task.sampling.steps as usize,
        prediction: task.sampling.prediction,
        size: (task.size.height, task.size.width),
    })?;
    plan.tuned(&Tuning::of(&task.sampling, model.family().is_xl()))
}

/// The pictures of a task in the making.
struct Pictures<'a> {
    work: &'a Work<'a>,
    model: &'a Model,
    plan: &'a Plan,
    prompts: &'a Prompts,
    beginning: &'a Beginning,
    second: Option<&'a (SecondPass, Prompts)>,
    /// Of one in the first pass.
    pixels: u64,
    upscaler: Option<&'a Upscaler>,
    /// Those that exist.
    done: HashSet<u32>,
}

impl Pictures<'_> {
    /// A picture as it is saved: with the colours that it is to have, and what was made of a part is put back into the rest.
    fn finished(&self, made: Rgb8) -> Result<Rgb8> {
        let made = match &self.beginning.colors {
            Some(like) => corrected(&made, like),
            None => made,
        };
        match &self.beginning.part {
            Some(part) => part.put_back(&made).ok_or(Error::Defect),
            None => Ok(made),
        }
    }

    /// A decoded picture as it is saved, made larger where that is asked for: what is new in a picture that stays around it is put back
    /// before that, so that all of it becomes larger; what was made for a part alone has that part's size in any case.
    fn picture<R: Room>(
        &self,
        index: u32,
        pixels: &Tensor,
        observer: &mut dyn Observer,
        relief: &mut Relief<R>,
    ) -> Result<Rgb8> {
        let Some(upscaler) = self.upscaler else {
            return self.finished(to_rgb8(pixels)?);
        };
        let mut enlarge = |pixels: &Tensor| {
            relief.stage(Phase::Upscale, self.model, observer, |task, observer| {
                upscaler.apply(task, pixels, self.work.cancel, &mut |done, all| {
                    observer.progress(at(task, Phase::Upscale, index, done, all));
                })
            })
        };
        if self.beginning.part.as_ref().is_some_and(Part::is_whole) {
            let put_back = self.finished(to_rgb8(pixels)?)?.to_pixels();
            return to_rgb8(&enlarge(&torch::to(&put_back, self.model.device(), pixels.kind())?)?);
        }
        let enlarged = enlarge(pixels)?;
        self.finished(to_rgb8(&enlarged)?)
    }

    /// The first group that lacks a picture.
    fn next_group(&self, task: &ImageTask) -> Option<Range<u32>> {
        self.groups_left(task).next()
    }

    fn groups_left<'a>(&'a self, task: &'a ImageTask) -> impl Iterator<Item = Range<u32>> + 'a {
        groups(task).filter(|group| group.clone().any(|i| !self.done.contains(&i)))
    }

    /// Where the first pass of a group stands, after which so many groups follow.
    fn first_course(&self, groups: usize) -> Course {
        let calls = self.plan.calls() as f64;
        let second = self.second.map(|(second, _)| second.cost(self.pixels));
        let (after, then) = second.unwrap_or_default();
        Course {
            before: 0,
            after,
            calls_left: then + groups as f64 * (calls + then),
        }
    }

    /// And its second.
    fn second_course(&self, second: &SecondPass, groups: usize) -> Course {
        let (_, then) = second.cost(self.pixels);
        let ratio = then / (second.plan.calls().max(1) as f64);
        let each = (self.plan.calls() as f64 + then) / ratio.max(f64::MIN_POSITIVE);
        Course {
            before: self.plan.steps() as u32,
            after: 0,
            calls_left: groups as f64 * each,
        }
    }

    /// The latents of a group's first pass enlarged and denoised again. `None` where memory ran out and the task has changed.
    fn again<R: Room>(
        &self,
        (second, prompts): &(SecondPass, Prompts),
        group: &Range<u32>,
        latents: &Tensor,
        groups: usize,
        observer: &mut dyn Observer,
        relief: &mut Relief<R>,
    ) -> Result<Option<Tensor>> {
        let (work, model) = (self.work, self.model);
        let factor = model.family().latents().kind.factor;
        let enlarged = match second.enlarge(latents, factor) {
            Some(latents) => Enlarged::Latents(latents),
            None => {
                let each = group.clone().zip(0..).map(|(index, at)| {
                    let one = latents.narrow(0, at, 1);
                    self.enlarged(second, (index, &one), observer, relief)
                });
                Enlarged::Encoded(second.together(&each.collect::<Result<Vec<_>>>()?, factor))
            }
        };
        if second.of.steps == 0 {
            return Ok(Some(match enlarged {
                Enlarged::Latents(latents) => latents,
                Enlarged::Encoded(posterior) => posterior.mean.to_kind(Kind::Float),
            }));
        }
        let task = ImageTask {
            compute: relief.task().compute.clone(),
            ..second.of.task.clone()
        };
        let together = Group {
            task: &task,
            work,
            model,
            pictures: group.clone(),
        };
        let course = self.second_course(second, groups);
        let denoised = stage(Phase::Denoise, || {
            let start = second.start(&together, enlarged)?;
            denoise(&together, &second.plan, prompts, start, &course, observer)
        });
        match denoised {
            Ok(latents) => Ok(Some(latents)),
            Err(error) => relief
                .after(error, Phase::Denoise, Some(model), observer)
                .map(|()| None),
        }
    }

    /// One picture of a first pass enlarged by way of its pixels.
    fn enlarged<R: Room>(
        &self,
        second: &SecondPass,
        (index, latents): (u32, &Tensor),
        observer: &mut dyn Observer,
        relief: &mut Relief<R>,
    ) -> Result<Posterior> {
        let (work, model) = (self.work, self.model);
        let upscaler = second.upscaler().ok_or(Error::Defect)?;
        observer.progress(at(relief.task(), Phase::Decode, index, 0, 1));
        let pixels = relief.stage(Phase::Decode, model, observer, |task, observer| {
            decode(model, latents, task.compute.vae_tiling, work.cancel, observer)
        })?;
        let pixels = relief.stage(Phase::Upscale, model, observer, |task, observer| {
            let tile = task.compute.upscale_tile;
            upscaler.enlarge(&pixels, second.of.enlarged, tile, work.cancel, &mut |done, all| {
                observer.progress(at(task, Phase::Upscale, index, done, all));
            })
        })?;
        observer.progress(at(relief.task(), Phase::Prepare, index, 0, 1));
        relief.stage(Phase::Prepare, model, observer, |_, observer| {
            encoded(&(&pixels * 2.0 - 1.0), work, model, observer)
        })
    }

    /// Makes the pictures of `group` that are lacking. Without a picture where memory ran out and the task has changed, so that
    /// its groups may be others.
    fn make<R: Room>(&mut self, group: Range<u32>, observer: &mut dyn Observer, relief: &mut Relief<R>) -> Result<()> {
        let begun = Instant::now();
        let (work, model) = (self.work, self.model);
        let task = relief.task().clone();
        let after = self.groups_left(&task).count() - 1;
        let together = Group {
            task: &task,
            work,
            model,
            pictures: group.clone(),
        };
        let denoised = stage(Phase::Denoise, || {
            let start = prepare(&together, self.plan, self.beginning)?;
            denoise(
                &together,
                self.plan,
                self.prompts,
                start,
                &self.first_course(after),
                observer,
            )
        });
        let latents = match denoised {
            Ok(latents) => latents,
            Err(error) => return relief.after(error, Phase::Denoise, Some(model), observer),
        };
        let latents = match self.second {
            None => latents,
            Some(second) => match self.again(second, &group, &latents, after, observer, relief)? {
                Some(latents) => latents,
                None => return Ok(()),
            },
        };
        for index in group.clone() {
            if self.done.contains(&index) {
                continue;
            }
            observer.progress(at(&task, Phase::Decode, index, index, task.size.batch));
            let one = latents.narrow(0, i64::from(index - group.start), 1);
            let pixels = relief.stage(Phase::Decode, model, observer, |task, observer| {
                decode(model, &one, task.compute.vae_tiling, work.cancel, observer)
            })?;
            let picture = self.picture(index, &pixels, observer, relief)?;
            observer.progress(at(&task, Phase::Save, index, index, task.size.batch));
            observer.saved(save(relief.task(), work, index, &picture, begun)?);
            self.done.insert(index);
            if (0..task.size.batch).any(|i| !self.done.contains(&i)) {
                work.cancel.check_between_pictures()?;
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

/// Refuses edges that fit where they cannot.
fn check_tiling(task: &ImageTask, model: &Model) -> Result<()> {
    if task.size.tiling == Tiling::Off {
        return Ok(());
    }
    let refused = |what: &str| Err(Error::Unsupported(what.to_owned()));
    if !model.family().can_be_seamless() {
        return refused(
            "This model sees more than neighbours of a pixel, so that edges cannot be made to fit: leave tiling out.",
        );
    }
    if task.compute.vae_tiling {
        return refused(
            "vae_tiling decodes in tiles with edges of their own, which tiling cannot make fit: leave out one of them.",
        );
    }
    Ok(())
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
