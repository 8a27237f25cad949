//! Samplers and schedules by name. Their mathematics is in the engine.

use serde::{Deserialize, Serialize};

use crate::text::fold;

/// A named choice: one spelling to print, others to accept.
pub trait Named: Sized + Copy + PartialEq + 'static {
    /// Every value with its printed name and the further names that people use for it.
    const NAMES: &'static [(Self, &'static str, &'static [&'static str])];

    /// The name to print.
    fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(value, ..)| *value == self)
            .map_or("", |(_, name, _)| name)
    }

    /// The value that `text` names; case, spaces, `_` and `-` do not matter.
    fn from_name(text: &str) -> Option<Self> {
        let text = fold(text);
        Self::NAMES
            .iter()
            .find(|(_, name, others)| fold(name) == text || others.iter().any(|o| fold(o) == text))
            .map(|(value, ..)| *value)
    }
}

/// How the denoise loop steps from one σ to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampler {
    /// Denoising diffusion implicit models, η = 0 (Song et al. 2020, arXiv 2010.02502).
    Ddim,
    /// Euler's method on the probability-flow ODE (Karras et al. 2022, arXiv 2206.00364, algorithm 2).
    Euler,
    /// Euler with fresh noise each step (k-diffusion `sample_euler_ancestral`).
    EulerAncestral,
    /// Second-order multistep DPM-Solver++ (Lu et al. 2022, arXiv 2211.01095).
    DpmPp2m,
}

impl Named for Sampler {
    const NAMES: &'static [(Self, &'static str, &'static [&'static str])] = &[
        (Self::Ddim, "DDIM", &[]),
        (Self::Euler, "Euler", &["k_euler"]),
        (Self::EulerAncestral, "Euler a", &["euler_ancestral", "k_euler_a"]),
        (
            Self::DpmPp2m,
            "DPM++ 2M",
            &["dpmpp_2m", "k_dpmpp_2m", "dpm_plus_plus_2m"],
        ),
    ];
}

/// How the σs of the steps are spaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// As the model's scheduler_config says.
    Auto,
    /// ρ = 7 between σ_min and σ_max (Karras et al. 2022, eq. 5).
    Karras,
    /// Evenly in log σ.
    Exponential,
}

impl Named for Schedule {
    const NAMES: &'static [(Self, &'static str, &'static [&'static str])] = &[
        (Self::Auto, "Automatic", &["auto", "default"]),
        (Self::Karras, "Karras", &[]),
        (Self::Exponential, "Exponential", &[]),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("dpm++ 2m", Some(Sampler::DpmPp2m))]
    #[case("DPM++_2M", Some(Sampler::DpmPp2m))]
    #[case("dpmpp_2m", Some(Sampler::DpmPp2m))]
    #[case("EULER A", Some(Sampler::EulerAncestral))]
    #[case("ddim", Some(Sampler::Ddim))]
    #[case("plms", None)]
    fn samplers_by_name(#[case] name: &str, #[case] sampler: Option<Sampler>) {
        assert_eq!(Sampler::from_name(name), sampler);
    }

    #[test]
    fn every_name_finds_its_own_value() {
        for (value, name, others) in Sampler::NAMES {
            assert_eq!(Sampler::from_name(name), Some(*value));
            assert!(others.iter().all(|o| Sampler::from_name(o) == Some(*value)));
        }
        for (value, name, _) in Schedule::NAMES {
            assert_eq!(Schedule::from_name(name), Some(*value));
        }
    }
}
