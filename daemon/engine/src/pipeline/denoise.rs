//! The denoise loop: from the state that `prepare.rs` made to latents. It tells how far it is, how long it will take, and what the
//! pictures look like on the way.

use std::time::Instant;

use darkroom_protocol::{Phase, Progress, failpoint};
use tch::{Kind, Tensor};

use super::prepare::{Group, Start};
use super::preview::Estimate;
use super::{Observer, check_numbers};
use crate::guidance::{self, Moment, Passes};
use crate::model::{ComponentKind, Cond, Extras, Passage, Prompts};
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
    if task.guidance.pag_scale > 0.0 && !denoiser.can_be_perturbed() {
        return Err(Error::Unsupported(
            "This model has no attention in its middle, which perturbed-attention guidance needs: leave pag_scale at 0.".to_owned(),
        ));
    }
    let Start {
        latents,
        mut noise,
        kept,
        extras,
        edited,
    } = start;
    let prompts = &completed(group, prompts, &latents)?;
    let moment = Moment::default();
    let passes = if task.compute.two_passes {
        Passes::Two
    } else {
        Passes::One
    };
    let guidance = match edited {
        Some(picture) => guidance::edit(&task.guidance, picture, passes),
        None => guidance::asked(&task.guidance, passes, plan.steps(), &moment),
    };
    let mut clock = Clock::new(plan, course);
    observer.progress(clock.progress(group, 0, plan.first_sigma()));
    let latents = sample_keeping(
        plan,
        latents,
        kept.as_ref(),
        &mut |x, timestep| {
            work.cancel.check()?;
            let predict = &mut |x: &Tensor, cond: &Cond| {
                // Guidance may compute the group several times at once.
                let extras = Extras {
                    perturbed: moment.perturbed.get(),
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
