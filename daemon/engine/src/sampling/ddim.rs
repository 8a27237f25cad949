use tch::Tensor;

use super::noising::Noising;
use super::plan::Settings;
use super::prediction::Implies;
use super::run::Run;
use crate::{Error, Result};

/// Denoising diffusion implicit models with η = 0 (Song et al. 2020, arXiv 2010.02502, equation 12; diffusers
/// DDIMScheduler). The state is `alpha·clean + sigma·noise`; a `clip` bounds the clean part's magnitude and leaves the
/// noise part as predicted.
pub(super) fn run(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    let plan = run.plan;
    let (Settings::Ddim { jumps, clip }, Noising::VariancePreserving { prediction, .. }) =
        (&plan.settings, &plan.noising)
    else {
        return Err(Error::Unsupported(
            "DDIM is for noise that preserves variance.".to_owned(),
        ));
    };
    for i in run.steps() {
        let (from, to) = jumps[i];
        let output = run.output(&x, plan.timesteps[i])?;
        let noise = prediction.noise(&x, &output, from);
        let mut denoised = prediction.clean(&x, &output, from);
        if let Some(range) = *clip {
            denoised = denoised.clamp(-range, range);
        }
        x = &denoised * to.alpha + noise * to.sigma;
        run.report(i, &denoised)?;
    }
    Ok(x)
}
