use std::cell::Cell;
use std::ops::Range;
use std::time::Instant;

use darkroom_protocol::{Phase, Progress, failpoint};
use tch::{Kind, Tensor};

use super::preview::Estimate;
use super::{Observer, Work, check_numbers};
use crate::guidance::{self, Passes};
use crate::model::{ComponentKind, Cond, Extras, Model, Prompts};
use crate::sampling::{NoiseStream, Plan, StepInfo, sample};
use crate::{Result, torch};

/// Noise to latents [B, C, H/f, W/f] in f32 on the model's device: the one denoise loop.
///
/// `group` are the pictures computed together, `groups_left` how many such groups follow, for the estimate of time.
pub fn denoise(
    work: &Work,
    model: &Model,
    plan: &Plan,
    prompts: &Prompts,
    group: Range<u32>,
    groups_left: usize,
    observer: &mut dyn Observer,
) -> Result<Tensor> {
    let task = work.task;
    let (denoiser, name) = (model.denoiser()?, model.name_of(ComponentKind::Denoiser));
    let space = model.family().latents().kind;
    let side = |pixels: u32| i64::from(pixels / space.factor);
    let shape = [i64::from(space.channels), side(task.size.height), side(task.size.width)];
    let extras = Extras::default();
    let step = Cell::new(0);
    let mut stream = NoiseStream::new(task.sampling.seed + u64::from(group.start), group.len(), &shape)?.along(plan)?;
    let there = |noise: Tensor| torch::to(&noise, model.device(), Kind::Float);
    let latents = plan.initial(&there(stream.draw()?)?);

    let passes = if task.compute.two_passes {
        Passes::Two
    } else {
        Passes::One
    };
    let guidance = guidance::cfg(&task.guidance, passes);
    let mut clock = Clock::new(plan, groups_left);
    observer.progress(clock.progress(work, &group, 0, plan.sigmas[0]));
    let latents = sample(
        plan,
        latents,
        &mut |x, timestep| {
            work.cancel.check()?;
            let predict = &mut |x: &Tensor, cond: &Cond| {
                // Guidance may compute the group several times at once.
                let extras = extras.repeated(x.size()[0] / group.len() as i64);
                denoiser
                    .forward(x, timestep, cond, &extras, work.cancel)
                    .map(|out| out.to_kind(Kind::Float))
            };
            guidance.predict(x, prompts.at(step.get()), predict)
        },
        &mut |from, to| there(stream.between(from, to)?),
        &mut |done: StepInfo| {
            failpoint::hit(6);
            torch::synchronise(model.device())?;
            if done.index == 0 {
                check_numbers(name, done.denoised)?;
            }
            step.set(done.index + 1);
            clock.tick(done.calls.0);
            let next = plan.sigmas.get(done.index + 1).copied().unwrap_or(0.0);
            observer.progress(clock.progress(work, &group, done.index as u32 + 1, next));
            show(work, model, &group, &done, observer);
            Ok(())
        },
    )?;
    check_numbers(name, &latents)?;
    Ok(latents)
}

/// Shows the first picture of the group that is not finished already.
fn show(work: &Work, model: &Model, group: &Range<u32>, step: &StepInfo<'_>, observer: &mut dyn Observer) {
    let Some(image) = group.clone().find(|i| !work.skip.contains(i)) else {
        return;
    };
    observer.estimate(&Estimate {
        latents: &step.denoised.narrow(0, i64::from(image - group.start), 1),
        kind: model.family().latents().kind,
        image,
        step: step.index as u32 + 1,
        cancel: work.cancel,
    });
}

/// Times the steps of one group. What is left is told by calls of the network, of which a step may take several.
struct Clock {
    steps: usize,
    calls: usize,
    called: usize,
    groups_left: usize,
    begun: Instant,
    last: Instant,
    step_s: Option<f64>,
}

impl Clock {
    fn new(plan: &Plan, groups_left: usize) -> Self {
        let now = Instant::now();
        Self {
            steps: plan.steps(),
            calls: plan.calls(),
            called: 0,
            groups_left,
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

    fn progress(&self, work: &Work, group: &Range<u32>, step: u32, sigma: f64) -> Progress {
        let left = self.calls.saturating_sub(self.called) + self.groups_left * self.calls;
        let call_s = self.last.duration_since(self.begun).as_secs_f64() / self.called.max(1) as f64;
        Progress {
            phase: Phase::Denoise,
            image: group.start,
            images: work.task.size.batch,
            step,
            steps: self.steps as u32,
            sigma: Some(sigma),
            step_s: self.step_s,
            eta_s: self.step_s.map(|_| left as f64 * call_s),
        }
    }
}
