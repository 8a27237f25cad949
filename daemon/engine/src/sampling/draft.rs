//! Computes a [`Plan`]: the σs and timesteps of a denoise loop from a model's scheduler_config.json, a sampler, a schedule and a
//! number of steps, as diffusers' scheduler of that name lays them. The pipeline calls it once a job; samplers only read the plan.
//! Every plan is drafted in one way: what differs is in the rows of the sampler, its class and the schedule.

use darkroom_protocol::sampler::Named as _;
use darkroom_protocol::{Sampler, Schedule};

use super::noising::Noising;
use super::plan::Settings;
use super::samplers::{self, Row};
use super::schedules::{self, Laid};
use super::table::NoiseTable;
use super::{Plan, Prediction, SchedulerConfig, Spacing, config_error};
use crate::{Error, Result};

/// Plans a denoise loop of `steps` steps with `sampler`.
///
/// Fields that `config` lacks are the sampler's defaults in diffusers, so that the plan is that of
/// `XScheduler.from_config(config)`.
///
/// # Errors
/// `Error::Config` for a number out of range, and for a setting that changes the picture and is not built.
pub fn plan(config: &SchedulerConfig, sampler: Sampler, schedule: Schedule, steps: usize) -> Result<Plan> {
    check_steps(steps, config.train_timesteps()?)?;
    let row = samplers::row(sampler);
    refuse_unbuilt(config, sampler)?;
    let noising = Noising::VariancePreserving {
        table: NoiseTable::new(&with_betas(config, row.class.betas))?,
        prediction: config.prediction_type.unwrap_or_default(),
    };
    let (schedule, notice) = resolve(config, row.class.has_schedule, schedule);
    let mut plan = draft(row, config, noising, schedule, steps)?;
    plan.notices.extend(notice);
    Ok(plan)
}

/// Plans a denoise loop of a model whose noise flows, over σs from 1 down to `1 / train` as diffusers'
/// FlowMatchEulerDiscreteScheduler lays them, pushed toward noise by `shift`.
///
/// # Errors
/// `Error::Unsupported` for a sampler that is not right there, `Error::Config` for numbers out of range.
pub fn plan_flow(shift: f64, train: usize, sampler: Sampler, steps: usize) -> Result<Plan> {
    let row = samplers::row(sampler);
    if !row.flows {
        let flowing = Sampler::NAMES.iter().filter(|(one, ..)| samplers::row(*one).flows);
        let names: Vec<&str> = flowing.map(|(_, name, _)| *name).collect();
        return Err(Error::Unsupported(format!(
            "{} does not fit a model whose noise flows: choose {}.",
            sampler.name(),
            names.join(" or ")
        )));
    }
    if !(shift > 0.0 && shift <= 1e3) {
        return Err(config_error("shift", format!("{shift} is not between 0 and 1000.")));
    }
    check_steps(steps, train)?;
    let noising = Noising::Flow {
        shift,
        train: train as f64,
    };
    draft(row, &SchedulerConfig::default(), noising, Schedule::Auto, steps)
}

