use tch::{Kind, Tensor};

use super::plan::Method;
use super::prediction::Implies;
use super::{Level, Plan, ddim, dpmpp_2m, euler, euler_ancestral};
use crate::Result;

/// What is known after a step.
pub struct StepInfo<'a> {
    /// The step just finished, from 0.
    pub index: usize,
    /// Steps that run in all.
    pub total: usize,
    /// σ (noise over clean) that the step began at.
    pub sigma: f64,
    /// The clean sample as it looked from there, f32, for previews.
    pub denoised: &'a Tensor,
}

/// Runs a plan.
///
/// - `x`: the state from [`Plan::initial`] or [`Plan::noised`], any shape and device.
/// - `model(input, timestep)`: the network's raw output, guidance included, for an f32 input of unit variance; any dtype.
/// - `noise()`: fresh unit noise of the state's shape on its device; called once a step, by ancestral samplers only.
/// - `on_step`: called after each step; its error ends the run.
///
/// Returns the clean sample, f32, in the shape of `x`.
///
/// # Errors
/// Those of the closures.
pub fn sample(
    plan: &Plan,
    x: Tensor,
    model: &mut dyn FnMut(&Tensor, f64) -> Result<Tensor>,
    noise: &mut dyn FnMut() -> Result<Tensor>,
    on_step: &mut dyn FnMut(StepInfo<'_>) -> Result<()>,
) -> Result<Tensor> {
    let x = x.to_kind(Kind::Float);
    let mut run = Run {
        plan,
        model,
        noise,
        on_step,
    };
    match &plan.method {
        Method::Ddim { jumps, clip } => ddim::run(x, jumps, *clip, &mut run),
        Method::Euler => euler::run(x, &plan.sigmas, &mut run),
        Method::EulerAncestral => euler_ancestral::run(x, &plan.sigmas, &mut run),
        Method::DpmPp2m { .. } => dpmpp_2m::run(x, &plan.sigmas, &mut run),
    }
}

/// A plan at work: what samplers ask of the world.
pub(super) struct Run<'a> {
    pub plan: &'a Plan,
    model: &'a mut dyn FnMut(&Tensor, f64) -> Result<Tensor>,
    noise: &'a mut dyn FnMut() -> Result<Tensor>,
    on_step: &'a mut dyn FnMut(StepInfo<'_>) -> Result<()>,
}

impl Run<'_> {
    /// The steps to take.
    pub fn steps(&self) -> std::ops::Range<usize> {
        self.plan.start..self.plan.timesteps.len()
    }

    /// The network's output in f32 for `input` of unit variance at step `i`.
    pub fn output(&mut self, input: &Tensor, i: usize) -> Result<Tensor> {
        Ok((self.model)(input, self.plan.timesteps[i])?.to_kind(Kind::Float))
    }

    /// The clean sample as seen from `x` = clean + σ·noise at step `i`.
    pub fn denoised(&mut self, x: &Tensor, i: usize) -> Result<Tensor> {
        let level = Level::from_sigma(self.plan.sigmas[i]);
        let input = x * level.alpha;
        let output = self.output(&input, i)?;
        Ok(self.plan.prediction.clean(&input, &output, level))
    }

    /// Fresh unit noise.
    pub fn noise(&mut self) -> Result<Tensor> {
        Ok((self.noise)()?.to_kind(Kind::Float))
    }

    /// Tells that step `i` is done.
    pub fn report(&mut self, i: usize, denoised: &Tensor) -> Result<()> {
        let (index, total, sigma) = (i - self.plan.start, self.plan.steps(), self.plan.sigmas[i]);
        (self.on_step)(StepInfo {
            index,
            total,
            sigma,
            denoised,
        })
    }
}
