//! `text_encoder/config.json` of a language model: `Qwen3Model`, `Qwen2Model` and the text parts of their vision models, whose
//! configuration is under `text_config`.

use serde_json::json;

use super::fields::Fields;
use super::object;
use crate::Result;

/// What a decoder is built with. Missing fields have transformers' defaults (`Qwen3Config`).
#[derive(Clone, Debug, PartialEq)]
pub struct LanguageConfig {
    /// Rows of the token table.
    pub vocab_size: i64,
    /// Width of the hidden states.
    pub hidden_size: i64,
    /// Width inside the gated layers.
    pub intermediate_size: i64,
    /// Decoder layers.
    pub num_hidden_layers: i64,
    /// Heads of queries.
    pub num_attention_heads: i64,
    /// Heads of keys and values, which divide those of queries.
    pub num_key_value_heads: i64,
    /// Width of a head; an even number.
    pub head_dim: i64,
    /// The longest text, in tokens.
    pub max_position_embeddings: i64,
    /// Added to the mean square of every norm.
    pub rms_norm_eps: f64,
    /// Base of the rotary embedding.
    pub rope_theta: f64,
    /// Whether queries, keys and values have biases: Qwen2.
    pub attention_bias: bool,
    /// Whether queries and keys are normalised: Qwen3.
    pub qk_norm: bool,
}

/// Kinds by `model_type`, and whether they are of the second generation.
const KINDS: [(&str, bool); 7] = [
    ("qwen3", false),
    ("qwen3_vl", false),
    ("qwen3_vl_text", false),
    ("qwen2", true),
    ("qwen2_vl", true),
    ("qwen2_5_vl", true),
    ("qwen2_5_vl_text", true),
];

impl LanguageConfig {
    /// Reads and checks a `config.json`.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn from_json(json: &[u8]) -> Result<Self> {
        Self::read(Fields::new("text_encoder", &object("text_encoder", json)?))
    }

    /// The same from fields that were read.
    ///
    /// # Errors
    /// [`crate::Error::Config`] where a field asks for something that is not built, or for dimensions that do not fit each other.
    pub fn read(fields: Fields<'_>) -> Result<Self> {
        let fields = fields.nested("text_config").unwrap_or(fields);
        let kind = fields.text("model_type")?.unwrap_or("qwen3");
        let Some((_, second)) = KINDS.iter().find(|(known, _)| *known == kind) else {
            let kind = crate::shown::Shown(kind);
            return Err(fields.error("model_type", format!("\"{kind}\" is not built, only Qwen2 and Qwen3.")));
        };
        fields.only("hidden_act", &[json!("silu")])?;
        fields.off("use_sliding_window")?;
        let width = 1..=65_536;
        let hidden_size = fields.int("hidden_size", 4096, width.clone())?;
        let heads = fields.int("num_attention_heads", 32, 1..=1024)?;
        let pairs = match fields.given("num_key_value_heads") {
            None => heads,
            Some(_) => fields.int("num_key_value_heads", heads, 1..=1024)?,
        };
        fields.divides("num_key_value_heads", pairs, heads)?;
        let head_dim = match fields.given("head_dim") {
            None if *second => hidden_size / heads,
            None => 128,
            Some(_) => fields.int("head_dim", 128, 2..=4096)?,
        };
        if head_dim % 2 != 0 || head_dim == 0 {
            return Err(fields.error("head_dim", format!("{head_dim} is not an even number.")));
        }
        Ok(Self {
            vocab_size: fields.int("vocab_size", 151_936, 1..=1 << 20)?,
            hidden_size,
            intermediate_size: fields.int("intermediate_size", 22_016, 1..=1 << 20)?,
            num_hidden_layers: fields.int("num_hidden_layers", 32, 1..=256)?,
            num_attention_heads: heads,
            num_key_value_heads: pairs,
            head_dim,
            max_position_embeddings: fields.int("max_position_embeddings", 32_768, 1..=1 << 20)?,
            rms_norm_eps: fields.float("rms_norm_eps", 1e-6, 0.0..=1.0)?,
            rope_theta: theta(fields)?,
            attention_bias: *second || fields.flag("attention_bias", false),
            qk_norm: !second,
        })
    }
}

/// `rope_theta`, which transformers 5 writes among `rope_parameters`. Only plain rotation is built; that of the vision models is the same
/// for text.
fn theta(fields: Fields<'_>) -> Result<f64> {
    for name in ["rope_parameters", "rope_scaling"] {
        if let Some(rope) = fields.nested(name) {
            let kinds = [json!("default"), json!("mrope")];
            rope.only("rope_type", &kinds)?;
            rope.only("type", &kinds)?;
        }
    }
    let range = 1.0..=1e12;
    match fields
        .nested("rope_parameters")
        .filter(|rope| rope.given("rope_theta").is_some())
    {
        Some(rope) => rope.float("rope_theta", 1e4, range),
        None => fields.float("rope_theta", 1e4, range),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::Value;

    fn read(config: &Value) -> Result<LanguageConfig> {
        LanguageConfig::read(Fields::new("text_encoder", config.as_object().unwrap()))
    }

    #[test]
    fn both_spellings_of_the_base_are_read_and_both_generations() {
        let third =
            read(&json!({"model_type": "qwen3", "rope_theta": 1_000_000, "hidden_size": 2560, "head_dim": 128}))
                .unwrap();
        assert_eq!(
            (third.rope_theta, third.qk_norm, third.attention_bias),
            (1e6, true, false)
        );
        let nested = json!({"text_config": {"model_type": "qwen3_vl_text", "rope_parameters": {"rope_type": "default", "rope_theta": 5e6}}});
        assert_eq!(read(&nested).unwrap().rope_theta, 5e6);
        let second = json!({"model_type": "qwen2_5_vl", "hidden_size": 3584, "num_attention_heads": 28, "num_key_value_heads": 4,
            "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}});
        let second = read(&second).unwrap();
        assert_eq!(
            (second.head_dim, second.qk_norm, second.attention_bias),
            (128, false, true)
        );
    }

    #[rstest]
    #[case(json!({"model_type": "llama"}), "model_type")]
    #[case(json!({"rope_parameters": {"rope_type": "yarn"}}), "rope_type")]
    #[case(json!({"num_attention_heads": 6, "num_key_value_heads": 4}), "num_key_value_heads")]
    #[case(json!({"head_dim": 7}), "head_dim")]
    #[case(json!({"hidden_act": "gelu"}), "hidden_act")]
    #[case(json!({"num_hidden_layers": 1_000_000}), "num_hidden_layers")]
    fn what_is_not_built_is_refused_by_name(#[case] config: Value, #[case] field: &str) {
        let message = read(&config).unwrap_err().to_string();
        assert!(message.contains(field), "{message}");
    }
}
