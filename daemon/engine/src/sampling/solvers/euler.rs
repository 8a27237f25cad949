use tch::Tensor;

use crate::Result;
use crate::sampling::run::Run;

/// Euler's method on dx/dσ = (x − D)/σ, D the denoised sample (Karras et al. 2022, arXiv 2206.00364, algorithm 2 without
/// its second half; diffusers EulerDiscreteScheduler, FlowMatchEulerDiscreteScheduler where noise flows).
pub(in crate::sampling) fn run(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    for i in run.steps() {
        let (begun, from) = run.churned(i, x)?;
        let denoised = run.begin_at(from, &begun)?;
        x = toward(&denoised, &begun, from, run.sigma(i + 1));
        run.report(i, &denoised)?;
    }
    Ok(x)
}

/// x + (x − D)/σ · (σ' − σ): the straight line from `x` at σ through `denoised` at 0, read at σ'.
pub(super) fn toward(denoised: &Tensor, x: &Tensor, from: f64, to: f64) -> Tensor {
    denoised.lerp(x, to / from)
}
