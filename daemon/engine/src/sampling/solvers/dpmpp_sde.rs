use tch::Tensor;

use super::euler::toward;
use super::euler_ancestral::split;
use crate::Result;
use crate::sampling::run::Run;

/// DPM-Solver++ on the reverse SDE, with a look at the clean sample halfway in log σ (k-diffusion `sample_dpmpp_sde` with
/// r = ½; diffusers DPMSolverSDEScheduler). Both halves add noise, of which the second's is of the whole way: what noise there is
/// over one way has to belong to what there is over a part of it.
pub(in crate::sampling) fn run(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    for i in run.steps() {
        let (from, to) = (run.sigma(i), run.sigma(i + 1));
        let denoised = run.begin(i, &x)?;
        x = if to > 0.0 {
            let middle = (from * to).sqrt();
            let there = ancestral(&x, &denoised, from, middle, run)?;
            let again = run.denoised_within(&there, middle)?.guided;
            ancestral(&x, &again, from, to, run)?
        } else {
            toward(&denoised, &x, from, to)
        };
        run.report(i, &denoised)?;
    }
    Ok(x)
}

/// From σ down to σ_down, and up to the next σ with noise.
fn ancestral(x: &Tensor, denoised: &Tensor, from: f64, to: f64, run: &mut Run<'_>) -> Result<Tensor> {
    let (down, up) = split(from, to, run.eta(1.0));
    let there = toward(denoised, x, from, down);
    if up == 0.0 {
        return Ok(there);
    }
    Ok(there + run.noise(from, to)? * up)
}
