//! DPM-Solver++ that looks one step back or two, its form with fresh noise, and that of CFG++: rows of
//! [`crate::sampling::samplers`]. The frame is x = clean + σ·noise, where λ = −ln σ; what a configuration says of the solver is read
//! here too.

use darkroom_protocol::Sampler;
use tch::Tensor;

use crate::Result;
use crate::sampling::draft::Asked;
use crate::sampling::noising::Noising;
use crate::sampling::plan::Settings;
use crate::sampling::run::{Run, Seen};
use crate::sampling::{FinalSigma, Level, config_error};

/// Multistep DPM-Solver++ of second or third order (Lu et al. 2022, arXiv 2211.01095, algorithm 2; diffusers
/// DPMSolverMultistepScheduler, `dpmsolver++`).
pub(in crate::sampling) fn run(x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    solve(x, run, 0.0)
}

/// The same on the reverse SDE (the paper's section 5; diffusers' `sde-dpmsolver++`, k-diffusion `sample_dpmpp_2m_sde`).
pub(in crate::sampling) fn run_sde(x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    let eta = run.eta(1.0);
    solve(x, run, eta)
}

/// x' = (σ'/σ)^(1+η)·x + (1 − (σ'/σ)^(1+η))·D, the clean sample's slope in λ beside, and the noise that is missing at σ'.
fn solve(mut x: Tensor, run: &mut Run<'_>, eta: f64) -> Result<Tensor> {
    let plan = run.plan;
    let settings = &plan.settings;
    let total = plan.timesteps.len();
    for i in run.steps() {
        let (from, to) = (run.sigma(i), run.sigma(i + 1));
        let denoised = run.begin(i, &x)?;
        let h = (from / to).ln();
        x = denoised.lerp(&x, (to / from).powf(1.0 + eta));
        match (order(settings, total - i, h, run), run.seen(1), run.seen(2)) {
            (3, Some(one), Some(two)) => x = &x + third(&denoised, one, two, from, h),
            (2 | 3, Some(one), _) => {
                let last = (one.sigma / from).ln();
                let slope = (&denoised - &one.denoised) * (h / last);
                x = &x + slope * slope_weight(settings, h * (1.0 + eta));
            }
            _ => {}
        }
        if eta > 0.0 && to > 0.0 {
            x = &x + run.noise(from, to)? * (to * (-(-2.0 * eta * h).exp_m1()).sqrt());
        }
        run.report(i, &denoised)?;
    }
    Ok(closed(x, run))
}

/// The state after the last step in the frame of unit variance, in which diffusers leaves it.
pub(super) fn closed(x: Tensor, run: &Run<'_>) -> Tensor {
    match (&run.plan.noising, run.plan.sigmas.last()) {
        (Noising::VariancePreserving { .. }, Some(sigma)) if *sigma > 0.0 => x * Level::from_sigma(*sigma).alpha,
        _ => x,
    }
}

/// How far a step looks back, `left` steps before the end. It cannot where a step had no length, which rounded timesteps give, or ends
/// at σ = 0.
fn order(settings: &Settings, left: usize, h: f64, run: &Run<'_>) -> usize {
    let Settings::DpmPp2m {
        order,
        single_at_end,
        double_before,
        ..
    } = settings
    else {
        return 1;
    };
    let usable = |step: f64| step.is_finite() && step > 1e-9;
    let way = |back: usize| match (run.seen(back), run.seen(back + 1)) {
        (Some(near), Some(far)) => usable((far.sigma / near.sigma).ln()),
        _ => false,
    };
    let allowed = match left {
        1 if *single_at_end => 1,
        2 if *double_before => (*order).min(2),
        _ => *order,
    };
    match (usable(h) && way(0), way(1)) {
        (false, _) => 1,
        (true, false) => allowed.min(2),
        (true, true) => allowed,
    }
}

/// What the clean sample's first and second differences add over a step.
fn third(denoised: &Tensor, one: &Seen, two: &Seen, from: f64, h: f64) -> Tensor {
    let r = [(one.sigma / from).ln() / h, (two.sigma / one.sigma).ln() / h];
    let near = (denoised - &one.denoised) / r[0];
    let bend = (&near - (&one.denoised - &two.denoised) / r[1]) / (r[0] + r[1]);
    let fall = (-h).exp_m1();
    (near + &bend * r[0]) * (fall / h + 1.0) - bend * ((fall + h) / (h * h) - 0.5)
}

/// How far the clean sample's change since the last step is carried on: the integral of its slope, approximated.
fn slope_weight(settings: &Settings, h: f64) -> f64 {
    match settings {
        Settings::DpmPp2m { heun: true, .. } => (-h).exp_m1() / h + 1.0,
        _ => -(-h).exp_m1() / 2.0,
    }
}

/// Second order in the way of CFG++ (Chung et al. 2024, arXiv 2406.08070; ComfyUI `sample_dpmpp_2m_cfg_pp`).
pub(in crate::sampling) fn run_cfg_pp(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    let mut last: Option<(f64, Tensor)> = None;
    for i in run.steps() {
        let (from, to) = (run.sigma(i), run.sigma(i + 1));
        let (denoised, uncond) = run.begin_both(i, &x)?;
        let shrink = to / from;
        x = &denoised + (&x - &uncond) * shrink;
        if let Some((began, before)) = last.filter(|_| to > 0.0) {
            let r = (began / from).ln() / (from / to).ln();
            x = &x + (&denoised - before) * ((1.0 - shrink) / (2.0 * r));
        }
        last = Some((from, uncond));
        run.report(i, &denoised)?;
    }
    Ok(x)
}

/// What a configuration says of the solver.
pub(in crate::sampling) fn settings(asked: &Asked<'_>) -> Result<Settings> {
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
    let configured = config.solver_order.unwrap_or(2);
    let order = asked.tuning.order.map_or(configured, |order| order as i64);
    if !(1..=3).contains(&order) {
        return Err(config_error("solver_order", format!("{order} is not between 1 and 3.")));
    }
    let few = config.lower_order_final.unwrap_or(true) && asked.laid.sigmas.len() < 15;
    let single_at_end = config.euler_at_final.unwrap_or(false)
        || few
        || asked.tuning.listed() > 0
        || config.final_sigmas_type != Some(FinalSigma::SigmaMin);
    Ok(Settings::DpmPp2m {
        order: match (asked.sampler, asked.tuning.order) {
            (_, Some(order)) => order,
            (Sampler::DpmPp3m, None) => 3,
            // A model that was published with three runs with two under this name.
            (_, None) => order.min(2) as usize,
        },
        heun: heun || asked.sampler == Sampler::DpmPp2mSdeHeun,
        single_at_end,
        double_before: few,
    })
}
