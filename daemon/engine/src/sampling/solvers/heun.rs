use tch::Tensor;

use super::euler::toward;
use crate::Result;
use crate::sampling::run::Run;

/// Heun's method: a step of Euler's, then the mean of the slopes at both ends (Karras et al. 2022, arXiv 2206.00364, algorithm 2;
/// k-diffusion `sample_heun`, diffusers HeunDiscreteScheduler). A step to σ = 0 is Euler's alone.
pub(in crate::sampling) fn run(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    for i in run.steps() {
        let to = run.sigma(i + 1);
        let (begun, from) = run.churned(i, x)?;
        let denoised = run.begin_at(from, &begun)?;
        let there = toward(&denoised, &begun, from, to);
        x = if to > 0.0 {
            let again = run.denoised(&there, to)?.guided;
            let slopes = (&begun - &denoised) / from + (&there - again) / to;
            begun + slopes * ((to - from) / 2.0)
        } else {
            there
        };
        run.report(i, &denoised)?;
    }
    Ok(x)
}
