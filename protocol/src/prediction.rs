//! What a denoiser's output means. The mathematics is in the engine.

use serde::{Deserialize, Serialize};

use crate::sampler::Named;

/// What the network was trained to predict (diffusers `prediction_type`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prediction {
    /// The noise.
    #[default]
    Epsilon,
    /// α·noise − σ·clean, the velocity (Salimans and Ho 2022, arXiv 2202.00512, appendix D).
    VPrediction,
    /// The clean sample.
    #[serde(alias = "original_sample")]
    Sample,
}

impl Named for Prediction {
    const NAMES: &'static [(Self, &'static str, &'static [&'static str])] = &[
        (
            Self::Epsilon,
            "epsilon",
            &["eps", "e", "noise", "eps_prediction", "epsilon_prediction"],
        ),
        (
            Self::VPrediction,
            "v_prediction",
            &["v", "v_pred", "vpred", "velocity", "v_parameterization", "v_param"],
        ),
        (
            Self::Sample,
            "sample",
            &["x0", "x_0", "x", "original_sample", "sample_prediction", "x_start"],
        ),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("v", Some(Prediction::VPrediction))]
    #[case("V-Prediction", Some(Prediction::VPrediction))]
    #[case("v-parameterization", Some(Prediction::VPrediction))]
    #[case("EPS", Some(Prediction::Epsilon))]
    #[case("x0", Some(Prediction::Sample))]
    #[case("flow", None)]
    fn predictions_by_name(#[case] name: &str, #[case] prediction: Option<Prediction>) {
        assert_eq!(Prediction::from_name(name), prediction);
    }
}
