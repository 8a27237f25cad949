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
mod draft;
mod guided;
mod kept;
mod level;
mod mimic;
mod noise;
mod noising;
#[cfg(test)]
mod oracle;
mod philox;
mod plan;
#[cfg(test)]
mod plan_tests;
mod prediction;
mod rows;
mod run;
mod samplers;
#[cfg(test)]
mod samplers_tests;
mod schedules;
#[cfg(test)]
mod schedules_tests;
mod seed_sequence;
mod solvers;
mod spacing;
mod table;
mod thresholding;
mod tuning;

pub use darkroom_formats::schema::{BetaSchedule, FinalSigma, Prediction, SchedulerConfig, Spacing};
pub use draft::{plan, plan_edm, plan_flow, plan_flow_even, plan_flow_on};
pub use guided::Guided;
pub use kept::Kept;
pub use level::Level;
pub use mimic::Mimic;
pub use noise::{NoiseStream, Wish};
pub use noising::Noising;
pub use plan::Plan;
pub use run::StepInfo;
pub use samplers::{sample, sample_keeping};
pub use tuning::Tuning;

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
