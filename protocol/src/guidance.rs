//! How the predictions with and without the prompt become one, by name. The formulas are in the engine (`guidance/`).

use serde::{Deserialize, Serialize};

use crate::sampler::Named;

/// A rule of classifier-free guidance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuidanceMethod {
    /// From the one without the prompt toward and past the one with it (Ho and Salimans 2022, arXiv 2207.12598).
    #[default]
    Cfg,
    /// Adaptive projected guidance (Sadat et al. 2024, arXiv 2410.02416).
    Apg,
    /// CFG-Zero*: the one without the prompt scaled to fit first (Fan et al. 2025, arXiv 2503.18886).
    CfgZeroStar,
    /// A strong scale with the contrast of a weak one (mcmonkeyprojects/sd-dynamic-thresholding).
    Mimic,
}

/// How a scale goes over the steps, between itself and its least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the extension's names")]
pub enum ScaleCurve {
    #[default]
    Constant,
    LinearDown,
    CosineDown,
    HalfCosineDown,
    LinearUp,
    CosineUp,
    HalfCosineUp,
    PowerUp,
    PowerDown,
    LinearRepeating,
    CosineRepeating,
    Sawtooth,
}

impl Named for ScaleCurve {
    const NAMES: &'static [(Self, &'static str, &'static [&'static str])] = &[
        (Self::Constant, "Constant", &[]),
        (Self::LinearDown, "Linear Down", &[]),
        (Self::CosineDown, "Cosine Down", &[]),
        (Self::HalfCosineDown, "Half Cosine Down", &[]),
        (Self::LinearUp, "Linear Up", &[]),
        (Self::CosineUp, "Cosine Up", &[]),
        (Self::HalfCosineUp, "Half Cosine Up", &[]),
        (Self::PowerUp, "Power Up", &[]),
        (Self::PowerDown, "Power Down", &[]),
        (Self::LinearRepeating, "Linear Repeating", &[]),
        (Self::CosineRepeating, "Cosine Repeating", &[]),
        (Self::Sawtooth, "Sawtooth", &[]),
    ];
}

impl Named for GuidanceMethod {
    const NAMES: &'static [(Self, &'static str, &'static [&'static str])] = &[
        (Self::Cfg, "cfg", &["classifier_free", "classifier_free_guidance"]),
        (Self::Apg, "apg", &["adaptive_projected", "adaptive_projected_guidance"]),
        (
            Self::CfgZeroStar,
            "cfg_zero_star",
            &[
                "cfg_zero",
                "zero_star",
                "cfg_zero*",
                "classifier_free_zero_star_guidance",
            ],
        ),
        (Self::Mimic, "mimic", &["dynamic_thresholding", "dynthres"]),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("CFG", Some(GuidanceMethod::Cfg))]
    #[case("adaptive-projected", Some(GuidanceMethod::Apg))]
    #[case("CFG Zero*", Some(GuidanceMethod::CfgZeroStar))]
    #[case("Dynamic thresholding", Some(GuidanceMethod::Mimic))]
    #[case("pag", None)]
    fn methods_by_name(#[case] name: &str, #[case] method: Option<GuidanceMethod>) {
        assert_eq!(GuidanceMethod::from_name(name), method);
    }
}
