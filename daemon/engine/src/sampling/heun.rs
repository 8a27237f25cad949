use tch::Tensor;

use super::euler::toward;
use super::run::Run;
use crate::Result;

/// Heun's method: a step of Euler's, then the mean of the slopes at both ends (Karras et al. 2022, arXiv 2206.00364, algorithm 1;
/// k-diffusion `sample_heun` and diffusers HeunDiscreteScheduler without churn). A step to σ = 0 is Euler's alone.
pub(super) fn run(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    for i in run.steps() {
        let (from, to) = (run.sigma(i), run.sigma(i + 1));
        let denoised = run.begin(i, &x)?;
        let there = toward(&denoised, &x, from, to);
        x = if to > 0.0 {
            let again = run.denoised(&there, to)?.guided;
            let slopes = (&x - &denoised) / from + (&there - again) / to;
            x + slopes * ((to - from) / 2.0)
        } else {
            there
        };
        run.report(i, &denoised)?;
    }
    Ok(x)
}
