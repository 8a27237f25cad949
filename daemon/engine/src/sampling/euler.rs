use tch::Tensor;

use super::run::Run;
use crate::Result;

/// Euler's method on dx/dσ = (x − D)/σ, D the denoised sample (Karras et al. 2022, arXiv 2206.00364, algorithm 1 without
/// its second half; diffusers EulerDiscreteScheduler without churn).
pub(super) fn run(mut x: Tensor, sigmas: &[f64], run: &mut Run<'_>) -> Result<Tensor> {
    for i in run.steps() {
        let denoised = run.denoised(&x, i)?;
        x = toward(&denoised, &x, sigmas[i], sigmas[i + 1]);
        run.report(i, &denoised)?;
    }
    Ok(x)
}

/// x + (x − D)/σ · (σ' − σ): the straight line from `x` at σ through `denoised` at 0, read at σ'.
pub(super) fn toward(denoised: &Tensor, x: &Tensor, from: f64, to: f64) -> Tensor {
    denoised.lerp(x, to / from)
}
