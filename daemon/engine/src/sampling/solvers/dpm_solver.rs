//! DPM-Solver's single steps in λ = −ln σ, of first to third order, over the predicted noise (Lu et al. 2022, arXiv 2206.00927,
//! algorithms 1 and 2; k-diffusion's `DPMSolver`). `dpm_fast.rs` and `dpm_adaptive.rs` decide which steps are taken.

use tch::Tensor;

use super::euler_ancestral::split;
use crate::Result;
use crate::sampling::run::Run;

/// What is known where a step begins.
pub(super) struct Step<'a> {
    pub x: &'a Tensor,
    /// The noise as predicted there.
    pub noise: Tensor,
    pub lambda: f64,
}

impl<'a> Step<'a> {
    /// A step from the state `x`, and the clean sample as seen from there.
    pub fn begin(x: &'a Tensor, lambda: f64, run: &mut Run<'_>) -> Result<(Self, Tensor)> {
        let denoised = run.denoised(x, sigma(lambda))?.guided;
        let noise = (x - &denoised) / sigma(lambda);
        Ok((Self { x, noise, lambda }, denoised))
    }

    /// The state at λ', by the noise here alone.
    pub fn first(&self, to: f64) -> Tensor {
        self.x - &self.noise * (sigma(to) * (to - self.lambda).exp_m1())
    }

    /// The noise as predicted that part of the way to λ' on, from the state there.
    pub fn look(&self, x: &Tensor, to: f64, part: f64, run: &mut Run<'_>) -> Result<Tensor> {
        let sigma = sigma(self.lambda + part * (to - self.lambda));
        let denoised = run.denoised_within(x, sigma)?.guided;
        Ok((x - denoised) / sigma)
    }

    /// The state at λ', by the noise here and that part of the way on.
    pub fn second(&self, to: f64, part: f64, noise: &Tensor) -> Tensor {
        let change = sigma(to) * (to - self.lambda).exp_m1();
        self.first(to) - (noise - &self.noise) * (change / (2.0 * part))
    }

    /// The state two thirds of the way to λ', by the noise a third of it on.
    pub fn beyond(&self, to: f64, noise: &Tensor) -> Tensor {
        let way = 2.0 / 3.0 * (to - self.lambda);
        let there = self.lambda + way;
        self.first(there) - (noise - &self.noise) * (sigma(there) * 2.0 * (way.exp_m1() / way - 1.0))
    }

    /// The state at λ', by the noise two thirds of the way on.
    pub fn third(&self, to: f64, noise: &Tensor) -> Tensor {
        let way = to - self.lambda;
        self.first(to) - (noise - &self.noise) * (sigma(to) * 1.5 * (way.exp_m1() / way - 1.0))
    }
}

/// λ that an ancestral step to λ' goes to, at most `end`, and σ of the noise that brings it back.
pub(super) fn ancestral(from: f64, to: f64, end: f64, eta: f64) -> (f64, f64) {
    if eta == 0.0 {
        return (to, 0.0);
    }
    let (down, _) = split(sigma(from), sigma(to), eta);
    let there = (-down.ln()).min(end);
    (there, (sigma(to).powi(2) - sigma(there).powi(2)).max(0.0).sqrt())
}

pub(super) fn sigma(lambda: f64) -> f64 {
    (-lambda).exp()
}
