//! DDIM, a row of `samplers.rs`: its steps, and the two noise levels of each, which `draft.rs` asks for with the plan. It needs α
//! and σ apart, so it asks `run.rs` for the network's output and not for a clean sample. How its timesteps are spaced is in
//! `classes.rs` and `spacing.rs`.

use darkroom_protocol::Schedule;
use tch::Tensor;

use super::draft::Asked;
use super::noising::Noising;
use super::plan::Settings;
use super::prediction::Implies;
use super::run::Run;
use super::{Level, Prediction, config_error};
use crate::{Error, Result};

/// Denoising diffusion implicit models with η = 0 (Song et al. 2020, arXiv 2010.02502, equation 12; diffusers
/// DDIMScheduler). The state is `alpha·clean + sigma·noise`; a `clip` bounds the clean part's magnitude and leaves the
/// noise part as predicted.
pub(super) fn run(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    let plan = run.plan;
    let (Settings::Ddim { jumps, clip }, Noising::VariancePreserving { prediction, .. }) =
        (&plan.settings, &plan.noising)
    else {
        return Err(misplaced());
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

/// The levels that each step goes between: T/n timesteps on, which under trailing spacing is not always where the next begins. A named
/// schedule makes a chain of levels of its σs instead.
pub(super) fn settings(asked: &Asked<'_>) -> Result<Settings> {
    let (config, laid) = (asked.config, asked.laid);
    let Noising::VariancePreserving { table, prediction } = asked.noising else {
        return Err(misplaced());
    };
    let end = if config.set_alpha_to_one.unwrap_or(true) {
        Level::CLEAN
    } else {
        table.level(0)
    };
    let mut jumps: Vec<(Level, Level)> = if asked.schedule == Schedule::Auto {
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

fn misplaced() -> Error {
    Error::Unsupported("DDIM is for noise that preserves variance.".to_owned())
}
