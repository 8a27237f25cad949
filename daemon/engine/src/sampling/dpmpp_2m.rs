//! DPM-Solver++ of second order that looks one step back, and its form with fresh noise: rows of [`super::samplers`]. The frame is
//! x = clean + σ·noise, where λ = −ln σ; what a configuration says of the solver is read here too.

use tch::Tensor;

use super::draft::Asked;
use super::plan::Settings;
use super::run::Run;
use super::{FinalSigma, Level, config_error};
use crate::Result;

/// Second-order multistep DPM-Solver++ (Lu et al. 2022, arXiv 2211.01095, algorithm 2; diffusers
/// DPMSolverMultistepScheduler, `dpmsolver++`).
pub(super) fn run(x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    solve(x, run, 0.0)
}

/// The same on the reverse SDE (the paper's section 5; diffusers' `sde-dpmsolver++`, k-diffusion `sample_dpmpp_2m_sde` with η = 1).
pub(super) fn run_sde(x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    solve(x, run, 1.0)
}

/// x' = (σ'/σ)^(1+η)·x + (1 − (σ'/σ)^(1+η))·D, the clean sample's slope in λ beside, and the noise that is missing at σ'.
fn solve(mut x: Tensor, run: &mut Run<'_>, eta: f64) -> Result<Tensor> {
    let plan = run.plan;
    let settings = &plan.settings;
    for i in run.steps() {
        let (from, to) = (run.sigma(i), run.sigma(i + 1));
        let denoised = run.begin(i, &x)?;
        let h = (from / to).ln();
        x = denoised.lerp(&x, (to / from).powf(1.0 + eta));
        if let Some(before) = run.seen(1) {
            let last = (before.sigma / from).ln();
            if second_order(settings, i + 2 == plan.sigmas.len(), last, h) {
                let slope = (&denoised - &before.denoised) * (h / last);
                x = &x + slope * slope_weight(settings, h * (1.0 + eta));
            }
        }
        if eta > 0.0 && to > 0.0 {
            x = &x + run.noise(from, to)? * (to * (-(-2.0 * eta * h).exp_m1()).sqrt());
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
