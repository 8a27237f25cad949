//! The denoise loop: from the state that `prepare.rs` made to latents. It tells how far it is, how long it will take, and what the
//! pictures look like on the way.

use std::time::Instant;

use darkroom_protocol::{GuidanceMethod, ImageTask, Phase, Progress, failpoint};
use tch::{Kind, Tensor};

use super::deep_cache::DeepCache;
use super::prepare::{Group, Start};
use super::preview::Estimate;
use super::{Observer, check_numbers};
use crate::guidance::{self, Moment, Passes};
use crate::model::{ComponentKind, Cond, Denoiser, Extras, FreeU, Passage, Prompts, Says};
use crate::sampling::{Plan, StepInfo, sample_keeping};
use crate::{Error, Result, torch};

/// A state that a loop begins with to latents [B, C, H/f, W/f] in f32 on the model's device: the one denoise loop. `plan` says where
/// the loop begins, so that a task may have several, each from the latents of the one before.
///
/// `course` says where it stands among the passes of its task.
pub fn denoise(
    group: &Group,
    plan: &Plan,
    prompts: &Prompts,
    start: Start,
    course: &Course,
    observer: &mut dyn Observer,
) -> Result<Tensor> {
    let Group { task, work, model, .. } = group;
    let (denoiser, name) = (model.denoiser()?, model.name_of(ComponentKind::Denoiser));
    check_shape(denoiser.as_ref(), task)?;
    let Start {
        latents,
        mut noise,
        kept,
        extras,
        edited,
    } = start;
    let prompts = &completed(group, prompts, &latents)?;
    let moment = Moment {
        both: task.sampling.sampler.is_cfg_pp(),
        ..Moment::default()
    };
    let passes = if task.compute.two_passes {
        Passes::Two
    } else {
        Passes::One
    };
    let told = model.family().embeds_guidance().then_some(task.guidance.cfg_scale);
    let asked = &darkroom_protocol::task::Guidance {
        // One that is told it has it in its prediction already.
        cfg_scale: told.map_or(task.guidance.cfg_scale, |_| 1.0),
        ..task.guidance.clone()
    };
    let guidance = match edited {
        Some(picture) => guidance::edit(asked, picture, passes),
        None => guidance::asked(asked, passes, plan.steps(), &moment),
    };
    let cache = DeepCache::asked(&task.compute);
    let mut clock = Clock::new(plan, course);
    observer.progress(clock.progress(group, 0, plan.first_sigma()));
    let latents = sample_keeping(
        plan,
        latents,
        kept.as_ref(),
        &mut |x, timestep| {
            work.cancel.check()?;
            cache.iter().for_each(DeepCache::look);
            let predict = &mut |x: &Tensor, cond: &Cond| {
                // Guidance may compute the group several times at once.
                let extras = Extras {
                    perturbed: moment.perturbed.get(),
                    free_u: FreeU::asked(&task.guidance),
                    merging: task.compute.token_merging,
                    recall: cache.as_ref().map(|cache| cache.next(moment.guided.get())),
                    guidance: told,
                    ..extras.repeated(x.size()[0] / group.len() as i64)
                };
                denoiser
                    .forward(x, timestep, cond, &extras, work.cancel)
                    .map(|out| out.to_kind(Kind::Float))
            };
            guidance.predict(x, prompts.at(moment.step.get()), predict)
        },
        &mut |from, to| torch::to(&noise.between(from, to)?, model.device(), Kind::Float),
        &mut |done: StepInfo| {
            failpoint::hit(6);
            torch::synchronise(model.device())?;
            if done.index == 0 {
                check_numbers(name, done.denoised)?;
            }
            moment.step.set(done.index + 1);
            clock.tick(done.calls.0);
            observer.progress(clock.progress(group, done.index as u32 + 1, done.next_sigma));
            show(group, &done, course, observer);
            Ok(())
        },
    )?;
    check_numbers(name, &latents)?;
    Ok(latents)
}

