use tch::Tensor;

use super::Level;
use super::prediction::Implies;
use super::run::Run;
use crate::Result;

/// Denoising diffusion implicit models with η = 0 (Song et al. 2020, arXiv 2010.02502, equation 12; diffusers
/// DDIMScheduler). The state is `alpha·clean + sigma·noise`; a `clip` bounds the clean part's magnitude and leaves the
/// noise part as predicted.
pub(super) fn run(mut x: Tensor, jumps: &[(Level, Level)], clip: Option<f64>, run: &mut Run<'_>) -> Result<Tensor> {
    for i in run.steps() {
        let (from, to) = jumps[i];
        let output = run.output(&x, i)?;
        let prediction = run.plan.prediction;
        let noise = prediction.noise(&x, &output, from);
        let mut denoised = prediction.clean(&x, &output, from);
        if let Some(range) = clip {
            denoised = denoised.clamp(-range, range);
        }
        x = &denoised * to.alpha + noise * to.sigma;
        run.report(i, &denoised)?;
    }
    Ok(x)
}
