//! `scheduler/scheduler_config.json`, whatever class wrote it.

use darkroom_protocol::Prediction;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::fields::{Fields, truth, whole};
use super::object;
use crate::Result;

/// The component that errors name.
const COMPONENT: &str = "scheduler";

/// Which training timesteps are visited (arXiv 2305.08891, table 2; diffusers `timestep_spacing`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spacing {
    /// Every ⌊T/n⌋-th from the first: the last training timestep is not visited.
    Leading,
    /// Evenly, both ends included.
    Linspace,
    /// Every T/n-th from the last.
    Trailing,
}

/// How β grows over the training timesteps (diffusers `beta_schedule`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BetaSchedule {
    /// Evenly from `beta_start` to `beta_end`.
    Linear,
    /// Evenly in √β: Stable Diffusion's.
    ScaledLinear,
    /// From a squared cosine of ᾱ, β capped at 0.999 (Nichol and Dhariwal 2021, arXiv 2102.09672).
    #[serde(rename = "squaredcos_cap_v2")]
    SquaredCosine,
}

/// The noise level after the last step (diffusers `final_sigmas_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalSigma {
    /// None: the last step gives the clean picture.
    Zero,
    /// That of training timestep 0.
    SigmaMin,
}

/// A model's scheduler_config.json, as published.
///
/// Every field is optional: one that is missing means the default of the *sampler* that runs, as when diffusers builds
/// one scheduler from the config of another. A flag that is null is off, which is not always its default; any other
/// null is a missing field.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SchedulerConfig {
    /// Timesteps of training, 1 to 10,000; 1000 where missing.
    pub num_train_timesteps: Option<i64>,
    /// β of the first training timestep, between 0 and 1.
    pub beta_start: Option<f64>,
    /// β of the last training timestep, between 0 and 1.
    pub beta_end: Option<f64>,
    /// How β grows in between.
    pub beta_schedule: Option<BetaSchedule>,
    /// Every β, one a training timestep; wins over the three fields above.
    pub trained_betas: Option<Vec<f64>>,
    /// What the network's output means.
    pub prediction_type: Option<Prediction>,
    /// Which training timesteps are visited.
    pub timestep_spacing: Option<Spacing>,
    /// Added to each timestep of leading spacing.
    pub steps_offset: Option<i64>,
    /// DDIM: whether the last step ends without noise rather than at the level of timestep 0.
    pub set_alpha_to_one: Option<bool>,
    /// DDIM: whether the predicted clean sample is clipped.
    pub clip_sample: Option<bool>,
    /// DDIM: the greatest magnitude after clipping.
    pub clip_sample_range: Option<f64>,
    /// Whether clean samples are bounded on the way, for pixel-space models (arXiv 2205.11487, section 2.3).
    pub thresholding: Option<bool>,
    /// The share of magnitudes that thresholding leaves as they are.
    pub dynamic_thresholding_ratio: Option<f64>,
    /// The greatest bound of thresholding.
    pub sample_max_value: Option<f64>,
    /// Whether β is rescaled so that the last timestep is pure noise (arXiv 2305.08891, algorithm 1).
    pub rescale_betas_zero_snr: Option<bool>,
    /// Whether the model's own schedule is Karras'.
    pub use_karras_sigmas: Option<bool>,
    /// Whether the model's own schedule is exponential.
    pub use_exponential_sigmas: Option<bool>,
    /// Whether the model's own schedule is the beta distribution's; not built.
    pub use_beta_sigmas: Option<bool>,
    /// Whether the model's own schedule is even in λ; not built.
    pub use_lu_lambdas: Option<bool>,
    /// Whether the model is of the flow-matching kind; not built.
    pub use_flow_sigmas: Option<bool>,
    /// The lower end of the Karras and exponential schedules.
    pub sigma_min: Option<f64>,
    /// The upper end of the Karras and exponential schedules.
    pub sigma_max: Option<f64>,
    /// EDM: the standard deviation of clean samples (arXiv 2206.00364, table 1).
    pub sigma_data: Option<f64>,
    /// How σ is read between two timesteps; only `linear` is built.
    pub interpolation_type: Option<String>,
    /// Whether timesteps are `discrete` or `continuous`; only `discrete` is built.
    pub timestep_type: Option<String>,
    /// The variant of the DPM-Solver that the model was published with.
    pub algorithm_type: Option<String>,
    /// DPM++ 2M: `midpoint` or `heun`.
    pub solver_type: Option<String>,
    /// DPM++ 2M: the highest order of a step, 1 to 3; 3 runs as 2.
    pub solver_order: Option<i64>,
    /// DPM++ 2M: whether the last step is of first order under 15 steps.
    pub lower_order_final: Option<bool>,
    /// DPM++ 2M: whether the last step is of first order always.
    pub euler_at_final: Option<bool>,
    /// The noise level after the last step.
    pub final_sigmas_type: Option<FinalSigma>,
    /// DPM++ 2M: timesteps whose λ is below are left out.
    pub lambda_min_clipped: Option<f64>,
    /// Whether the network also predicts a variance; not built.
    pub variance_type: Option<String>,
}

