//! `scheduler/scheduler_config.json` of a model whose noise flows: `FlowMatchEulerDiscreteScheduler` of diffusers. Families with such
//! noise read it and ask for the shift at a number of tokens; σs are laid in the engine's `sampling/`.

use serde_json::json;

use super::fields::Fields;
use crate::Result;

/// How far σs are pushed toward noise, and over how many timesteps the model was trained.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowMatchConfig {
    /// Timesteps of training, 1 to 10,000.
    pub num_train_timesteps: usize,
    /// `shift`, where it does not depend on the picture's size.
    pub shift: f64,
    /// How it depends on the picture's size, where it does; `shift` says nothing then.
    pub dynamic: Option<DynamicShift>,
}

/// `use_dynamic_shifting`: a straight line through two numbers of tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DynamicShift {
    /// μ at `base_image_seq_len` tokens.
    pub base_shift: f64,
    /// μ at `max_image_seq_len` tokens.
    pub max_shift: f64,
    /// See `base_shift`.
    pub base_image_seq_len: f64,
    /// See `max_shift`.
    pub max_image_seq_len: f64,
    /// Whether μ is the shift itself (`time_shift_type: linear`) and not its logarithm.
    pub linear: bool,
}

impl DynamicShift {
    /// μ at so many tokens, within the two numbers and beyond (`calculate_shift` of diffusers' pipelines).
    pub fn mu(&self, tokens: u64) -> f64 {
        let slope = (self.max_shift - self.base_shift) / (self.max_image_seq_len - self.base_image_seq_len);
        tokens as f64 * slope + self.base_shift - slope * self.base_image_seq_len
    }
}

impl FlowMatchConfig {
    /// Reads the fields; missing ones have the class's defaults.
    ///
    /// # Errors
    /// [`crate::Error::Config`] for a setting that changes σs and is not built, and for numbers out of range.
    pub fn read(fields: Fields<'_>) -> Result<Self> {
        for field in [
            "use_karras_sigmas",
            "use_exponential_sigmas",
            "use_beta_sigmas",
            "invert_sigmas",
            "stochastic_sampling",
            "shift_terminal",
        ] {
            fields.off(field)?;
        }
        let kinds = [json!("exponential"), json!("linear")];
        fields.only("time_shift_type", &kinds)?;
        let number = |field: &str, default: f64, range| match fields.given(field) {
            None => Ok(default),
            Some(_) => fields.float(field, default, range),
        };
        let dynamic = || -> Result<DynamicShift> {
            let dynamic = DynamicShift {
                base_shift: number("base_shift", 0.5, -10.0..=10.0)?,
                max_shift: number("max_shift", 1.15, -10.0..=10.0)?,
                base_image_seq_len: number("base_image_seq_len", 256.0, 1.0..=1e6)?,
                max_image_seq_len: number("max_image_seq_len", 4096.0, 1.0..=1e6)?,
                linear: fields.text("time_shift_type")? == Some("linear"),
            };
            match dynamic.max_image_seq_len > dynamic.base_image_seq_len {
                true => Ok(dynamic),
                false => Err(fields.error("max_image_seq_len", "is not above base_image_seq_len.")),
            }
        };
        let is_dynamic = fields.flag("use_dynamic_shifting", false);
        Ok(Self {
            num_train_timesteps: fields.int("num_train_timesteps", 1000, 1..=10_000)?.unsigned_abs() as usize,
            shift: number("shift", 1.0, 1e-3..=1e3)?,
            dynamic: is_dynamic.then(dynamic).transpose()?,
        })
    }

    /// How far σs are pushed for pictures of so many tokens: the s of s·σ / (1 + (s − 1)·σ). diffusers' exponential way with e^μ is the
    /// same formula. At most 1000, which is no step but the first.
    pub fn shift_for(&self, tokens: u64) -> f64 {
        match &self.dynamic {
            None => self.shift,
            Some(dynamic) if dynamic.linear => dynamic.mu(tokens).clamp(1e-3, 1e3),
            Some(dynamic) => dynamic.mu(tokens).exp().clamp(1e-3, 1e3),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::Value;

    fn read(config: &Value) -> Result<FlowMatchConfig> {
        FlowMatchConfig::read(Fields::new("scheduler", config.as_object().unwrap()))
    }

    /// μ is `calculate_shift` of diffusers 0.42.
    #[rstest]
    #[case::turbo(json!({"shift": 3.0, "use_dynamic_shifting": false, "base_shift": 0.5}), 4096, 3.0)]
    #[case::bare(json!({}), 4096, 1.0)]
    #[case::flux(json!({"shift": 3.0, "use_dynamic_shifting": true}), 4096, 1.15f64.exp())]
    #[case::small(json!({"use_dynamic_shifting": true}), 256, 0.5f64.exp())]
    #[case::between(json!({"use_dynamic_shifting": true, "max_shift": 0.9, "max_image_seq_len": 8192}), 4096, 0.693_548_387_096_774_2f64.exp())]
    #[case::linear(json!({"use_dynamic_shifting": true, "time_shift_type": "linear"}), 4096, 1.15)]
    fn the_shift_is_that_of_diffusers(#[case] config: Value, #[case] tokens: u64, #[case] shift: f64) {
        let found = read(&config).unwrap().shift_for(tokens);
        assert!((found - shift).abs() < 1e-12, "{found}");
    }

    #[rstest]
    #[case(json!({"use_karras_sigmas": true}), "use_karras_sigmas")]
    #[case(json!({"shift_terminal": 0.02}), "shift_terminal")]
    #[case(json!({"time_shift_type": "square"}), "time_shift_type")]
    #[case(json!({"use_dynamic_shifting": true, "max_image_seq_len": 256}), "max_image_seq_len")]
    #[case(json!({"shift": 0.0}), "shift")]
    #[case(json!({"num_train_timesteps": 0}), "num_train_timesteps")]
    fn what_is_not_built_is_refused_by_name(#[case] config: Value, #[case] field: &str) {
        let message = read(&config).unwrap_err().to_string();
        assert!(message.contains(field), "{message}");
    }
}
