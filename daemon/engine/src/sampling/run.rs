//! A plan at work: [`Run`], through which samplers reach the network, the noise, what they saw in their last steps and whoever watches.
//! Samplers are pure functions over it, rows of one table ([`super::samplers`]), and know neither guidance nor what the family's
//! network says.

use std::collections::VecDeque;
use std::ops::Range;

use tch::{Kind, Tensor};

use super::Guided;
use super::Kept;
use super::Noising;
use super::Plan;
use super::prediction::Implies;
use super::thresholding::thresholded;
use crate::{Error, Result};

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
    /// Whether the sampler goes by the ratio of noise to clean sample: see [`Self::by_ratio`].
    by_ratio: bool,
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
            by_ratio: false,
        }
    }

    /// The same for a sampler that goes by the ratio of noise to clean sample: every σ that it sees is that ratio, e^−λ, and its state
    /// is `clean + ratio·noise`. Where variance is preserved that is what σ and state are anyway; for noise that flows it makes a
    /// sampler right that was written for that frame. A flow's pure noise, of which the ratio is infinite, counts as a trace less than
    /// that (ComfyUI `offset_first_sigma_for_snr`).
    pub fn by_ratio(self) -> Self {
        Self { by_ratio: true, ..self }
    }

    /// The state as the sampler is to see it, at the σ that the run begins at.
    pub fn enter(&self, x: Tensor) -> Tensor {
        self.framed(x, 1.0 / self.alpha(self.plan.start))
    }

    /// The plan's state of what the sampler leaves after the last step.
    pub fn leave(&self, x: Tensor) -> Tensor {
        self.framed(x, self.alpha(self.plan.timesteps.len()))
    }

    fn framed(&self, x: Tensor, scale: f64) -> Tensor {
        if self.by_ratio && scale != 1.0 { x * scale } else { x }
    }

    fn alpha(&self, i: usize) -> f64 {
        self.plan.noising.alpha(self.plan.within(i))
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
        if self.by_ratio {
            self.plan.noising.ratio(self.plan.within(i))
        } else {
            self.plan.sigmas[i]
        }
    }

    /// How much of an ancestral step is noise: what was asked for, else `default`.
    pub fn eta(&self, default: f64) -> f64 {
        self.plan.tuning.eta.unwrap_or(default)
    }

    /// The highest order of a step: what was asked for, else `default`.
    pub fn order(&self, default: usize) -> usize {
        self.plan.tuning.order.unwrap_or(default)
    }

    /// The state and σ that step `i` looks from: more noise than it came with where churn is asked for (Karras et al. 2022,
    /// arXiv 2206.00364, algorithm 2).
    pub fn churned(&mut self, i: usize, x: Tensor) -> Result<(Tensor, f64)> {
        let sigma = self.sigma(i);
        let tuning = &self.plan.tuning;
        if tuning.s_churn.unwrap_or(0.0) == 0.0 {
            return Ok((x, sigma));
        }
        let more = sigma * (1.0 + tuning.churn(sigma, self.plan.steps()));
        // k-diffusion draws it where none is thrown in too.
        let noise = self.noise(sigma, more)?;
        if more == sigma {
            return Ok((x, sigma));
        }
        Ok((x + noise * (more * more - sigma * sigma).sqrt(), more))
    }

    /// The network's guided output in f32 for an `input` in its own frame.
    pub fn output(&mut self, input: &Tensor, timestep: f64) -> Result<Tensor> {
        let Some(kept) = self.kept else {
            return self.settled(input, timestep);
        };
        let plan = self.plan;
        let seen = kept.input(plan, input, timestep);
        let said = self.settled(&seen, timestep)?;
        Ok(kept.output(plan, input, &said, timestep))
    }

    /// The clean sample as seen from the state `x` at `sigma`, a σ of the plan or any other, with and without the prompt.
    pub fn denoised(&mut self, x: &Tensor, sigma: f64) -> Result<Guided> {
        let (x, sigma) = self.unframed(x, sigma);
        self.look(&x, sigma, self.plan.timestep(sigma))
    }

    /// The same from a σ within a step, even where it happens to be that of another step: it has no timestep of the plan's.
    pub fn denoised_within(&mut self, x: &Tensor, sigma: f64) -> Result<Guided> {
        let (x, sigma) = self.unframed(x, sigma);
        self.look(&x, sigma, self.plan.noising.timestep(sigma))
    }

    /// What the plan calls the state `x` at `sigma`.
    fn unframed(&self, x: &Tensor, sigma: f64) -> (Tensor, f64) {
        if !self.by_ratio {
            return (x.shallow_clone(), sigma);
        }
        let sigma = self.plan.noising.at_ratio(sigma);
        (self.framed(x.shallow_clone(), self.plan.noising.alpha(sigma)), sigma)
    }

    /// Begins step `i` at the state `x`: the guided clean sample as seen from there, which is remembered.
    pub fn begin(&mut self, i: usize, x: &Tensor) -> Result<Tensor> {
        self.begin_at(self.sigma(i), x)
    }

    /// The same from another σ than the step's own.
    pub fn begin_at(&mut self, sigma: f64, x: &Tensor) -> Result<Tensor> {
        let denoised = self.denoised(x, sigma)?.guided;
        self.past.push_front(Seen {
            sigma,
            x: x.shallow_clone(),
            denoised: denoised.shallow_clone(),
        });
        self.past.truncate(self.remembers);
        Ok(denoised)
    }

    /// Both clean samples, with guidance and without the prompt, as seen from the state `x` where step `i` begins.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where guidance computed none without the prompt.
    pub fn begin_both(&mut self, i: usize, x: &Tensor) -> Result<(Tensor, Tensor)> {
        let Guided { guided, uncond, .. } = self.denoised(x, self.sigma(i))?;
        match uncond {
            Some(uncond) => Ok((guided, uncond)),
            None => Err(Error::Unsupported(format!(
                "{} goes by the prediction without the prompt too, which a model that edits a picture does not compute at a \
                 guidance of 1 and below: choose a greater one.",
                darkroom_protocol::sampler::Named::name(self.plan.sampler)
            ))),
        }
    }

    /// What was seen so many steps ago, 0 being the step that began last; none before the first, and none that is not remembered.
    pub fn seen(&self, back: usize) -> Option<&Seen> {
        self.past.get(back)
    }

    /// All that is remembered, the latest first.
    pub fn all_seen(&self) -> impl Iterator<Item = &Seen> {
        self.past.iter()
    }

    /// Noise for the way from one σ to another, of unit variance unless `s_noise` says otherwise.
    pub fn noise(&mut self, from: f64, to: f64) -> Result<Tensor> {
        let noising = &self.plan.noising;
        let (from, to) = if self.by_ratio {
            (noising.at_ratio(from), noising.at_ratio(to))
        } else {
            (from, to)
        };
        let noise = (self.noise)(from, to)?.to_kind(Kind::Float);
        Ok(match self.plan.tuning.s_noise {
            Some(scale) => noise * scale,
            None => noise,
        })
    }

    /// Tells that step `i` is done.
    pub fn report(&mut self, i: usize, denoised: &Tensor) -> Result<()> {
        let plan = self.plan;
        let next = plan.sigmas.get(i + 1).copied().unwrap_or(0.0);
        self.tell(i - plan.start, (plan.sigmas[i], next), denoised)
    }

    /// Tells of the way from one σ to another, the end of which is that share of the whole, by a sampler whose steps are its own: as
    /// the step that ends there.
    pub fn report_share(&mut self, share: f64, way: (f64, f64), denoised: &Tensor) -> Result<()> {
        let total = self.plan.steps();
        let index = (share * total as f64).ceil() as usize;
        self.tell(index.clamp(1, total) - 1, way, denoised)
    }

    fn tell(&mut self, index: usize, (sigma, next_sigma): (f64, f64), denoised: &Tensor) -> Result<()> {
        let plan = self.plan;
        (self.on_step)(StepInfo {
            index,
            total: plan.steps(),
            calls: (self.calls, plan.calls().max(self.calls)),
            sigma,
            next_sigma,
            denoised,
        })
    }

    fn look(&mut self, x: &Tensor, sigma: f64, timestep: f64) -> Result<Guided> {
        let plan = self.plan;
        let noising = &plan.noising;
        let range = plan.thresholding;
        let Some(kept) = self.kept else {
            let input = noising.input(x, sigma);
            let said = self.ask(&input, timestep)?;
            let clean = said.map(|output| noising.clean(x, &input, output, sigma)).settled();
            return Ok(clean.map(|clean| thresholded(clean.shallow_clone(), range)));
        };
        let x = kept.state(plan, x, sigma);
        let input = noising.input(&x, sigma);
        let said = self.ask(&input, timestep)?;
        let clean = said.map(|output| noising.clean(&x, &input, output, sigma)).settled();
        Ok(clean.map(|clean| kept.clean(plan, &thresholded(clean.shallow_clone(), range), sigma)))
    }

    /// What the network says, guidance done: where that is for clean samples, by way of them.
    fn settled(&mut self, input: &Tensor, timestep: f64) -> Result<Tensor> {
        let said = self.ask(input, timestep)?;
        let (Some(_), Noising::VariancePreserving { prediction, .. }) = (said.mimic, &self.plan.noising) else {
            return Ok(said.guided);
        };
        let (level, _) = self.plan.at(timestep);
        let clean = said.map(|output| prediction.clean(input, output, level)).settled();
        Ok(prediction.truth(&clean.guided, input, level))
    }

    fn ask(&mut self, input: &Tensor, timestep: f64) -> Result<Guided> {
        self.calls += 1;
        Ok((self.network)(input, timestep)?.map(|output| output.to_kind(Kind::Float)))
    }
}
