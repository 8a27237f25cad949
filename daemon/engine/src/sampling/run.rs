//! A plan at work: [`Run`], through which samplers reach the network, the noise, what they saw in their last steps and whoever watches.
//! Samplers are pure functions over it, rows of one table ([`super::samplers`]), and know neither guidance nor what the family's
//! network says.

use std::collections::VecDeque;
use std::ops::Range;

use tch::{Kind, Tensor};

use super::Guided;
use super::Kept;
use super::Plan;
use crate::Result;

/// What is known after a step.
pub struct StepInfo<'a> {
    /// The step just finished, from 0.
    pub index: usize,
    /// Steps that run in all.
    pub total: usize,
    /// Times that the network was called so far, and that it will have been in all.
    pub calls: (usize, usize),
    /// σ that the step began at.
    pub sigma: f64,
    /// σ that it ended at.
    pub next_sigma: f64,
    /// The clean sample as it looked from there, f32, for previews.
    pub denoised: &'a Tensor,
}

/// What a network says of an f32 input at a timestep; any dtype.
pub type Network<'a> = dyn FnMut(&Tensor, f64) -> Result<Guided> + 'a;

/// Unit noise of the state's shape on its device, for the way from one σ to another. Noise without memory ignores the σs.
pub type Noise<'a> = dyn FnMut(f64, f64) -> Result<Tensor> + 'a;

/// What samplers ask of the world.
pub(super) struct Run<'a> {
    pub plan: &'a Plan,
    pub network: &'a mut Network<'a>,
    pub noise: &'a mut Noise<'a>,
    pub on_step: &'a mut dyn FnMut(StepInfo<'_>) -> Result<()>,
    /// What of a picture stays.
    kept: Option<&'a Kept>,
    /// Calls of the network so far.
    calls: usize,
    /// The last steps, the latest first; at most `remembers`.
    past: VecDeque<Seen>,
    remembers: usize,
}

/// What was seen where a step began. The tensors are the sampler's own: one that remembers changes no state in place.
pub(super) struct Seen {
    pub sigma: f64,
    pub x: Tensor,
    pub denoised: Tensor,
}

impl Seen {
    /// (x − D)/σ.
    pub fn slope(&self) -> Tensor {
        (&self.x - &self.denoised) / self.sigma
    }
}

impl<'a> Run<'a> {
    /// A run that remembers so many steps.
    pub fn new(
        plan: &'a Plan,
        remembers: usize,
        network: &'a mut Network<'a>,
        noise: &'a mut Noise<'a>,
        on_step: &'a mut dyn FnMut(StepInfo<'_>) -> Result<()>,
    ) -> Self {
        Self {
            plan,
            network,
            noise,
            on_step,
            kept: None,
            calls: 0,
            past: VecDeque::new(),
            remembers,
        }
    }

    /// The same, in which a part of a picture stays.
    pub fn keeping(self, kept: Option<&'a Kept>) -> Self {
        Self { kept, ..self }
    }

    /// The steps to take.
    pub fn steps(&self) -> Range<usize> {
        self.plan.start..self.plan.timesteps.len()
    }

    /// σ before step `i`, and after the last one.
    pub fn sigma(&self, i: usize) -> f64 {
        self.plan.sigmas[i]
    }

    /// The network's guided output in f32 for an `input` in its own frame.
    pub fn output(&mut self, input: &Tensor, timestep: f64) -> Result<Tensor> {
        let Some(kept) = self.kept else {
            return Ok(self.ask(input, timestep)?.guided);
        };
        let plan = self.plan;
        let seen = kept.input(plan, input, timestep);
        let said = self.ask(&seen, timestep)?.guided;
        Ok(kept.output(plan, input, &said, timestep))
    }

    /// The clean sample as seen from the state `x` at `sigma`, a σ of the plan or any other, with and without the prompt.
    pub fn denoised(&mut self, x: &Tensor, sigma: f64) -> Result<Guided> {
        self.look(x, sigma, self.plan.timestep(sigma))
    }

    /// The same from a σ within a step, even where it happens to be that of another step: it has no timestep of the plan's.
    pub fn denoised_within(&mut self, x: &Tensor, sigma: f64) -> Result<Guided> {
        self.look(x, sigma, self.plan.noising.timestep(sigma))
    }

    /// Begins step `i` at the state `x`: the guided clean sample as seen from there, which is remembered.
    pub fn begin(&mut self, i: usize, x: &Tensor) -> Result<Tensor> {
        let sigma = self.sigma(i);
        let denoised = self.denoised(x, sigma)?.guided;
        self.past.push_front(Seen {
            sigma,
            x: x.shallow_clone(),
            denoised: denoised.shallow_clone(),
        });
        self.past.truncate(self.remembers);
        Ok(denoised)
    }

    /// What was seen so many steps ago, 0 being the step that began last; none before the first, and none that is not remembered.
    pub fn seen(&self, back: usize) -> Option<&Seen> {
        self.past.get(back)
    }

    /// All that is remembered, the latest first.
    pub fn all_seen(&self) -> impl Iterator<Item = &Seen> {
        self.past.iter()
    }

    /// Unit noise for the way from one σ to another.
    pub fn noise(&mut self, from: f64, to: f64) -> Result<Tensor> {
        Ok((self.noise)(from, to)?.to_kind(Kind::Float))
    }

    /// Tells that step `i` is done.
    pub fn report(&mut self, i: usize, denoised: &Tensor) -> Result<()> {
        let plan = self.plan;
        (self.on_step)(StepInfo {
            index: i - plan.start,
            total: plan.steps(),
            calls: (self.calls, plan.calls()),
            sigma: plan.sigmas[i],
            next_sigma: plan.sigmas.get(i + 1).copied().unwrap_or(0.0),
            denoised,
        })
    }

    fn look(&mut self, x: &Tensor, sigma: f64, timestep: f64) -> Result<Guided> {
        let plan = self.plan;
        let noising = &plan.noising;
        let Some(kept) = self.kept else {
            let input = noising.input(x, sigma);
            let said = self.ask(&input, timestep)?;
            return Ok(said.map(|output| noising.clean(x, &input, output, sigma)));
        };
        let x = kept.state(plan, x, sigma);
        let input = noising.input(&x, sigma);
        let said = self.ask(&input, timestep)?;
        Ok(said.map(|output| kept.clean(plan, &noising.clean(&x, &input, output, sigma), sigma)))
    }

    fn ask(&mut self, input: &Tensor, timestep: f64) -> Result<Guided> {
        self.calls += 1;
        Ok((self.network)(input, timestep)?.map(|output| output.to_kind(Kind::Float)))
    }
}