/// Refuses what is asked of the denoiser's inside and this one has not.
fn check_shape(denoiser: &dyn Denoiser, task: &ImageTask) -> Result<()> {
    let (guidance, compute) = (&task.guidance, &task.compute);
    if guidance.pag_scale > 0.0 && !denoiser.can_be_perturbed() {
        return Err(Error::Unsupported(
            "This model has no attention in its middle, which perturbed-attention guidance needs: leave pag_scale at 0.".to_owned(),
        ));
    }
    let scaled = guidance.guidance_rescale > 0.0 || guidance.pag_scale > 0.0;
    if guidance.method == GuidanceMethod::Mimic && scaled {
        return Err(Error::Unsupported(
            "guidance_method: mimic goes with neither guidance_rescale nor pag_scale: leave both at 0.".to_owned(),
        ));
    }
    let asked = [
        (
            "freeu_b1, freeu_b2, freeu_s1 and freeu_s2",
            1,
            FreeU::asked(guidance).is_some(),
        ),
        ("token_merging", 0, compute.token_merging > 0.0),
        ("deep_cache", 1, compute.deep_cache > 1),
    ];
    match asked
        .into_iter()
        .find(|(_, _, asked)| *asked && !denoiser.is_u_shaped())
    {
        Some((names, none, _)) => Err(Error::Unsupported(format!(
            "This model is no UNet such as Stable Diffusion's, which that is for: leave {names} at {none}."
        ))),
        None => Ok(()),
    }
}

/// The prompts with what the denoiser is told of this pass, whose size is that of `latents`.
fn completed(group: &Group, prompts: &Prompts, latents: &Tensor) -> Result<Prompts> {
    let family = group.model.family();
    let factor = i64::from(family.latents().kind.factor);
    let pixels = |axis: usize| (latents.size()[axis] * factor) as u32;
    prompts.completed(|cond, side| {
        let passage = Passage {
            height: pixels(2),
            width: pixels(3),
            side,
            negative_is_empty: group.task.what.negative.is_empty(),
            distilled_cfg_scale: group.task.guidance.distilled_cfg_scale,
            says: Says::of(group.task, side),
        };
        family.complete(cond, &passage)
    })
}

/// Shows the first picture of the group that is not finished already.
fn show(group: &Group, step: &StepInfo<'_>, course: &Course, observer: &mut dyn Observer) {
    let mut pictures = group.pictures.clone();
    let Some(image) = pictures.find(|i| !group.work.skip.contains(i)) else {
        return;
    };
    observer.estimate(&Estimate {
        latents: &step.denoised.narrow(0, i64::from(image - group.pictures.start), 1),
        kind: group.model.family().latents().kind,
        image,
        step: course.before + step.index as u32 + 1,
        cancel: group.work.cancel,
    });
}

/// Where a loop stands among the passes of its task: progress counts the steps of all that its pictures go through.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Course {
    /// Steps of the passes before.
    pub before: u32,
    /// Steps of those that follow.
    pub after: u32,
    /// Calls of the network that are left when this loop is over, for all groups, each as long as one of this loop.
    pub calls_left: f64,
}

/// Times the steps of one group. What is left is told by calls of the network, of which a step may take several.
struct Clock {
    course: Course,
    steps: usize,
    calls: usize,
    called: usize,
    begun: Instant,
    last: Instant,
    step_s: Option<f64>,
}

impl Clock {
    fn new(plan: &Plan, course: &Course) -> Self {
        let now = Instant::now();
        Self {
            course: *course,
            steps: plan.steps(),
            calls: plan.calls(),
            called: 0,
            begun: now,
            last: now,
            step_s: None,
        }
    }

    /// A step has ended, after so many calls in all.
    fn tick(&mut self, called: usize) {
        self.step_s = Some(self.last.elapsed().as_secs_f64());
        self.last = Instant::now();
        self.called = called;
    }

    fn progress(&self, group: &Group, step: u32, sigma: f64) -> Progress {
        let left = self.calls.saturating_sub(self.called) as f64 + self.course.calls_left;
        let call_s = self.last.duration_since(self.begun).as_secs_f64() / self.called.max(1) as f64;
        Progress {
            phase: Phase::Denoise,
            image: group.pictures.start,
            images: group.task.size.batch,
            step: self.course.before + step,
            steps: self.course.before + self.steps as u32 + self.course.after,
            sigma: Some(sigma),
            step_s: self.step_s,
            eta_s: self.step_s.map(|_| left * call_s),
        }
    }
}
