//! Euler's method in the way of CFG++ (Chung et al. 2024, arXiv 2406.08070), after ComfyUI: the guided clean sample, and on it the noise
//! that the prediction without the prompt says there is. Guidance is weak there: 0.5 to 2 is what 5 to 12 is elsewhere.

use tch::Tensor;

use super::euler_ancestral::split;
use crate::Result;
use crate::sampling::run::Run;

/// Without fresh noise (ComfyUI `sample_euler_cfg_pp`, A1111's DDIM CFG++ but for its scale of guidance).
pub(in crate::sampling) fn run(x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    solve(x, run, 0.0)
}

/// With fresh noise (ComfyUI `sample_euler_ancestral_cfg_pp`).
pub(in crate::sampling) fn run_ancestral(x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    let eta = run.eta(1.0);
    solve(x, run, eta)
}

/// x' = α'·D + σ_down·(x − α·Dᵤ)/σ and noise; α is 1 where variance is preserved, and 1 − σ where noise flows. There the step is split in the
/// ratios of noise to clean sample.
fn solve(mut x: Tensor, run: &mut Run<'_>, eta: f64) -> Result<Tensor> {
    let noising = &run.plan.noising;
    for i in run.steps() {
        let (from, to) = (run.sigma(i), run.sigma(i + 1));
        let (alpha, next) = (noising.alpha(from), noising.alpha(to));
        let (denoised, uncond) = run.begin_both(i, &x)?;
        let (down, up) = split(from / alpha, to / next, eta);
        x = &denoised * next + (&x - uncond * alpha) * (down * next / from);
        if up > 0.0 {
            x = &x + run.noise(from, to)? * (up * next);
        }
        run.report(i, &denoised)?;
    }
    Ok(x)
}
