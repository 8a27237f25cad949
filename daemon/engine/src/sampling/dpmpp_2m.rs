//! DPM-Solver++ of second order that looks one step back, a row of [`super::samplers`]. The frame is x = clean + σ·noise, where
//! λ = −ln σ; what a configuration says of the solver is read here too.

use tch::Tensor;

use super::draft::Asked;
use super::euler::toward;
use super::plan::Settings;
use super::run::Run;
use super::{FinalSigma, Level, config_error};
use crate::Result;

/// Second-order multistep DPM-Solver++ (Lu et al. 2022, arXiv 2211.01095, algorithm 2; diffusers
/// DPMSolverMultistepScheduler, `dpmsolver++`).
pub(super) fn run(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    let plan = run.plan;
    let settings = &plan.settings;
    for i in run.steps() {
        let (from, to) = (run.sigma(i), run.sigma(i + 1));
        let denoised = run.begin(i, &x)?;
        let h = (from / to).ln();
        x = toward(&denoised, &x, from, to);
        if let Some(before) = run.seen(1) {
            let last = (before.sigma / from).ln();
            if second_order(settings, i + 2 == plan.sigmas.len(), last, h) {
                let slope = (&denoised - &before.denoised) * (h / last);
                x = &x + slope * slope_weight(settings, h);
            }
        }
        run.report(i, &denoised)?;
    }
    Ok(x * Level::from_sigma(plan.sigmas.last().copied().unwrap_or(0.0)).alpha)
}

/// Whether this step looks back. It cannot where a step had no length, which rounded timesteps give, or ends at σ = 0.
fn second_order(settings: &Settings, at_end: bool, last: f64, h: f64) -> bool {
    let Settings::DpmPp2m {
        single, single_at_end, ..
    } = settings
    else {
        return false;
    };
    let usable = |step: f64| step.is_finite() && step > 1e-9;
    let first_order = *single || (at_end && *single_at_end);
    !first_order && usable(last) && usable(h)
}

/// How far the clean sample's change since the last step is carried on: the integral of its slope, approximated.
fn slope_weight(settings: &Settings, h: f64) -> f64 {
    match settings {
        Settings::DpmPp2m { heun: true, .. } => (-h).exp_m1() / h + 1.0,
        _ => -(-h).exp_m1() / 2.0,
    }
}

/// What a configuration says of the solver.
pub(super) fn settings(asked: &Asked<'_>) -> Result<Settings> {
    let config = asked.config;
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
        || (config.lower_order_final.unwrap_or(true) && asked.laid.sigmas.len() < 15)
        || config.final_sigmas_type != Some(FinalSigma::SigmaMin);
    Ok(Settings::DpmPp2m {
        single: order == 1,
        heun,
        single_at_end,
    })
}