impl SchedulerConfig {
    /// Reads a scheduler_config.json. Unknown fields are ignored, as diffusers does.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the field that has the wrong type or value.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        Self::read(Fields::new(COMPONENT, &object(COMPONENT, json)?))
    }

    /// As [`Self::from_json`], from fields that were read.
    ///
    /// # Errors
    /// As there.
    pub fn read(fields: Fields<'_>) -> Result<Self> {
        let flag = |field: &str| fields.get(field).map(truth);
        let int = |field: &str| match fields.given(field) {
            None => Ok(None),
            Some(value) => whole(value)
                .map(Some)
                .ok_or_else(|| fields.wrong(field, value, "a whole number")),
        };
        let config = Self {
            num_train_timesteps: int("num_train_timesteps")?,
            beta_start: get(fields, "beta_start")?,
            beta_end: get(fields, "beta_end")?,
            beta_schedule: get(fields, "beta_schedule")?,
            trained_betas: get(fields, "trained_betas")?,
            prediction_type: get(fields, "prediction_type")?,
            timestep_spacing: get(fields, "timestep_spacing")?,
            steps_offset: int("steps_offset")?,
            set_alpha_to_one: flag("set_alpha_to_one"),
            clip_sample: flag("clip_sample"),
            clip_sample_range: get(fields, "clip_sample_range")?,
            thresholding: flag("thresholding"),
            dynamic_thresholding_ratio: get(fields, "dynamic_thresholding_ratio")?,
            sample_max_value: get(fields, "sample_max_value")?,
            rescale_betas_zero_snr: flag("rescale_betas_zero_snr"),
            use_karras_sigmas: flag("use_karras_sigmas"),
            use_exponential_sigmas: flag("use_exponential_sigmas"),
            use_beta_sigmas: flag("use_beta_sigmas"),
            use_lu_lambdas: flag("use_lu_lambdas"),
            use_flow_sigmas: flag("use_flow_sigmas"),
            sigma_min: get(fields, "sigma_min")?,
            sigma_max: get(fields, "sigma_max")?,
            sigma_data: get(fields, "sigma_data")?,
            interpolation_type: get(fields, "interpolation_type")?,
            timestep_type: get(fields, "timestep_type")?,
            algorithm_type: get(fields, "algorithm_type")?,
            solver_type: get(fields, "solver_type")?,
            solver_order: int("solver_order")?,
            lower_order_final: flag("lower_order_final"),
            euler_at_final: flag("euler_at_final"),
            final_sigmas_type: get(fields, "final_sigmas_type")?,
            lambda_min_clipped: get(fields, "lambda_min_clipped")?,
            variance_type: get(fields, "variance_type")?,
        };
        config.built(fields)?;
        Ok(config)
    }

    /// What no sampler can run from.
    fn built(&self, fields: Fields<'_>) -> Result<()> {
        self.train_timesteps_in(fields)?;
        let learned = self.variance_type.as_deref().is_some_and(|v| v.starts_with("learned"));
        for (field, unbuilt) in [
            ("variance_type", learned),
            ("use_flow_sigmas", self.use_flow_sigmas == Some(true)),
        ] {
            if unbuilt {
                return Err(fields.error(field, "this setting is not built: choose another model."));
            }
        }
        Ok(())
    }

    /// The same with `prediction` in place of what the file says, where somebody asked for it.
    pub fn predicting(&self, prediction: Option<Prediction>) -> Self {
        Self {
            prediction_type: prediction.or(self.prediction_type),
            ..self.clone()
        }
    }

    /// Timesteps of training.
    ///
    /// # Errors
    /// [`crate::Error::Config`] outside 1 to 10,000.
    pub fn train_timesteps(&self) -> Result<usize> {
        self.train_timesteps_in(Fields::new(COMPONENT, &serde_json::Map::new()))
    }

    fn train_timesteps_in(&self, fields: Fields<'_>) -> Result<usize> {
        let n = self.num_train_timesteps.unwrap_or(1000);
        match usize::try_from(n) {
            Ok(n @ 1..=10_000) => Ok(n),
            _ => Err(fields.error("num_train_timesteps", format!("{n} is not between 1 and 10000."))),
        }
    }
}

