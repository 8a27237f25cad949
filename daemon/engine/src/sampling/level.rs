//! One noise level as its shares of clean sample and noise, and the ways there from ᾱ and from k-diffusion's σ. `table.rs`,
//! `noising.rs`, `prediction.rs`, `plan.rs` and the samplers that need α use it. It is right where noise preserves variance
//! alone: flows and EDM have their own formulas in `noising.rs`.

/// ᾱ that stands for zero where a ratio to it is needed: the smallest f16 above zero, as in diffusers. Its σ is 4096.
const LEAST_ALPHA_BAR: f64 = 1.0 / (1u64 << 24) as f64;

/// A noise level: a noised sample is `alpha · clean + sigma · noise`, with alpha² + sigma² = 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// √ᾱ, the share of the clean sample, 0 to 1.
    pub alpha: f64,
    /// √(1−ᾱ), the share of unit noise, 0 to 1.
    pub sigma: f64,
}

impl Level {
    /// No noise.
    pub const CLEAN: Self = Self { alpha: 1.0, sigma: 0.0 };

    /// The level of ᾱ, 0 to 1.
    pub fn from_alpha_bar(alpha_bar: f64) -> Self {
        Self {
            alpha: alpha_bar.sqrt(),
            sigma: (1.0 - alpha_bar).sqrt(),
        }
    }

    /// The level whose noise is `sigma` times its clean part: k-diffusion's σ, 0 to ∞.
    pub fn from_sigma(sigma: f64) -> Self {
        let alpha = 1.0 / (sigma * sigma + 1.0).sqrt();
        Self {
            alpha,
            sigma: sigma * alpha,
        }
    }

    /// k-diffusion's σ of this level, at most 4096 (pure noise).
    pub fn ratio(self) -> f64 {
        self.without_zero().sigma / self.without_zero().alpha
    }

    /// This level, with a trace of the clean sample where it had none.
    pub fn without_zero(self) -> Self {
        if self.alpha * self.alpha < LEAST_ALPHA_BAR {
            Self::from_alpha_bar(LEAST_ALPHA_BAR)
        } else {
            self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(0.0, 1.0)]
    #[case(1.0, 0.5)]
    #[case(14.614641, 0.00466012)]
    fn sigma_and_alpha_bar_name_one_level(#[case] sigma: f64, #[case] alpha_bar: f64) {
        let (a, b) = (Level::from_sigma(sigma), Level::from_alpha_bar(alpha_bar));
        assert!((a.alpha - b.alpha).abs() < 1e-6 && (a.sigma - b.sigma).abs() < 1e-6);
        assert!((a.ratio() - sigma).abs() < 1e-9);
    }

    #[test]
    fn pure_noise_has_a_finite_ratio() {
        assert!((Level::from_alpha_bar(0.0).ratio() - 4096.0).abs() < 1e-3);
    }
}
