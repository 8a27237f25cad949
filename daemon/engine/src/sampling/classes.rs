//! What each class of diffusers' schedulers does in a way of its own before its first step: how it divides timesteps, between which
//! σs it lays a named schedule, how it tells timesteps, where it ends. A sampler's row names its class, [`super::draft`] makes a
//! [`Layout`] of it and a model's configuration; steps are the samplers' business.

use darkroom_protocol::Schedule;

use super::noising::Noising;
use super::schedules::{Ends, Layout, Rounding};
use super::{BetaSchedule, FinalSigma, SchedulerConfig, Spacing, config_error};
use crate::Result;

/// A class of diffusers, or several that differ in nothing here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Class {
    /// First and last β for a configuration that names none.
    pub betas: (f64, f64),
    /// Its spacing for a configuration that names none.
    pub timestep_spacing: Spacing,
    /// As [`Layout::spare`].
    pub spare: bool,
    /// As [`Layout::whole`].
    pub whole: bool,
    /// As [`Layout::within`].
    pub within: bool,
    /// As [`Layout::ends`].
    pub ends: Ends,
    /// As [`Layout::told`], under a schedule and with a kind of β.
    pub told: fn(Schedule, Option<BetaSchedule>) -> Rounding,
    /// Whether it reads `use_karras_sigmas` and its kin.
    pub has_schedule: bool,
    /// Whether it reads `use_lu_lambdas` beside.
    pub has_lambdas: bool,
    /// Where the last step ends.
    pub end: End,
    /// Training steps of a distilled model, of which it visits some, where it does so.
    pub distilled: Option<usize>,
    /// Whether it reads `lambda_min_clipped`.
    pub clips: bool,
    /// What the first state is.
    pub init: Init,
}

/// Where the last step ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// At σ = 0.
    Zero,
    /// As `final_sigmas_type` says, at σ = 0 where it says nothing.
    Configured,
    /// At σ of the first training timestep; at σ = 0 on a schedule by name.
    Lowest,
}

/// What unit noise is scaled with to be the first state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Init {
    /// Nothing: the state has unit variance.
    Unit,
    /// σ, and under leading spacing, which does not visit pure noise, √(σ² + 1).
    Sigma,
    /// √(σ² + 1), at which the noise has unit variance in the network's frame.
    Whole,
}

const BETAS: (f64, f64) = (0.0001, 0.02);

/// `DDIMScheduler`.
pub(super) const DDIM: Class = Class {
    betas: BETAS,
    timestep_spacing: Spacing::Leading,
    spare: false,
    whole: true,
    within: true,
    ends: Ends::Visited,
    told: |_, _| Rounding::Exact,
    has_schedule: false,
    has_lambdas: false,
    end: End::Zero,
    distilled: None,
    clips: false,
    init: Init::Unit,
};

/// k-diffusion's ways, in `LMSDiscreteScheduler`.
pub(super) const K_DIFFUSION: Class = Class {
    betas: BETAS,
    timestep_spacing: Spacing::Linspace,
    spare: false,
    whole: false,
    within: false,
    ends: Ends::Visited,
    told: |_, _| Rounding::Single,
    has_schedule: true,
    has_lambdas: false,
    end: End::Zero,
    distilled: None,
    clips: false,
    init: Init::Sigma,
};

/// `EulerDiscreteScheduler`.
pub(super) const EULER: Class = Class {
    end: End::Configured,
    ..K_DIFFUSION
};

/// `EulerAncestralDiscreteScheduler`.
pub(super) const EULER_ANCESTRAL: Class = Class {
    has_schedule: false,
    ..K_DIFFUSION
};

/// `HeunDiscreteScheduler`.
pub(super) const HEUN: Class = Class {
    betas: (0.00085, 0.012),
    ..K_DIFFUSION
};

/// `KDPM2DiscreteScheduler` and `KDPM2AncestralDiscreteScheduler`.
pub(super) const KDPM2: Class = Class {
    told: |schedule, _| match schedule {
        Schedule::Karras => Rounding::Nearest,
        _ => Rounding::Single,
    },
    ..HEUN
};

/// `DPMSolverSDEScheduler`.
pub(super) const SDE: Class = Class {
    told: |_, _| Rounding::Exact,
    ..HEUN
};

