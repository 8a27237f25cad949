//! Computes a [`Plan`]: the σs and timesteps of a denoise loop from a model's scheduler_config.json, a sampler, a schedule and a
//! number of steps, as diffusers' scheduler of that name lays them. The pipeline calls it once a job; samplers only read the plan.
//! Every plan is drafted in one way: what differs is in the rows of the sampler, its class and the schedule.

use darkroom_protocol::sampler::Named as _;
use darkroom_protocol::{Sampler, Schedule};

use super::classes::Class;
use super::noising::Noising;
use super::plan::Settings;
use super::samplers::{self, NoiseKind, Row};
use super::schedules::{self, Ends, Laid, Rounding};
use super::table::NoiseTable;
use super::thresholding::Thresholding;
use super::tuning::Knob;
use super::{Plan, Prediction, SchedulerConfig, Spacing, Tuning, config_error};
use crate::{Error, Result};

/// What a plan is drafted from.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Source {
    /// A model of which the variance is preserved, with its scheduler's configuration.
    Table(Box<SchedulerConfig>),
    /// A model whose noise flows.
    Flow {
        shift: f64,
        train: usize,
        /// Whether σs are even over the steps, down to one of their number, and not over all that was trained.
        even: bool,
    },
    /// A model of the noise of Karras et al. 2022, with its scheduler's configuration.
    Edm(Box<SchedulerConfig>),
}

/// Plans a denoise loop of `steps` steps with `sampler`.
///
/// Fields that `config` lacks are the sampler's defaults in diffusers, so that the plan is that of
/// `XScheduler.from_config(config)`.
///
/// # Errors
/// `Error::Config` for a number out of range, and for a setting that changes the picture and is not built.
pub fn plan(config: &SchedulerConfig, sampler: Sampler, schedule: Schedule, steps: usize) -> Result<Plan> {
    let source = Source::Table(Box::new(config.clone()));
    source.draft(sampler, schedule, steps, &Tuning::default())
}

/// Plans a denoise loop of a model whose noise flows, over σs from 1 down to `1 / train` as diffusers'
/// FlowMatchEulerDiscreteScheduler lays them, pushed toward noise by `shift`.
///
/// # Errors
/// `Error::Unsupported` for a sampler that is not right there, `Error::Config` for numbers out of range.
pub fn plan_flow(shift: f64, train: usize, sampler: Sampler, steps: usize) -> Result<Plan> {
    plan_flow_on(shift, train, sampler, Schedule::Auto, steps)
}

/// The same on a schedule by name.
///
/// # Errors
/// As there, and `Error::Config` for a schedule that noise which flows has not.
pub fn plan_flow_on(shift: f64, train: usize, sampler: Sampler, schedule: Schedule, steps: usize) -> Result<Plan> {
    let source = Source::Flow {
        shift,
        train,
        even: false,
    };
    source.draft(sampler, schedule, steps, &Tuning::default())
}

/// The same from σs that are even over the steps before they are shifted, from 1 down to `1 / steps`, as the pipelines of FLUX, Z-Image
/// and their kin lay them (`sigmas` in diffusers' `retrieve_timesteps`).
///
/// # Errors
/// As [`plan_flow_on`].
pub fn plan_flow_even(shift: f64, train: usize, sampler: Sampler, schedule: Schedule, steps: usize) -> Result<Plan> {
    let source = Source::Flow {
        shift,
        train,
        even: true,
    };
    source.draft(sampler, schedule, steps, &Tuning::default())
}

