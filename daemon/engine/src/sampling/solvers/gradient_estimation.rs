//! Gradient estimation and its CFG++ form, rows of [`super::super::rows`]: Euler's step with the change of the slope carried on. They look
//! one step back.

use tch::Tensor;

use crate::Result;
use crate::sampling::run::Run;

/// How much of the change of the slope is carried on.
const GAMMA: f64 = 2.0;

/// Gradient estimation (Permenter and Yuan 2023, arXiv 2306.04848; ComfyUI `sample_gradient_estimation`): Euler's step, and the slope's
/// change since the last one carried on.
pub(in crate::sampling) fn run(x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    solve(x, run, false)
}

/// The same by the noise of the prediction without the prompt (ComfyUI `sample_gradient_estimation_cfg_pp`).
pub(in crate::sampling) fn run_cfg_pp(x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    solve(x, run, true)
}

fn solve(mut x: Tensor, run: &mut Run<'_>, cfg_pp: bool) -> Result<Tensor> {
    let mut last: Option<Tensor> = None;
    for i in run.steps() {
        let (from, to) = (run.sigma(i), run.sigma(i + 1));
        let (denoised, slope) = if cfg_pp {
            let (denoised, uncond) = run.begin_both(i, &x)?;
            let slope = (&x - uncond) / from;
            (denoised, slope)
        } else {
            let denoised = run.begin(i, &x)?;
            let slope = (&x - &denoised) / from;
            (denoised, slope)
        };
        x = if to == 0.0 {
            denoised.shallow_clone()
        } else {
            // Under CFG++ the noise of one prediction is on the clean sample of the other.
            let next = &denoised + &slope * to;
            match &last {
                Some(last) => next + (&slope - last) * ((GAMMA - 1.0) * (to - from)),
                None => next,
            }
        };
        last = Some(slope);
        run.report(i, &denoised)?;
    }
    Ok(x)
}
