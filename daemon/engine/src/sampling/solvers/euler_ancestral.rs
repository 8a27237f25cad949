//! Euler's method with fresh noise in each step, a row of `samplers.rs`. The other ancestral samplers use its `split` of a step, or
//! its `turn`, which is right where noise flows too. The step without noise is in `euler.rs`; where noise comes from is `noise.rs`'s
//! business.

use tch::Tensor;

use super::euler::toward;
use crate::Result;
use crate::sampling::noising::Noising;
use crate::sampling::run::Run;

/// Euler's method down to σ_down, then fresh noise up to the next σ (k-diffusion `sample_euler_ancestral`; with η = 1 diffusers'
/// EulerAncestralDiscreteScheduler; ComfyUI `sample_euler_ancestral_RF` where noise flows).
///
/// Noise is drawn at the last step too, where its share is zero, so that a stream read on afterwards stands where
/// diffusers' generator does.
pub(in crate::sampling) fn run(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    let eta = run.eta(1.0);
    for i in run.steps() {
        let (from, to) = (run.sigma(i), run.sigma(i + 1));
        let denoised = run.begin(i, &x)?;
        let turn = Turn::between(&run.plan.noising, from, to, eta);
        let there = toward(&denoised, &x, from, turn.down);
        x = turn.up(there, run.noise(from, to)?);
        run.report(i, &denoised)?;
    }
    Ok(x)
}

/// σ_down and σ_up between two σs: σ_up² = η²σ'²(σ² − σ'²)/σ², σ_down² + σ_up² = σ'².
pub(super) fn split(from: f64, to: f64, eta: f64) -> (f64, f64) {
    let up = to * (1.0 - (to / from).powi(2)).max(0.0).sqrt();
    if eta == 1.0 {
        return (to * to / from, up);
    }
    let up = (eta * up).min(to);
    ((to * to - up * up).max(0.0).sqrt(), up)
}

/// How an ancestral step goes down and up again.
pub(super) struct Turn {
    /// The σ that it goes down to.
    pub down: f64,
    /// What the state is scaled with there.
    pub scale: f64,
    /// The share of fresh noise that is added.
    pub fresh: f64,
}

impl Turn {
    pub fn between(noising: &Noising, from: f64, to: f64, eta: f64) -> Self {
        if !matches!(noising, Noising::Flow { .. }) {
            let (down, fresh) = split(from, to, eta);
            return Self {
                down,
                scale: 1.0,
                fresh,
            };
        }
        // A flow keeps the sum of both shares at 1, so that it goes down farther and the clean share is brought back.
        let down = to * (1.0 + (to / from - 1.0) * eta);
        let scale = (1.0 - to) / (1.0 - down);
        Self {
            down,
            scale,
            fresh: (to * to - (down * scale).powi(2)).max(0.0).sqrt(),
        }
    }

    /// The state at the next σ, of what lies at σ_down and unit noise.
    pub fn up(&self, there: Tensor, noise: Tensor) -> Tensor {
        if self.scale == 1.0 {
            there + noise * self.fresh
        } else {
            there * self.scale + noise * self.fresh
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(14.6, 9.2)]
    #[case(1.0, 1.0)]
    #[case(0.03, 0.0)]
    fn down_and_up_make_the_next_sigma(#[case] from: f64, #[case] to: f64, #[values(0.0, 0.3, 1.0, 1.7)] eta: f64) {
        let (down, up) = split(from, to, eta);
        assert!((down.hypot(up) - to).abs() < 1e-12);
        assert!(up <= to && down <= to);
    }

    #[test]
    fn a_flows_shares_stay_one() {
        let flow = Noising::Flow {
            shift: 3.0,
            train: 1000.0,
        };
        let turn = Turn::between(&flow, 0.8, 0.6, 0.7);
        assert!(((1.0 - turn.down) * turn.scale - 0.4).abs() < 1e-12);
        assert!(((turn.down * turn.scale).hypot(turn.fresh) - 0.6).abs() < 1e-12);
    }
}