/// Plans a denoise loop of a model that was trained with the noise of Karras et al. 2022, as diffusers' EDMEulerScheduler and
/// EDMDPMSolverMultistepScheduler lay it: from the configuration's `sigma_max`, 80 where it names none, down to its `sigma_min`, 0.002.
///
/// # Errors
/// `Error::Unsupported` for a sampler that needs a table of training timesteps, `Error::Config` for numbers out of range.
pub fn plan_edm(config: &SchedulerConfig, sampler: Sampler, schedule: Schedule, steps: usize) -> Result<Plan> {
    let range = SchedulerConfig {
        sigma_min: config.sigma_min.or(Some(0.002)),
        sigma_max: config.sigma_max.or(Some(80.0)),
        ..config.clone()
    };
    Source::Edm(Box::new(range)).draft(sampler, schedule, steps, &Tuning::default())
}

/// `plan` drafted once more, as `tuning` asks.
pub(super) fn again(plan: Plan, tuning: &Tuning) -> Result<Plan> {
    let (sampler, steps) = (plan.sampler, plan.timesteps.len());
    let row = samplers::row(sampler);
    let mut tuning = tuning.clone();
    let mut takes = row.takes.to_vec();
    if matches!(plan.source, Source::Flow { .. }) {
        // Noise thrown in, and noise of samplers that are right for flows without it only, would leave the line of a flow.
        takes.retain(|knob| !(matches!(knob, Knob::Churn | Knob::Thresholding) || row.flows_still));
    }
    let mut notices: Vec<String> = tuning
        .keep(&takes)
        .into_iter()
        .map(|knob| useless(knob, sampler))
        .collect();
    if std::mem::take(&mut tuning.seed_delta) && !draws(row, &takes, &tuning) {
        let name = sampler.name();
        notices.push(format!(
            "eta_noise_seed_delta: {name} draws no noise on the way: it is left out."
        ));
    }
    let asked = plan.asked;
    let source = match plan.source {
        Source::Table(config) => {
            notices.extend(without_shift(&mut tuning));
            Source::Table(Box::new(tuned(*config, &tuning)))
        }
        Source::Edm(config) => {
            notices.extend(without_shift(&mut tuning));
            notices.extend(without_betas(&mut tuning));
            Source::Edm(Box::new(tuned(*config, &tuning)))
        }
        Source::Flow { shift, train, even } => {
            notices.extend(without_betas(&mut tuning));
            Source::Flow {
                shift: tuning.shift.unwrap_or(shift),
                train,
                even,
            }
        }
    };
    let steps = match tuning.listed() {
        0 => steps,
        listed => {
            if listed != steps {
                notices.push(format!(
                    "steps: the list has {listed}, so there are as many and not {steps}."
                ));
            }
            listed
        }
    };
    let mut drafted = source.draft(sampler, asked, steps, &tuning)?;
    drafted.notices.splice(0..0, notices);
    Ok(drafted)
}

fn without_shift(tuning: &mut Tuning) -> Option<String> {
    let given = tuning.shift.take().is_some();
    given.then(|| "shift: only noise that flows is shifted: it is left out.".to_owned())
}

fn without_betas(tuning: &mut Tuning) -> Option<String> {
    let given = std::mem::take(&mut tuning.zero_snr);
    given.then(|| "rescale_betas: this model's noise has no betas: it is left out.".to_owned())
}

/// Whether a sampler draws fresh noise on the way.
fn draws(row: &Row, takes: &[Knob], tuning: &Tuning) -> bool {
    let asked = |value: Option<f64>| value.is_some_and(|value| value > 0.0);
    match row.sampler {
        Sampler::Ddim | Sampler::DpmFast | Sampler::DpmAdaptive => asked(tuning.eta),
        _ if takes.contains(&Knob::Churn) => asked(tuning.s_churn),
        _ => row.noise == NoiseKind::Fresh && takes.contains(&Knob::Noise),
    }
}

fn useless(knob: Knob, sampler: Sampler) -> String {
    format!(
        "{}: {} has no use for it here: it is left out.",
        knob.parameters(),
        sampler.name()
    )
}

