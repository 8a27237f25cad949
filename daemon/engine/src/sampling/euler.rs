use tch::Tensor;

use super::run::Run;
use crate::Result;

/// Euler's method on dx/dσ = (x − D)/σ, D the denoised sample (Karras et al. 2022, arXiv 2206.00364, algorithm 1 without
/// its second half; diffusers EulerDiscreteScheduler without churn, FlowMatchEulerDiscreteScheduler where noise flows).
pub(super) fn run(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    for i in run.steps() {
        let (from, to) = (run.sigma(i), run.sigma(i + 1));
        let denoised = run.begin(i, &x)?;
        x = toward(&denoised, &x, from, to);
        run.report(i, &denoised)?;
    }
    Ok(x)
}

/// x + (x − D)/σ · (σ' − σ): the straight line from `x` at σ through `denoised` at 0, read at σ'.
pub(super) fn toward(denoised: &Tensor, x: &Tensor, from: f64, to: f64) -> Tensor {
    denoised.lerp(x, to / from)
}
