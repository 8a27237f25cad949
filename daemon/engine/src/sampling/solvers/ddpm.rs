use tch::Tensor;

use super::ddim::{self, bounded, misplaced};
use crate::Result;
use crate::sampling::draft::Asked;
use crate::sampling::noising::Noising;
use crate::sampling::plan::Settings;
use crate::sampling::prediction::Implies;
use crate::sampling::run::Run;

/// Denoising diffusion probabilistic models (Ho et al. 2020, arXiv 2006.11239, equation 7; diffusers DDPMScheduler, `fixed_small`):
/// the mean of what came before, and noise of its variance.
pub(in crate::sampling) fn run(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    let plan = run.plan;
    let (Settings::Ddim { jumps, clip }, Noising::VariancePreserving { prediction, .. }) =
        (&plan.settings, &plan.noising)
    else {
        return Err(misplaced("DDPM"));
    };
    for i in run.steps() {
        let (from, to) = jumps[i];
        let output = run.output(&x, plan.timesteps[i])?;
        let denoised = bounded(prediction.clean(&x, &output, from), *clip, plan.thresholding);
        let kept = (from.alpha / to.alpha).powi(2);
        let (noise, before) = (from.sigma.powi(2), to.sigma.powi(2));
        x = &denoised * (to.alpha * (1.0 - kept) / noise) + x * (kept.sqrt() * before / noise);
        if plan.timesteps[i] > 0.0 {
            let variance = (before / noise * (1.0 - kept)).max(0.0);
            x = &x + run.noise(plan.sigmas[i], plan.sigmas[i + 1])? * variance.sqrt();
        }
        run.report(i, &denoised)?;
    }
    Ok(x)
}

/// DDIM's levels; it ends without noise whatever `set_alpha_to_one` says.
pub(in crate::sampling) fn settings(asked: &Asked<'_>) -> Result<Settings> {
    ddim::levels(asked, true)
}