/// `config` with what of `tuning` classes read from it.
fn tuned(config: SchedulerConfig, tuning: &Tuning) -> SchedulerConfig {
    let set = |on: bool, was: Option<bool>| if on { Some(true) } else { was };
    SchedulerConfig {
        lower_order_final: tuning.lower_order_final.or(config.lower_order_final),
        thresholding: set(tuning.thresholding, config.thresholding),
        rescale_betas_zero_snr: set(tuning.zero_snr, config.rescale_betas_zero_snr),
        ..config
    }
}

impl Source {
    fn draft(self, sampler: Sampler, schedule: Schedule, steps: usize, tuning: &Tuning) -> Result<Plan> {
        let row = samplers::row(sampler);
        let mut default = SchedulerConfig::default();
        if matches!(self, Self::Flow { even: true, .. }) {
            default.timestep_spacing = Some(Spacing::Trailing);
        }
        let (config, noising, resolved) = match &self {
            Self::Table(config) => {
                check_steps(steps, config.train_timesteps()?)?;
                refuse_unbuilt(config, sampler)?;
                let noising = Noising::VariancePreserving {
                    table: NoiseTable::new(&with_betas(config, row.class.betas))?,
                    prediction: config.prediction_type.unwrap_or_default(),
                };
                (config.as_ref(), noising, resolve(config, &row.class, schedule))
            }
            Self::Flow { shift, train, .. } => {
                let noising = flow(row, *shift, *train, steps)?;
                (&default, noising, schedule)
            }
            Self::Edm(config) => (config.as_ref(), edm(config, steps)?, schedule),
        };
        let thresholding = thresholding(row, config);
        let mut plan = draft(
            row,
            config,
            noising,
            (resolved, steps),
            schedule != Schedule::Auto,
            tuning,
            self.clone(),
        )?;
        if matches!(self, Self::Edm(_)) {
            if matches!(plan.settings, Settings::Ddim { .. }) {
                return Err(Error::Unsupported(format!(
                    "{} does not fit a model with this kind of noise, which has no training timesteps: choose Euler or DPM++ 2M.",
                    sampler.name()
                )));
            }
            // The schedulers' own, whatever the deviation of clean samples.
            plan.init_scale = plan.sigmas[0].hypot(1.0);
        }
        plan.asked = schedule;
        plan.thresholding = thresholding;
        Ok(plan)
    }
}

/// How noise mixes where it flows.
fn flow(row: &Row, shift: f64, train: usize, steps: usize) -> Result<Noising> {
    if !row.flows {
        let flowing = Sampler::NAMES.iter().filter(|(one, ..)| samplers::row(*one).flows);
        let names: Vec<&str> = flowing.map(|(_, name, _)| *name).collect();
        return Err(Error::Unsupported(format!(
            "{} does not fit a model whose noise flows: choose one of {}.",
            row.sampler.name(),
            names.join(", ")
        )));
    }
    if !(shift > 0.0 && shift <= 1e3) {
        return Err(config_error("shift", format!("{shift} is not between 0 and 1000.")));
    }
    check_steps(steps, train)?;
    Ok(Noising::Flow {
        shift,
        train: train as f64,
    })
}

/// How noise mixes in a model of Karras et al.'s.
fn edm(config: &SchedulerConfig, steps: usize) -> Result<Noising> {
    check_steps(steps, config.train_timesteps()?)?;
    let data = config.sigma_data.unwrap_or(0.5);
    if !(data > 0.0 && data <= 1e3) {
        return Err(config_error("sigma_data", format!("{data} is not between 0 and 1000.")));
    }
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
    Ok(Noising::Edm { data, velocity })
}

/// How the configuration bounds clean samples, for a sampler whose class reads that.
fn thresholding(row: &Row, config: &SchedulerConfig) -> Option<Thresholding> {
    let reads = row.takes.contains(&Knob::Thresholding) && config.thresholding == Some(true);
    reads.then(|| Thresholding {
        ratio: config.dynamic_thresholding_ratio.unwrap_or(0.995).clamp(0.0, 1.0),
        most: config.sample_max_value.unwrap_or(1.0).max(1.0),
    })
}

