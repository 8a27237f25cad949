use darkroom_protocol::{Sampler, Schedule};
use tch::Tensor;

use super::draft::Draft;
use super::table::NoiseTable;
use super::{Level, Prediction, SchedulerConfig, config_error};
use crate::{Error, Result};

/// Every number of one denoise loop, decided before it starts.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The sampler that runs.
    pub sampler: Sampler,
    /// The schedule that runs; [`Schedule::Auto`] where the timesteps are spaced without a named one.
    pub schedule: Schedule,
    /// What the network's output means.
    pub prediction: Prediction,
    /// What the network is told at each step, descending; not always whole.
    pub timesteps: Vec<f64>,
    /// σ in k-diffusion's frame (noise over clean) before each step, and one more after the last; at most 4096 where the
    /// model has zero terminal SNR.
    pub sigmas: Vec<f64>,
    /// Lines to print, where something other than the model's config runs.
    pub notices: Vec<String>,
    pub(super) method: Method,
    pub(super) start: usize,
    pub(super) init_scale: f64,
}

/// A sampler with its settings.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Method {
    /// The state is `alpha·clean + sigma·noise`; each step goes from one level to another, which is not always where the
    /// next begins.
    Ddim {
        jumps: Vec<(Level, Level)>,
        clip: Option<f64>,
    },
    /// The state of this and the following is `clean + σ·noise`.
    Euler,
    EulerAncestral,
    DpmPp2m {
        single: bool,
        heun: bool,
        single_at_end: bool,
    },
}

/// Plans a denoise loop of `steps` steps with `sampler`.
///
/// Fields that `config` lacks are the sampler's defaults in diffusers, so that the plan is that of
/// `XScheduler.from_config(config)`.
///
/// # Errors
/// `Error::Config` for a number out of range, and for a setting that changes the picture and is not built.
pub fn plan(config: &SchedulerConfig, sampler: Sampler, schedule: Schedule, steps: usize) -> Result<Plan> {
    let train = config.train_timesteps()?;
    if steps == 0 || steps > train {
        return Err(config_error(
            "steps",
            format!("{steps} is not between 1 and the model's {train} training timesteps."),
        ));
    }
    refuse_unbuilt(config, sampler)?;
    let draft = Draft {
        config,
        table: NoiseTable::new(config)?,
        sampler,
        steps,
        offset: offset(config, train)?,
    };
    let (schedule, notice) = resolve(config, sampler, schedule);
    let mut plan = draft.plan(schedule)?;
    plan.notices.extend(notice);
    Ok(plan)
}

impl Plan {
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

    /// The state to begin with from unit noise, any shape.
    pub fn initial(&self, noise: &Tensor) -> Tensor {
        noise.to_kind(tch::Kind::Float) * self.init_scale
    }

    /// The state to begin with from a clean sample and unit noise of one shape.
    pub fn noised(&self, clean: &Tensor, noise: &Tensor) -> Tensor {
        let (clean, noise) = (clean.to_kind(tch::Kind::Float), noise.to_kind(tch::Kind::Float));
        match &self.method {
            Method::Ddim { jumps, .. } => clean * jumps[self.start].0.alpha + noise * jumps[self.start].0.sigma,
            _ => clean + noise * self.sigmas[self.start],
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

/// The schedule that runs, and a line where the model's own is not built.
fn resolve(config: &SchedulerConfig, sampler: Sampler, schedule: Schedule) -> (Schedule, Option<String>) {
    let has_own = matches!(sampler, Sampler::Euler | Sampler::DpmPp2m);
    if schedule != Schedule::Auto || !has_own {
        return (schedule, None);
    }
    let is = |flag: Option<bool>| flag.unwrap_or(false);
    if is(config.use_karras_sigmas) {
        (Schedule::Karras, None)
    } else if is(config.use_exponential_sigmas) {
        (Schedule::Exponential, None)
    } else if is(config.use_beta_sigmas) || is(config.use_lu_lambdas) {
        let line = "The model's schedule (beta or Lu) is not built yet: spacing the timesteps without it.";
        (Schedule::Auto, Some(line.into()))
    } else {
        (Schedule::Auto, None)
    }
}

fn refuse_unbuilt(config: &SchedulerConfig, sampler: Sampler) -> Result<()> {
    let unlike = |value: &Option<String>, built: &str| value.as_deref().is_some_and(|v| v != built);
    let euler = sampler == Sampler::Euler;
    let clips = matches!(sampler, Sampler::Ddim | Sampler::DpmPp2m);
    let found = [
        ("thresholding", clips && config.thresholding == Some(true)),
        ("use_flow_sigmas", config.use_flow_sigmas == Some(true)),
        (
            "variance_type",
            config
                .variance_type
                .as_deref()
                .is_some_and(|v| v.starts_with("learned")),
        ),
        (
            "interpolation_type",
            euler && unlike(&config.interpolation_type, "linear"),
        ),
        ("timestep_type", euler && unlike(&config.timestep_type, "discrete")),
    ];
    match found.into_iter().find(|(_, unbuilt)| *unbuilt) {
        Some((field, _)) => Err(config_error(
            field,
            "this setting is not built: choose another sampler or model.",
        )),
        None => Ok(()),
    }
}