/// `DPMSolverMultistepScheduler`.
pub(super) const SOLVER: Class = Class {
    spare: true,
    whole: true,
    ends: Ends::Trained,
    told: |schedule, betas| match schedule {
        Schedule::Karras | Schedule::Lambdas if betas != Some(BetaSchedule::SquaredCosine) => Rounding::Nearest,
        _ => Rounding::Down,
    },
    end: End::Configured,
    has_lambdas: true,
    clips: true,
    init: Init::Whole,
    ..K_DIFFUSION
};

/// `UniPCMultistepScheduler`.
pub(super) const UNIPC: Class = Class {
    clips: false,
    has_lambdas: false,
    ..SOLVER
};

/// `DEISMultistepScheduler`.
pub(super) const DEIS: Class = Class {
    end: End::Lowest,
    ..UNIPC
};

/// `SASolverScheduler`.
pub(super) const SA: Class = Class { clips: true, ..DEIS };

/// `PNDMScheduler` without its Runge-Kutta steps.
pub(super) const PNDM: Class = DDIM;

/// `DDPMScheduler`.
pub(super) const DDPM: Class = DDIM;

/// `LCMScheduler`.
pub(super) const LCM: Class = Class {
    betas: (0.00085, 0.012),
    distilled: Some(50),
    has_schedule: false,
    init: Init::Whole,
    told: |_, _| Rounding::Single,
    ..K_DIFFUSION
};

/// `TCDScheduler`.
pub(super) const TCD: Class = Class {
    end: End::Lowest,
    ..LCM
};

impl Class {
    /// How it lays a schedule for a model with that configuration and noise.
    pub fn layout(&self, config: &SchedulerConfig, noising: &Noising, schedule: Schedule) -> Result<Layout> {
        let train = config.train_timesteps()?;
        let floor = config.lambda_min_clipped.filter(|_| self.clips);
        let visited = match (noising, floor) {
            (Noising::VariancePreserving { table, .. }, Some(floor)) => table.above_lambda(floor),
            _ => train,
        };
        if visited == 0 {
            return Err(config_error("lambda_min_clipped", "leaves no timestep."));
        }
        Ok(Layout {
            timestep_spacing: config.timestep_spacing.unwrap_or(self.timestep_spacing),
            steps_offset: offset(config, train)?,
            visited,
            told: match noising {
                // Told in ln σ, where whole numbers mean nothing.
                Noising::Edm { .. } => Rounding::Single,
                _ => (self.told)(schedule, config.beta_schedule),
            },
            sigma_min: config.sigma_min,
            sigma_max: config.sigma_max,
            ..self.bare_layout(train)
        })
    }

    /// The same for a configuration that says nothing.
    pub fn bare_layout(&self, train: usize) -> Layout {
        Layout {
            timestep_spacing: self.timestep_spacing,
            steps_offset: 0,
            visited: train,
            spare: self.spare,
            whole: self.whole,
            within: self.within,
            told: (self.told)(Schedule::Auto, None),
            ends: self.ends,
            distilled: self.distilled,
            sigma_min: None,
            sigma_max: None,
            xl: false,
        }
    }

    /// σ after the last step.
    pub fn final_sigma(&self, config: &SchedulerConfig, noising: &Noising, schedule: Schedule) -> f64 {
        let lowest = match self.end {
            End::Zero => false,
            End::Configured => config.final_sigmas_type == Some(FinalSigma::SigmaMin),
            End::Lowest => schedule == Schedule::Auto,
        };
        match noising {
            Noising::VariancePreserving { table, .. } if lowest => table.ends().0,
            _ => 0.0,
        }
    }

    /// The scale of the first noise at σ.
    pub fn init_scale(&self, noising: &Noising, spacing: Spacing, sigma: f64) -> f64 {
        match self.init {
            Init::Unit => 1.0,
            Init::Sigma if spacing != Spacing::Leading => noising.init_scale(sigma),
            Init::Sigma | Init::Whole => sigma.hypot(1.0),
        }
    }
}

fn offset(config: &SchedulerConfig, train: usize) -> Result<i64> {
    let offset = config.steps_offset.unwrap_or(0);
    if (0..train as i64).contains(&offset) {
        Ok(offset)
    } else {
        Err(config_error(
            "steps_offset",
            format!("{offset} is not between 0 and {}.", train - 1),
        ))
    }
}
