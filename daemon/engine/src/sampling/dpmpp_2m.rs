use tch::Tensor;

use super::Level;
use super::euler::toward;
use super::plan::Settings;
use super::run::Run;
use crate::Result;

/// Second-order multistep DPM-Solver++ (Lu et al. 2022, arXiv 2211.01095, algorithm 2; diffusers
/// DPMSolverMultistepScheduler, `dpmsolver++`), in the frame x = clean + σ·noise where λ = −ln σ.
pub(super) fn run(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    let plan = run.plan;
    let (settings, sigmas) = (&plan.settings, &plan.sigmas);
    let mut before: Option<(Tensor, f64)> = None;
    for i in run.steps() {
        let denoised = run.denoised(&x, sigmas[i])?.guided;
        let h = (sigmas[i] / sigmas[i + 1]).ln();
        let multistep = before
            .as_ref()
            .filter(|(_, last)| second_order(settings, i + 2 == sigmas.len(), *last, h));
        x = match multistep {
            Some((previous, last)) => {
                let slope = (&denoised - previous) * (h / last);
                toward(&denoised, &x, sigmas[i], sigmas[i + 1]) + slope * slope_weight(settings, h)
            }
            None => toward(&denoised, &x, sigmas[i], sigmas[i + 1]),
        };
        run.report(i, &denoised)?;
        before = Some((denoised, h));
    }
    Ok(x * Level::from_sigma(sigmas.last().copied().unwrap_or(0.0)).alpha)
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
