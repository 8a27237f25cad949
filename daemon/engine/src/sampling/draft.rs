//! Computes a [`Plan`]: the σs and timesteps of a denoise loop from a model's scheduler_config.json, a sampler, a schedule and a
//! number of steps, as diffusers' scheduler of that name lays them. The pipeline calls it once a job; samplers only read the plan.

use darkroom_protocol::sampler::Named as _;
use darkroom_protocol::{Sampler, Schedule};

use super::noising::Noising;
use super::plan::Settings;
use super::samplers::{self, Grid, Row};
use super::spacing::{Visits, linspace};
use super::table::NoiseTable;
use super::{BetaSchedule, FinalSigma, Level, Plan, Prediction, SchedulerConfig, Spacing, config_error, ramp};
use crate::{Error, Result};

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
        return Err(steps_error(steps, train));
    }
    let row = samplers::row(sampler);
    refuse_unbuilt(config, sampler)?;
    let draft = Draft {
        config,
        table: NoiseTable::new(&with_betas(config, row.betas))?,
        row,
        steps,
        offset: offset(config, train)?,
    };
    let (schedule, notice) = resolve(config, row.has_schedule, schedule);
    let mut plan = draft.plan(schedule)?;
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
    if steps == 0 || steps > train {
        return Err(steps_error(steps, train));
    }
    let train = train as f64;
    let noising = Noising::Flow { shift, train };
    // The scheduler shifts its lowest σ when it is made, and all of them when steps are set.
    let lowest = noising.shifted(1.0 / train);
    let mut sigmas: Vec<f64> = linspace(1.0, lowest, steps)
        .into_iter()
        .map(|s| noising.shifted(s))
        .collect();
    as_f32(&mut sigmas);
    let mut timesteps: Vec<f64> = sigmas.iter().map(|s| noising.timestep(*s)).collect();
    as_f32(&mut timesteps);
    sigmas.push(0.0);
    Ok(Plan {
        sampler,
        schedule: Schedule::Auto,
        init_scale: noising.init_scale(sigmas[0]),
        timesteps,
        sigmas,
        notices: Vec::new(),
        noising,
        settings: Settings::None,
        start: 0,
        calls_a_step: row.calls,
    })
}

fn steps_error(steps: usize, train: usize) -> Error {
    config_error(
        "steps",
        format!("{steps} is not between 1 and the model's {train} training timesteps."),
    )
}

/// `config` with those βs where it names none.
fn with_betas(config: &SchedulerConfig, (start, end): (f64, f64)) -> SchedulerConfig {
    SchedulerConfig {
        beta_start: config.beta_start.or(Some(start)),
        beta_end: config.beta_end.or(Some(end)),
        ..config.clone()
    }
}

/// What a plan is computed from, checked.
struct Draft<'a> {
    config: &'a SchedulerConfig,
    table: NoiseTable,
    row: &'static Row,
    steps: usize,
    offset: i64,
}

