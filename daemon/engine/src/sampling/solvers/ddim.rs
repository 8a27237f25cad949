//! DDIM, a row of `samplers.rs`: its steps, and the two noise levels of each, which `draft.rs` asks for with the plan. It needs α
//! and σ apart, so it asks `run.rs` for the network's output and not for a clean sample. How its timesteps are spaced is in
//! `classes.rs` and `spacing.rs`.

use darkroom_protocol::Schedule;
use darkroom_protocol::sampler::Named as _;
use tch::Tensor;

use crate::sampling::draft::Asked;
use crate::sampling::noising::Noising;
use crate::sampling::plan::Settings;
use crate::sampling::prediction::Implies;
use crate::sampling::run::Run;
use crate::sampling::thresholding::{Thresholding, thresholded};
use crate::sampling::{Level, Prediction, config_error};
use crate::{Error, Result};

/// Denoising diffusion implicit models, with η = 0 unless it is asked for (Song et al. 2020, arXiv 2010.02502, equations 12 and 16;
/// diffusers DDIMScheduler). The state is `alpha·clean + sigma·noise`; a `clip` bounds the clean part's magnitude and leaves the
/// noise part as predicted.
pub(in crate::sampling) fn run(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    let plan = run.plan;
    let (Settings::Ddim { jumps, clip }, Noising::VariancePreserving { prediction, .. }) =
        (&plan.settings, &plan.noising)
    else {
        return Err(misplaced("DDIM"));
    };
    let eta = run.eta(0.0);
    for i in run.steps() {
        let (from, to) = jumps[i];
        let output = run.output(&x, plan.timesteps[i])?;
        let noise = prediction.noise(&x, &output, from);
        let denoised = bounded(prediction.clean(&x, &output, from), *clip, plan.thresholding);
        x = if eta > 0.0 {
            let kept = (from.alpha / to.alpha).powi(2);
            let fresh = eta * (to.sigma / from.sigma) * (1.0 - kept).max(0.0).sqrt();
            let old = (to.sigma.powi(2) - fresh.powi(2)).max(0.0).sqrt();
            let noised = &denoised * to.alpha + noise * old;
            noised + run.noise(plan.sigmas[i], plan.sigmas[i + 1])? * fresh
        } else {
            &denoised * to.alpha + noise * to.sigma
        };
        run.report(i, &denoised)?;
    }
    Ok(x)
}

/// A predicted clean sample within bounds.
pub(super) fn bounded(clean: Tensor, clip: Option<f64>, range: Option<Thresholding>) -> Tensor {
    match (range, clip) {
        (Some(_), _) => thresholded(clean, range),
        (None, Some(range)) => clean.clamp(-range, range),
        (None, None) => clean,
    }
}

/// The levels of DDIM's steps; it ends without noise unless `set_alpha_to_one` says otherwise.
pub(in crate::sampling) fn settings(asked: &Asked<'_>) -> Result<Settings> {
    levels(asked, asked.config.set_alpha_to_one.unwrap_or(true))
}

/// The levels that each step goes between: T/n timesteps on, which under trailing spacing is not always where the next begins. A named
/// schedule makes a chain of levels of its σs instead.
pub(super) fn levels(asked: &Asked<'_>, ends_clean: bool) -> Result<Settings> {
    let (config, laid) = (asked.config, asked.laid);
    let Noising::VariancePreserving { table, prediction } = asked.noising else {
        return Err(misplaced(asked.sampler.name()));
    };
    let end = if ends_clean { Level::CLEAN } else { table.level(0) };
    let mut jumps: Vec<(Level, Level)> = if asked.schedule == Schedule::Auto && asked.tuning.listed() == 0 {
        let stride = table.len() / asked.steps;
        let next = |at: usize| at.checked_sub(stride).map_or(end, |next| table.level(next));
        let starts = laid.timesteps.iter().map(|t| *t as usize);
        starts.map(|at| (table.level(at), next(at))).collect()
    } else {
        let levels = laid.sigmas.iter().map(|s| Level::from_sigma(*s));
        let levels: Vec<Level> = levels.chain([end]).collect();
        levels.windows(2).map(|w| (w[0], w[1])).collect()
    };
    if *prediction == Prediction::Epsilon {
        for (from, _) in &mut jumps {
            *from = from.without_zero();
        }
    }
    let clip = config
        .clip_sample
        .unwrap_or(true)
        .then(|| config.clip_sample_range.unwrap_or(1.0));
    if clip.is_some_and(|range| range.is_nan() || range <= 0.0) {
        return Err(config_error("clip_sample_range", "must be above 0."));
    }
    Ok(Settings::Ddim { jumps, clip })
}

pub(super) fn misplaced(sampler: &str) -> Error {
    Error::Unsupported(format!("{sampler} is for noise that preserves variance."))
}
