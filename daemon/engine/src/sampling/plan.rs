//! Every number of one denoise loop, decided before it starts ([`super::draft`] computes them) and the states that it can begin
//! with. Nothing here asks the network.

use darkroom_protocol::{Sampler, Schedule};
use tch::{Kind, Tensor};

use super::draft::{self, Source};
use super::noising::Noising;
use super::samplers::{self, NoiseKind};
use super::thresholding::Thresholding;
use super::{Level, Tuning};
use crate::{Error, Result};

/// Every number of one denoise loop.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The sampler that runs.
    pub sampler: Sampler,
    /// The schedule that runs; [`Schedule::Auto`] where the timesteps are spaced without a named one.
    pub schedule: Schedule,
    /// What the network is told at each step, descending; not always whole.
    pub timesteps: Vec<f64>,
    /// σ in the family's frame before each step, and one more after the last; at most 4096 where variance is preserved and the
    /// model has zero terminal SNR.
    pub sigmas: Vec<f64>,
    /// Lines to print, where something other than the model's config runs.
    pub notices: Vec<String>,
    pub(super) noising: Noising,
    pub(super) settings: Settings,
    pub(super) start: usize,
    pub(super) init_scale: f64,
    /// What was asked for beside, as far as the sampler takes it.
    pub(super) tuning: Tuning,
    /// How clean samples are bounded.
    pub(super) thresholding: Option<Thresholding>,
    /// What it was drafted from.
    pub(super) source: Source,
    /// The schedule that was asked for.
    pub(super) asked: Schedule,
}

/// What some samplers are told beside their σs.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Settings {
    /// Nothing.
    None,
    /// The state is `alpha·clean + sigma·noise`; each step goes from one level to another, which is not always where the
    /// next begins.
    Ddim {
        jumps: Vec<(Level, Level)>,
        clip: Option<f64>,
    },
    DpmPp2m {
        /// The highest order of a step, 1 to 3.
        order: usize,
        heun: bool,
        single_at_end: bool,
        /// Whether the last step but one is of second order at most.
        double_before: bool,
    },
    /// Multistep solvers of diffusers.
    Multistep {
        /// The highest order of a step.
        order: usize,
        /// Whether orders fall toward the end.
        lower_order_final: bool,
        /// UniPC: whether B(h) is h rather than e^h − 1.
        bh1: bool,
    },
    /// Whether the clean sample is mixed with the state where a distilled model's boundary is.
    Lcm { boundary: bool },
}

impl Settings {
    /// The σs before each step and after the last, where a sampler has them from elsewhere than its schedule.
    pub fn sigmas(&self) -> Option<Vec<f64>> {
        let Self::Ddim { jumps, .. } = self else {
            return None;
        };
        let last = jumps.last().map(|(_, to)| to.ratio());
        Some(jumps.iter().map(|(from, _)| from.ratio()).chain(last).collect())
    }
}

impl Plan {
    /// The level and σ of the step that begins at `timestep`.
    pub(super) fn at(&self, timestep: f64) -> (Level, f64) {
        let mut begins = self.timesteps.iter();
        let step = begins.position(|begins| *begins == timestep).unwrap_or(0);
        let level = match &self.settings {
            Settings::Ddim { jumps, .. } => jumps[step].0,
            _ => Level::from_sigma(self.sigmas[step]),
        };
        (level, self.sigmas[step])
    }

    /// The same plan with what a person asks for beside: drafted again from what it was made of, begun where it began.
    ///
    /// What the sampler has no use for is left out, and a notice names it. The plan is the same where nothing is asked for.
    ///
    /// # Errors
    /// `Error::Config` for values out of range or lists that are none, `Error::Unsupported` for what the model's kind of noise has
    /// not.
    pub fn tuned(self, tuning: &Tuning) -> Result<Self> {
        if *tuning == Tuning::default() {
            return Ok(self);
        }
        let start = self.start;
        let drafted = draft::again(self, tuning)?;
        Ok(Self { start, ..drafted })
    }

    /// Steps that will run.
    pub fn steps(&self) -> usize {
        self.timesteps.len() - self.start
    }

    /// The same plan begun late, for a picture to change: `denoise` of 1 runs all steps, 0.25 the last quarter (diffusers'
    /// `strength`).
    ///
    /// # Errors
    /// `Error::Unsupported` where `denoise` is not in 0 to 1 or leaves no step to run.
    pub fn denoise(mut self, denoise: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&denoise) {
            return Err(Error::Unsupported(format!(
                "denoise is {denoise}: choose a value from 0 to 1."
            )));
        }
        let total = self.timesteps.len();
        let run = (total as f64 * denoise) as usize;
        if run == 0 {
            let text = format!("denoise {denoise} of {total} steps leaves no step to run: raise denoise or steps.");
            return Err(Error::Unsupported(text));
        }
        self.start = total - run.min(total);
        Ok(self)
    }

    /// The same plan of which the first `skipped` steps do not run.
    ///
    /// # Errors
    /// `Error::Unsupported` where that leaves no step to run.
    pub fn late(mut self, skipped: usize) -> Result<Self> {
        let total = self.timesteps.len();
        if skipped >= total {
            return Err(Error::Unsupported(format!(
                "{skipped} of {total} steps are to be skipped, which leaves none to run: raise steps."
            )));
        }
        self.start = skipped;
        Ok(self)
    }

    /// σ that the loop begins at.
    pub fn first_sigma(&self) -> f64 {
        self.sigmas[self.start]
    }

    /// Times that the network will be called; a guess for a sampler that finds its steps on the way.
    pub fn calls(&self) -> usize {
        (samplers::row(self.sampler).calls)(self)
    }

    /// σ before step `i` where a ratio to the clean sample is needed.
    pub(super) fn within(&self, i: usize) -> f64 {
        self.noising.with_trace(self.sigmas[i])
    }

    /// What the network is told at `sigma`: the step's own timestep where one begins there, else the family's.
    pub fn timestep(&self, sigma: f64) -> f64 {
        let steps = self.sigmas.iter().zip(&self.timesteps);
        let step = steps.into_iter().find(|(begins, _)| **begins == sigma);
        step.map_or_else(|| self.noising.timestep(sigma), |(_, timestep)| *timestep)
    }

    /// The lowest σ above 0 and the highest, where the sampler's noise is a Brownian motion between them; a late start changes neither.
    pub(super) fn motion(&self) -> Option<(f64, f64)> {
        let brownian = samplers::row(self.sampler).noise == NoiseKind::Brownian;
        let above = self.sigmas.iter().copied().filter(|sigma| *sigma > 0.0);
        brownian.then(|| above.fold((f64::MAX, 0f64), |(low, high), s| (low.min(s), high.max(s))))
    }

    /// The state to begin with from unit noise, any shape.
    pub fn initial(&self, noise: &Tensor) -> Tensor {
        noise.to_kind(Kind::Float) * self.init_scale
    }

    /// The state to begin with from a clean sample and unit noise of one shape.
    pub fn noised(&self, clean: &Tensor, noise: &Tensor) -> Tensor {
        let (clean, noise) = (clean.to_kind(Kind::Float), noise.to_kind(Kind::Float));
        match &self.settings {
            Settings::Ddim { jumps, .. } => clean * jumps[self.start].0.alpha + noise * jumps[self.start].0.sigma,
            _ => self.noising.noised(&clean, &noise, self.sigmas[self.start]),
        }
    }
}