impl Draft<'_> {
    /// The plan of the sampler with a schedule; [`Schedule::Auto`] means the spaced timesteps.
    fn plan(&self, schedule: Schedule) -> Result<Plan> {
        match self.row.grid {
            Grid::Jumps => self.jumps(schedule),
            Grid::ToZero => self.k_diffusion(schedule, 0.0),
            Grid::ToFinal => self.k_diffusion(schedule, self.final_sigma()),
            Grid::Solver => self.solver(schedule),
        }
    }

    /// diffusers DDIMScheduler at η = 0. A named schedule makes a chain of levels in k-diffusion's σ instead.
    fn jumps(&self, schedule: Schedule) -> Result<Plan> {
        let config = self.config;
        let spacing = config.timestep_spacing.unwrap_or(Spacing::Leading);
        let mut timesteps = spacing.whole(self.table.len(), self.steps, self.offset);
        let end = if config.set_alpha_to_one.unwrap_or(true) {
            Level::CLEAN
        } else {
            self.table.level(0)
        };
        let jumps: Vec<(Level, Level)> = if schedule == Schedule::Auto {
            let stride = self.table.len() / self.steps;
            timesteps
                .iter_mut()
                .map(|t| {
                    *t = t.min((self.table.len() - 1) as f64);
                    let at = *t as usize;
                    (
                        self.table.level(at),
                        at.checked_sub(stride).map_or(end, |next| self.table.level(next)),
                    )
                })
                .collect()
        } else {
            let sigmas = self.named(schedule, self.spaced_ends(&timesteps))?;
            timesteps = sigmas.iter().map(|&s| self.table.timestep(s)).collect();
            let levels: Vec<Level> = sigmas.into_iter().map(Level::from_sigma).chain([end]).collect();
            levels.windows(2).map(|w| (w[0], w[1])).collect()
        };
        let jumps = if config.prediction_type.unwrap_or_default() == Prediction::Epsilon {
            jumps.into_iter().map(|(from, to)| (from.without_zero(), to)).collect()
        } else {
            jumps
        };
        let sigmas = jumps
            .iter()
            .map(|(from, _)| from.ratio())
            .chain(jumps.last().map(|(_, to)| to.ratio()))
            .collect();
        let clip = config
            .clip_sample
            .unwrap_or(true)
            .then(|| config.clip_sample_range.unwrap_or(1.0));
        if clip.is_some_and(|range| range.is_nan() || range <= 0.0) {
            return Err(config_error("clip_sample_range", "must be above 0."));
        }
        Ok(self.finish(schedule, timesteps, sigmas, Settings::Ddim { jumps, clip }, 1.0))
    }

    /// diffusers EulerDiscreteScheduler, EulerAncestralDiscreteScheduler and HeunDiscreteScheduler.
    fn k_diffusion(&self, schedule: Schedule, last: f64) -> Result<Plan> {
        let config = self.config;
        let spacing = config.timestep_spacing.unwrap_or(Spacing::Linspace);
        let mut timesteps = spacing.fractional(self.table.len(), self.steps, self.offset);
        as_f32(&mut timesteps);
        let mut sigmas: Vec<f64> = timesteps.iter().map(|&t| self.table.sigma(t)).collect();
        if schedule != Schedule::Auto {
            sigmas = self.named(schedule, self.spaced_ends(&timesteps))?;
            timesteps = sigmas.iter().map(|&s| self.table.timestep(s)).collect();
            as_f32(&mut timesteps);
        }
        sigmas.push(last);
        as_f32(&mut sigmas);
        let most = sigmas.iter().copied().fold(0.0, f64::max);
        let init_scale = if spacing == Spacing::Leading {
            most.hypot(1.0)
        } else {
            most
        };
        Ok(self.finish(schedule, timesteps, sigmas, Settings::None, init_scale))
    }

    /// diffusers DPMSolverMultistepScheduler with `dpmsolver++`.
    fn solver(&self, schedule: Schedule) -> Result<Plan> {
        let (config, train) = (self.config, self.table.len());
        let spacing = config.timestep_spacing.unwrap_or(Spacing::Linspace);
        let last = config
            .lambda_min_clipped
            .map_or(train, |floor| self.table.above_lambda(floor));
        if last == 0 {
            return Err(config_error("lambda_min_clipped", "leaves no timestep."));
        }
        let mut sigmas;
        let mut timesteps;
        if schedule == Schedule::Auto {
            if spacing == Spacing::Leading && self.steps >= last {
                let text = format!(
                    "{} is too many for DPM++ 2M with leading spacing: choose at most {}.",
                    self.steps,
                    last - 1
                );
                return Err(config_error("steps", text));
            }
            timesteps = spacing.solver(train, last, self.steps, self.offset);
            sigmas = timesteps.iter().map(|&t| self.table.sigma(t)).collect();
        } else {
            sigmas = self.named(schedule, self.table.ends())?;
            timesteps = sigmas.iter().map(|&s| self.table.timestep(s)).collect::<Vec<f64>>();
            self.whole(schedule, &mut timesteps);
        }
        sigmas.push(self.final_sigma());
        as_f32(&mut sigmas);
        let init_scale = sigmas[0].hypot(1.0);
        let settings = self.solver_settings(sigmas.len() - 1)?;
        Ok(self.finish(schedule, timesteps, sigmas, settings, init_scale))
    }

    /// The DPM solver tells the network whole timesteps: rounded under Karras, cut off otherwise and with a squared cosine.
    fn whole(&self, schedule: Schedule, timesteps: &mut [f64]) {
        let cosine = self.config.beta_schedule == Some(BetaSchedule::SquaredCosine);
        for t in timesteps {
            *t = if schedule == Schedule::Karras && !cosine {
                t.round_ties_even()
            } else {
                t.trunc()
            };
        }
    }

    fn solver_settings(&self, steps: usize) -> Result<Settings> {
        let config = self.config;
        let heun = match config.solver_type.as_deref().unwrap_or("midpoint") {
            "heun" => true,
            "midpoint" | "logrho" | "bh1" | "bh2" => false,
            other => {
                return Err(config_error(
                    "solver_type",
                    format!("{other} is not known: choose midpoint or heun."),
                ));
            }
        };
        let order = config.solver_order.unwrap_or(2);
        if !(1..=3).contains(&order) {
            return Err(config_error("solver_order", format!("{order} is not between 1 and 3.")));
        }
        let single_at_end = config.euler_at_final.unwrap_or(false)
            || (config.lower_order_final.unwrap_or(true) && steps < 15)
            || config.final_sigmas_type != Some(FinalSigma::SigmaMin);
        Ok(Settings::DpmPp2m {
            single: order == 1,
            heun,
            single_at_end,
        })
    }

    fn final_sigma(&self) -> f64 {
        if self.config.final_sigmas_type == Some(FinalSigma::SigmaMin) {
            self.table.ends().0
        } else {
            0.0
        }
    }

    /// The lowest and highest σ that spaced timesteps visit.
    fn spaced_ends(&self, timesteps: &[f64]) -> (f64, f64) {
        let at = |t: Option<&f64>| self.table.sigma(t.copied().unwrap_or(0.0));
        (at(timesteps.last()), at(timesteps.first()))
    }

    /// The σs of a named schedule between `ends` (lowest, highest), which `sigma_min` and `sigma_max` of the config replace.
    fn named(&self, schedule: Schedule, ends: (f64, f64)) -> Result<Vec<f64>> {
        let (min, max) = (
            self.config.sigma_min.unwrap_or(ends.0),
            self.config.sigma_max.unwrap_or(ends.1),
        );
        if !(min > 0.0 && min <= max && max <= 1e6) {
            return Err(config_error(
                "sigma_min",
                format!("{min} to {max} is not a range of σ: 0 < sigma_min ≤ sigma_max ≤ 10⁶."),
            ));
        }
        Ok(match schedule {
            Schedule::Exponential => ramp::exponential(min, max, self.steps),
            Schedule::Karras | Schedule::Auto => ramp::karras(min, max, self.steps),
        })
    }

    fn finish(
        &self,
        schedule: Schedule,
        timesteps: Vec<f64>,
        sigmas: Vec<f64>,
        settings: Settings,
        init_scale: f64,
    ) -> Plan {
        Plan {
            sampler: self.row.sampler,
            schedule,
            timesteps,
            sigmas,
            notices: Vec::new(),
            noising: Noising::VariancePreserving {
                table: self.table.clone(),
                prediction: self.config.prediction_type.unwrap_or_default(),
            },
            settings,
            start: 0,
            init_scale,
            calls_a_step: self.row.calls,
        }
    }
}

/// diffusers keeps these in f32; the network is told the rounded value.
fn as_f32(values: &mut [f64]) {
    for v in values {
        *v = f64::from(*v as f32);
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
    let clips = matches!(sampler, Sampler::Ddim | Sampler::DpmPp2m);
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
