//! Euler's method with fresh noise in each step, a row of `samplers.rs`. `dpm2.rs` and `dpmpp_sde.rs` use its `split` of a step
//! too. The step without noise is in `euler.rs`; where noise comes from is `noise.rs`'s business.

use tch::Tensor;

use super::euler::toward;
use super::run::Run;
use crate::Result;

/// Euler's method down to σ_down, then fresh noise up to the next σ (k-diffusion `sample_euler_ancestral` with η = 1;
/// diffusers EulerAncestralDiscreteScheduler).
///
/// Noise is drawn at the last step too, where its share is zero, so that a stream read on afterwards stands where
/// diffusers' generator does.
pub(super) fn run(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    for i in run.steps() {
        let (from, to) = (run.sigma(i), run.sigma(i + 1));
        let denoised = run.begin(i, &x)?;
        let (down, up) = split(from, to);
        x = toward(&denoised, &x, from, down) + run.noise(from, to)? * up;
        run.report(i, &denoised)?;
    }
    Ok(x)
}

/// σ_down and σ_up between two σs: σ_up² = σ'²(σ² − σ'²)/σ², σ_down² + σ_up² = σ'².
pub(super) fn split(from: f64, to: f64) -> (f64, f64) {
    let up = to * (1.0 - (to / from).powi(2)).max(0.0).sqrt();
    (to * to / from, up)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(14.6, 9.2)]
    #[case(1.0, 1.0)]
    #[case(0.03, 0.0)]
    fn down_and_up_make_the_next_sigma(#[case] from: f64, #[case] to: f64) {
        let (down, up) = split(from, to);
        assert!((down.hypot(up) - to).abs() < 1e-12);
        assert!(up <= to && down <= to);
    }
}
