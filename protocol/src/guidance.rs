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
    #[case("pag", None)]
    fn methods_by_name(#[case] name: &str, #[case] method: Option<GuidanceMethod>) {
        assert_eq!(GuidanceMethod::from_name(name), method);
    }
}