fn get<T: DeserializeOwned>(fields: Fields<'_>, field: &str) -> Result<Option<T>> {
    match fields.given(field) {
        None => Ok(None),
        Some(value) => T::deserialize(value)
            .map(Some)
            .map_err(|e| fields.error(field, format!("{e}."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn published_files_parse() {
        let sd15 = r#"{"_class_name":"PNDMScheduler","_diffusers_version":"0.6.0","beta_end":0.012,"beta_schedule":"scaled_linear",
            "beta_start":0.00085,"num_train_timesteps":1000,"set_alpha_to_one":false,"skip_prk_steps":true,"steps_offset":1,
            "trained_betas":null,"clip_sample":false}"#;
        let c = SchedulerConfig::from_json(sd15.as_bytes()).unwrap();
        assert_eq!(
            (c.beta_schedule, c.timestep_spacing),
            (Some(BetaSchedule::ScaledLinear), None)
        );
    }

    #[rstest]
    #[case("[]", "not a JSON object")]
    #[case("{", "not a JSON object")]
    #[case("", "not a JSON object")]
    #[case(r#"{"beta_start":"x"}"#, "config beta_start: invalid type")]
    #[case(
        r#"{"timestep_spacing":"middle"}"#,
        "expected one of `leading`, `linspace`, `trailing`"
    )]
    #[case(
        r#"{"prediction_type":"flow_prediction"}"#,
        "config prediction_type: unknown variant `flow_prediction`"
    )]
    #[case(r#"{"beta_schedule":"exp"}"#, "squaredcos_cap_v2")]
    #[case(r#"{"steps_offset":1e400}"#, "out of range")]
    fn bad_files_name_the_field(#[case] json: &str, #[case] says: &str) {
        let message = SchedulerConfig::from_json(json.as_bytes()).unwrap_err().to_string();
        assert!(message.contains(says), "{message}");
    }

    #[rstest]
    #[case(0)]
    #[case(-1)]
    #[case(10_001)]
    #[case(1_000_000_000)]
    fn training_timesteps_are_bounded(#[case] n: i64) {
        let config = SchedulerConfig {
            num_train_timesteps: Some(n),
            ..Default::default()
        };
        assert!(
            config
                .train_timesteps()
                .unwrap_err()
                .to_string()
                .contains("between 1 and 10000")
        );
    }

    proptest::proptest! {
        #[test]
        fn parsing_never_panics(text in ".{0,200}") {
            let _ = SchedulerConfig::from_json(text.as_bytes()).is_ok();
        }
    }
}
