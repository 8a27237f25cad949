//! DPM-Solver-2 and its ancestral form: rows of [`crate::sampling::samplers`]. Both look at the network twice a step; the second time
//! at a σ that is no step's.

use tch::Tensor;

use super::euler::toward;
use super::euler_ancestral::Turn;
use crate::Result;
use crate::sampling::run::Run;

/// DPM-Solver-2: the midpoint method in log σ (Lu et al. 2022, arXiv 2206.00927; k-diffusion `sample_dpm_2`, diffusers
/// KDPM2DiscreteScheduler). A step to σ = 0 is Euler's.
pub(in crate::sampling) fn run(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    for i in run.steps() {
        let to = run.sigma(i + 1);
        let (begun, from) = run.churned(i, x)?;
        let denoised = run.begin_at(from, &begun)?;
        x = midpoint(&begun, &denoised, from, to, run)?;
        run.report(i, &denoised)?;
    }
    Ok(x)
}

/// The same down to σ_down, then fresh noise up to the next σ (k-diffusion `sample_dpm_2_ancestral`; with η = 1 diffusers'
/// KDPM2AncestralDiscreteScheduler; ComfyUI `sample_dpm_2_ancestral_RF` where noise flows).
pub(in crate::sampling) fn run_ancestral(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    let eta = run.eta(1.0);
    for i in run.steps() {
        let (from, to) = (run.sigma(i), run.sigma(i + 1));
        let denoised = run.begin(i, &x)?;
        let turn = Turn::between(&run.plan.noising, from, to, eta);
        x = midpoint(&x, &denoised, from, turn.down, run)?;
        if to > 0.0 {
            x = turn.up(x, run.noise(from, to)?);
        }
        run.report(i, &denoised)?;
    }
    Ok(x)
}

/// From `x` at σ to σ' along the slope halfway.
fn midpoint(x: &Tensor, denoised: &Tensor, from: f64, to: f64, run: &mut Run<'_>) -> Result<Tensor> {
    if to == 0.0 {
        return Ok(toward(denoised, x, from, to));
    }
    let middle = (from * to).sqrt();
    let there = toward(denoised, x, from, middle);
    let again = run.denoised_within(&there, middle)?.guided;
    Ok(x + (there - again) * ((to - from) / middle))
}
