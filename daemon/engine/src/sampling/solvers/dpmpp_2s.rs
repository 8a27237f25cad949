//! DPM-Solver++ of second order in single steps, ancestral, and its CFG++ form: rows of [`crate::sampling::samplers`].

use tch::Tensor;

use super::euler::toward;
use super::euler_ancestral::{Turn, split};
use crate::Result;
use crate::sampling::noising::Noising;
use crate::sampling::run::Run;

/// Down to σ_down by way of a look at the clean sample halfway in λ, then fresh noise up to the next σ (k-diffusion
/// `sample_dpmpp_2s_ancestral`; ComfyUI `sample_dpmpp_2s_ancestral_RF` where noise flows).
pub(in crate::sampling) fn run_ancestral(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    let eta = run.eta(1.0);
    for i in run.steps() {
        let (from, to) = (run.sigma(i), run.sigma(i + 1));
        let denoised = run.begin(i, &x)?;
        let turn = Turn::between(&run.plan.noising, from, to, eta);
        x = if turn.down > 0.0 {
            let middle = halfway(&run.plan.noising, from, turn.down);
            let there = toward(&denoised, &x, from, middle);
            let again = run.denoised_within(&there, middle)?.guided;
            toward(&again, &x, from, turn.down)
        } else {
            toward(&denoised, &x, from, 0.0)
        };
        if to > 0.0 && eta > 0.0 {
            x = turn.up(x, run.noise(from, to)?);
        }
        run.report(i, &denoised)?;
    }
    Ok(x)
}

/// The same where the state is corrected by what guidance changes, so that the noise in it is that of the prediction without the
/// prompt (Chung et al. 2024, arXiv 2406.08070; ComfyUI `sample_dpmpp_2s_ancestral_cfg_pp`).
pub(in crate::sampling) fn run_cfg_pp(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    let eta = run.eta(1.0);
    for i in run.steps() {
        let (from, to) = (run.sigma(i), run.sigma(i + 1));
        let (denoised, uncond) = run.begin_both(i, &x)?;
        let (down, up) = split(from, to, eta);
        x = if down > 0.0 {
            let guided = &x + (&denoised - &uncond);
            let middle = (from * down).sqrt();
            let there = toward(&denoised, &guided, from, middle);
            let again = run.denoised_within(&there, middle)?;
            // As ComfyUI has it: what guidance changes is measured anew, from the guided sample of the step's beginning.
            let guided = &x + (&denoised - again.uncond.as_ref().unwrap_or(&uncond));
            toward(&again.guided, &guided, from, down)
        } else {
            denoised.shallow_clone()
        };
        if to > 0.0 && up > 0.0 {
            x = &x + run.noise(from, to)? * up;
        }
        run.report(i, &denoised)?;
    }
    Ok(x)
}

/// The σ in the middle in λ. A flow's pure noise has none: a trace below it is taken, as ComfyUI does.
fn halfway(noising: &Noising, from: f64, to: f64) -> f64 {
    if matches!(noising, Noising::Flow { .. }) && from >= 1.0 {
        return 0.9999;
    }
    noising.at_ratio((noising.ratio(from) * noising.ratio(to)).sqrt())
}
