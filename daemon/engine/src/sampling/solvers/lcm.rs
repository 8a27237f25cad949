//! Latent consistency, a row of [`super::super::rows`]: for models that were distilled to say the clean sample at once. What its class
//! in diffusers reads of a configuration is read here too.

use darkroom_protocol::Schedule;
use tch::Tensor;

use crate::Result;
use crate::sampling::Level;
use crate::sampling::draft::Asked;
use crate::sampling::noising::Noising;
use crate::sampling::plan::Settings;
use crate::sampling::run::Run;

/// What timesteps are scaled with before the boundary is measured, and the standard deviation of clean samples (diffusers
/// LCMScheduler's defaults).
const BOUNDARY: (f64, f64) = (10.0, 0.5);

/// Latent consistency (Luo et al. 2023, arXiv 2310.04378, algorithm 3): the clean sample, and fresh noise up to the next σ. On the
/// model's own schedule it is diffusers' LCMScheduler, on one by name and where noise flows ComfyUI's `sample_lcm`.
pub(in crate::sampling) fn run(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    let plan = run.plan;
    let boundary = matches!(plan.settings, Settings::Lcm { boundary: true });
    for i in run.steps() {
        let (from, to) = (run.sigma(i), run.sigma(i + 1));
        let mut denoised = run.begin(i, &x)?;
        if boundary {
            let scaled = (plan.timesteps[i] * BOUNDARY.0).powi(2);
            let sum = scaled + BOUNDARY.1.powi(2);
            let state = &x * Level::from_sigma(from).alpha;
            denoised = denoised * (scaled / sum).sqrt() + state * (BOUNDARY.1.powi(2) / sum);
        }
        x = if to > 0.0 {
            plan.noising.noised(&denoised, &run.noise(from, to)?, to)
        } else {
            denoised.shallow_clone()
        };
        run.report(i, &denoised)?;
    }
    Ok(x)
}

/// Whether the model's boundary is kept.
pub(in crate::sampling) fn settings(asked: &Asked<'_>) -> Result<Settings> {
    let trained = matches!(asked.noising, Noising::VariancePreserving { .. });
    Ok(Settings::Lcm {
        boundary: trained && asked.schedule == Schedule::Auto && asked.tuning.listed() == 0,
    })
}