/// What a sampler reads its own settings from.
pub(super) struct Asked<'a> {
    pub config: &'a SchedulerConfig,
    pub noising: &'a Noising,
    /// [`Schedule::Auto`] means the spaced timesteps.
    pub schedule: Schedule,
    pub steps: usize,
    pub laid: &'a Laid,
    pub sampler: Sampler,
    pub tuning: &'a Tuning,
}

fn draft(
    row: &'static Row,
    config: &SchedulerConfig,
    noising: Noising,
    (schedule, steps): (Schedule, usize),
    named: bool,
    tuning: &Tuning,
    source: Source,
) -> Result<Plan> {
    let mut layout = row.class.layout(config, &noising, schedule)?;
    if named && !matches!(schedule, Schedule::Leading | Schedule::Linspace | Schedule::Trailing) {
        // By name a schedule is k-diffusion's, over all that was trained. Timesteps are told as they come, but for the two that
        // diffusers' classes have themselves.
        layout.ends = Ends::Trained;
        if !matches!(schedule, Schedule::Karras | Schedule::Exponential) {
            layout.told = Rounding::Single;
        }
    }
    if matches!(noising, Noising::Flow { .. }) {
        // A flow's network is told σ: its timesteps are no places of a table.
        layout.told = Rounding::Single;
    }
    let leading = schedule == Schedule::Auto && layout.timestep_spacing == Spacing::Leading;
    if leading && layout.spare && steps >= layout.visited {
        let text = format!(
            "{steps} is too many for {} with leading spacing: choose at most {}.",
            row.sampler.name(),
            layout.visited - 1
        );
        return Err(config_error("steps", text));
    }
    let laid = match schedules::listed(&noising, tuning, &layout)? {
        Some(laid) => laid,
        None => {
            let layout = schedules::Layout {
                xl: tuning.xl,
                ..layout.clone()
            };
            (schedules::row(schedule).lay)(&noising, steps, &layout)?
        }
    };
    // A schedule that meets one timestep twice leaves it out the second time.
    let steps = laid.sigmas.len();
    let settings = (row.settings)(&Asked {
        config,
        noising: &noising,
        schedule,
        steps,
        laid: &laid,
        sampler: row.sampler,
        tuning,
    })?;
    let sigmas = settings.sigmas().unwrap_or_else(|| {
        // diffusers keeps these in f32.
        let ends = laid.sigmas.iter().copied().chain([laid
            .last
            .unwrap_or_else(|| row.class.final_sigma(config, &noising, schedule))]);
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
        tuning: tuning.clone(),
        thresholding: None,
        source,
        asked: schedule,
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

/// The schedule that runs: what is asked for, else what the model's configuration says, as diffusers' class reads it.
fn resolve(config: &SchedulerConfig, class: &Class, schedule: Schedule) -> Schedule {
    if schedule != Schedule::Auto || !class.has_schedule {
        return schedule;
    }
    let named = [
        (config.use_karras_sigmas, Schedule::Karras),
        (config.use_lu_lambdas.filter(|_| class.has_lambdas), Schedule::Lambdas),
        (config.use_exponential_sigmas, Schedule::Exponential),
        (config.use_beta_sigmas, Schedule::Betas),
    ];
    let asked = named.into_iter().find(|(flag, _)| *flag == Some(true));
    asked.map_or(Schedule::Auto, |(_, schedule)| schedule)
}

fn refuse_unbuilt(config: &SchedulerConfig, sampler: Sampler) -> Result<()> {
    let unlike = |value: &Option<String>, built: &str| value.as_deref().is_some_and(|v| v != built);
    let euler = sampler == Sampler::Euler;
    let found = [
        (
            "clip_sample",
            sampler == Sampler::Heun && config.clip_sample == Some(true),
        ),
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
