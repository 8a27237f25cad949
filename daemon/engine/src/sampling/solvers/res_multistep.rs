//! Refined exponential solver of second order that looks one step back (Zhang et al. 2023, arXiv 2308.02157), after ComfyUI's
//! `res_multistep`: with and without noise, and both in the way of CFG++ (Chung et al. 2024, arXiv 2406.08070).

use tch::Tensor;

use super::euler::toward;
use super::euler_ancestral::split;
use crate::Result;
use crate::sampling::run::Run;

/// Without noise.
pub(in crate::sampling) fn run(x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    solve(x, run, 0.0, false)
}

/// With noise.
pub(in crate::sampling) fn run_ancestral(x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    let eta = run.eta(1.0);
    solve(x, run, eta, false)
}

/// Without noise, by the prediction without the prompt.
pub(in crate::sampling) fn run_cfg_pp(x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    solve(x, run, 0.0, true)
}

/// With noise, by the prediction without the prompt.
pub(in crate::sampling) fn run_ancestral_cfg_pp(x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    let eta = run.eta(1.0);
    solve(x, run, eta, true)
}

fn solve(mut x: Tensor, run: &mut Run<'_>, eta: f64, cfg_pp: bool) -> Result<Tensor> {
    // Where the last step began, where it went down to, and what it went by.
    let mut last: Option<(f64, f64, Tensor)> = None;
    for i in run.steps() {
        let (from, to) = (run.sigma(i), run.sigma(i + 1));
        let (denoised, goes_by) = if cfg_pp {
            run.begin_both(i, &x)?
        } else {
            let denoised = run.begin(i, &x)?;
            let same = denoised.shallow_clone();
            (denoised, same)
        };
        let (down, up) = split(from, to, eta);
        let state = if cfg_pp { &x + (&denoised - &goes_by) } else { x };
        x = match &last {
            Some((began, went, before)) if down > 0.0 => {
                let h = (from / down).ln();
                let back = (went / began).ln() / h;
                let phi_1 = -(-h).exp_m1() / h;
                let late = (phi_1 - 1.0) / -h / back;
                let late = if late.is_finite() { late } else { 0.0 };
                let early = if late == 0.0 { 0.0 } else { phi_1 - late };
                state * (down / from) + (&goes_by * early + before * late) * h
            }
            // Euler's step; of the guided sample with the noise of the other one under CFG++.
            _ => toward(&denoised, &state, from, down),
        };
        if to > 0.0 && up > 0.0 {
            x = &x + run.noise(from, to)? * up;
        }
        last = Some((from, down, goes_by));
        run.report(i, &denoised)?;
    }
    Ok(x)
}
