use darkroom_protocol::{Sampler, Schedule};

use super::plan::Method;
use super::spacing::Visits;
use super::table::NoiseTable;
use super::{BetaSchedule, FinalSigma, Level, Plan, Prediction, SchedulerConfig, Spacing, config_error, ramp};
use crate::Result;

/// What a plan is computed from, checked.
pub(super) struct Draft<'a> {
    pub config: &'a SchedulerConfig,
    pub table: NoiseTable,
    pub sampler: Sampler,
    pub steps: usize,
    pub offset: i64,
}

impl Draft<'_> {
    /// The plan of the sampler with a schedule; [`Schedule::Auto`] means the spaced timesteps.
    pub fn plan(&self, schedule: Schedule) -> Result<Plan> {
        match self.sampler {
            Sampler::Ddim => self.ddim(schedule),
            Sampler::Euler | Sampler::EulerAncestral => self.euler(schedule),
            Sampler::DpmPp2m => self.dpmpp_2m(schedule),
        }
    }

    /// diffusers DDIMScheduler at η = 0. A named schedule makes a chain of levels in k-diffusion's σ instead.
    fn ddim(&self, schedule: Schedule) -> Result<Plan> {
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
        Ok(self.finish(schedule, timesteps, sigmas, Method::Ddim { jumps, clip }, 1.0))
    }

    /// diffusers EulerDiscreteScheduler and EulerAncestralDiscreteScheduler.
    fn euler(&self, schedule: Schedule) -> Result<Plan> {
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
        let ancestral = self.sampler == Sampler::EulerAncestral;
        sigmas.push(if ancestral { 0.0 } else { self.final_sigma() });
        as_f32(&mut sigmas);
        let most = sigmas.iter().copied().fold(0.0, f64::max);
        let init_scale = if spacing == Spacing::Leading {
            most.hypot(1.0)
        } else {
            most
        };
        let method = if ancestral {
            Method::EulerAncestral
        } else {
            Method::Euler
        };
        Ok(self.finish(schedule, timesteps, sigmas, method, init_scale))
    }

    /// diffusers DPMSolverMultistepScheduler with `dpmsolver++`.
    fn dpmpp_2m(&self, schedule: Schedule) -> Result<Plan> {
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
        let method = self.solver(sigmas.len() - 1)?;
        Ok(self.finish(schedule, timesteps, sigmas, method, init_scale))
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

    fn solver(&self, steps: usize) -> Result<Method> {
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
        Ok(Method::DpmPp2m {
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
        method: Method,
        init_scale: f64,
    ) -> Plan {
        let prediction = self.config.prediction_type.unwrap_or_default();
        let notices = Vec::new();
        Plan {
            sampler: self.sampler,
            schedule,
            prediction,
            timesteps,
            sigmas,
            notices,
            method,
            start: 0,
            init_scale,
        }
    }
}

/// diffusers keeps these in f32; the network is told the rounded value.
fn as_f32(values: &mut [f64]) {
    for v in values {
        *v = f64::from(*v as f32);
    }
}