/// Plans a denoise loop of a model that was trained with the noise of Karras et al. 2022, as diffusers' EDMEulerScheduler and
/// EDMDPMSolverMultistepScheduler lay it: from the configuration's `sigma_max`, 80 where it names none, down to its `sigma_min`, 0.002.
///
/// # Errors
/// `Error::Unsupported` for a sampler that needs a table of training timesteps, `Error::Config` for numbers out of range.
pub fn plan_edm(config: &SchedulerConfig, sampler: Sampler, schedule: Schedule, steps: usize) -> Result<Plan> {
    check_steps(steps, config.train_timesteps()?)?;
    let data = config.sigma_data.unwrap_or(0.5);
    if !(data > 0.0 && data <= 1e3) {
        return Err(config_error("sigma_data", format!("{data} is not between 0 and 1000.")));
    }
    let range = SchedulerConfig {
        sigma_min: config.sigma_min.or(Some(0.002)),
        sigma_max: config.sigma_max.or(Some(80.0)),
        ..config.clone()
    };
    let velocity = match config.prediction_type.unwrap_or_default() {
        Prediction::Epsilon => false,
        Prediction::VPrediction => true,
        Prediction::Sample => {
            return Err(config_error(
                "prediction_type",
                "sample is not built for this kind of noise.",
            ));
        }
    };
    let noising = Noising::Edm { data, velocity };
    let mut plan = draft(samplers::row(sampler), &range, noising, schedule, steps)?;
    if matches!(plan.settings, Settings::Ddim { .. }) {
        return Err(Error::Unsupported(format!(
            "{} does not fit a model with this kind of noise, which has no training timesteps: choose Euler or DPM++ 2M.",
            sampler.name()
        )));
    }
    // The schedulers' own, whatever the deviation of clean samples.
    plan.init_scale = plan.sigmas[0].hypot(1.0);
    Ok(plan)
}

/// What a sampler reads its own settings from.
pub(super) struct Asked<'a> {
    pub config: &'a SchedulerConfig,
    pub noising: &'a Noising,
    /// [`Schedule::Auto`] means the spaced timesteps.
    pub schedule: Schedule,
    pub steps: usize,
    pub laid: &'a Laid,
}

fn draft(
    row: &'static Row,
    config: &SchedulerConfig,
    noising: Noising,
    schedule: Schedule,
    steps: usize,
) -> Result<Plan> {
    let layout = row.class.layout(config, &noising, schedule)?;
    let leading = schedule == Schedule::Auto && layout.timestep_spacing == Spacing::Leading;
    if leading && layout.spare && steps >= layout.visited {
        let text = format!(
            "{steps} is too many for {} with leading spacing: choose at most {}.",
            row.sampler.name(),
            layout.visited - 1
        );
        return Err(config_error("steps", text));
    }
    let laid = (schedules::row(schedule).lay)(&noising, steps, &layout)?;
    let settings = (row.settings)(&Asked {
        config,
        noising: &noising,
        schedule,
        steps,
        laid: &laid,
    })?;
    let sigmas = settings.sigmas().unwrap_or_else(|| {
        // diffusers keeps these in f32.
        let ends = laid
            .sigmas
            .iter()
            .copied()
            .chain([row.class.final_sigma(config, &noising)]);
        ends.map(|sigma| f64::from(sigma as f32)).collect()
    });
    Ok(Plan {
        sampler: row.sampler,
        schedule,
        init_scale: row.class.init_scale(&noising, layout.timestep_spacing, sigmas[0]),
        timesteps: laid.timesteps,
        sigmas,
        notices: Vec::new(),
        noising,
        settings,
        start: 0,
        calls_a_step: row.calls,
    })
}

fn check_steps(steps: usize, train: usize) -> Result<()> {
    if (1..=train).contains(&steps) {
        return Ok(());
    }
    Err(config_error(
        "steps",
        format!("{steps} is not between 1 and the model's {train} training timesteps."),
    ))
}

/// `config` with those βs where it names none.
fn with_betas(config: &SchedulerConfig, (start, end): (f64, f64)) -> SchedulerConfig {
    SchedulerConfig {
        beta_start: config.beta_start.or(Some(start)),
        beta_end: config.beta_end.or(Some(end)),
        ..config.clone()
    }
}

/// The schedule that runs, and a line where the model's own is not built.
fn resolve(config: &SchedulerConfig, has_own: bool, schedule: Schedule) -> (Schedule, Option<String>) {
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
    let clips = matches!(sampler, Sampler::Ddim | Sampler::DpmPp2m | Sampler::DpmPp2mSde);
    let found = [
        (
            "clip_sample",
            sampler == Sampler::Heun && config.clip_sample == Some(true),
        ),
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
