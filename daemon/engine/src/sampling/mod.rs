//! The denoise loop's mathematics: schedules, samplers and noise.
//!
//! [`plan()`] turns a model's scheduler_config.json, a sampler, a schedule and a number of steps into a [`Plan`]: every
//! timestep and noise level, in f64 on the host; [`plan_flow`] does so for models whose noise flows. [`sample`] runs a plan over a
//! state tensor and a network's closure. How noise mixes is [`Noising`]'s business. Schedules and samplers are rows of two tables:
//! pure functions over it and over a run, equal to diffusers' scheduler of the same name or to k-diffusion's function.

mod brownian;
#[cfg(test)]
mod brownian_tests;
mod classes;
mod ddim;
mod dpm2;
mod dpmpp_2m;
mod dpmpp_sde;
mod draft;
mod euler;
mod euler_ancestral;
mod guided;
mod heun;
mod kept;
mod level;
mod lms;
mod noise;
mod noising;
#[cfg(test)]
mod oracle;
mod plan;
#[cfg(test)]
mod plan_tests;
mod prediction;
mod run;
mod samplers;
mod schedules;
#[cfg(test)]
mod schedules_tests;
mod seed_sequence;
mod spacing;
mod table;

pub use darkroom_formats::schema::{BetaSchedule, FinalSigma, Prediction, SchedulerConfig, Spacing};
pub use draft::{plan, plan_flow};
pub use guided::Guided;
pub use kept::Kept;
pub use level::Level;
pub use noise::NoiseStream;
pub use noising::Noising;
pub use plan::Plan;
pub use run::StepInfo;
pub use samplers::{sample, sample_keeping};

use crate::Error;

/// The component that this room's errors name.
const COMPONENT: &str = "scheduler";

/// A complaint about one field of scheduler_config.json.
fn config_error(field: &str, what: impl Into<String>) -> Error {
    Error::Config {
        component: COMPONENT.into(),
        field: field.into(),
        what: what.into(),
    }
}
