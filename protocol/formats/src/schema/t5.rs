//! `text_encoder_2/config.json` of FLUX.1 and `text_encoder/config.json` of Chroma: `T5EncoderModel`. Of the decoder's fields none is
//! read. How its tokenizer's files are read is the engine's business (`text/t5/`).

use serde_json::Value;

use super::fields::Fields;
use super::object;
use crate::Result;

/// A T5 encoder of version 1.1, whose feed-forward layers are gated. Missing fields have transformers' defaults (`T5Config`).
#[derive(Clone, Debug, PartialEq)]
pub struct T5Config {
    /// Rows of the token table.
    pub vocab_size: i64,
    /// Width of the hidden states.
    pub d_model: i64,
    /// Width of a head.
    pub d_kv: i64,
    /// Width inside the feed-forward layers.
    pub d_ff: i64,
    /// Layers.
    pub num_layers: i64,
    /// Heads of each attention; they need not divide `d_model`.
    pub num_heads: i64,
    /// Kinds of distance between two places, both directions together.
    pub relative_attention_num_buckets: i64,
    /// From here on all distances are of one kind.
    pub relative_attention_max_distance: i64,
    /// Added to the mean square of every normalisation.
    pub layer_norm_epsilon: f64,
}

impl T5Config {
    /// Reads and checks a config.json.
    ///
    /// # Errors
    /// [`crate::Error::Config`] where a field asks for something that is not built, or for dimensions that do not fit each other.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        Self::read(Fields::new("text_encoder", &object("text_encoder", json)?))
    }

    /// As [`Self::from_json`], from fields that were read.
    ///
    /// # Errors
    /// As there.
    pub fn read(fields: Fields<'_>) -> Result<Self> {
        let gated = |what: &Value| what.as_str() == Some("gated-gelu");
        match fields.get("feed_forward_proj") {
            Some(value) if gated(value) => {}
            Some(value) => {
                return Err(fields.wrong("feed_forward_proj", value, "\"gated-gelu\", the one that is built"));
            }
            None => {
                let what = "is missing, which is \"relu\": that is not built, only \"gated-gelu\".";
                return Err(fields.error("feed_forward_proj", what));
            }
        }
        let config = Self {
            vocab_size: fields.int("vocab_size", 32_128, 1..=1 << 20)?,
            d_model: fields.int("d_model", 512, 1..=16_384)?,
            d_kv: fields.int("d_kv", 64, 1..=1024)?,
            d_ff: fields.int("d_ff", 2048, 1..=65_536)?,
            num_layers: fields.int("num_layers", 6, 1..=128)?,
            num_heads: fields.int("num_heads", 8, 1..=256)?,
            relative_attention_num_buckets: fields.int("relative_attention_num_buckets", 32, 4..=4096)?,
            relative_attention_max_distance: fields.int("relative_attention_max_distance", 128, 2..=1 << 20)?,
            layer_norm_epsilon: fields.float("layer_norm_epsilon", 1e-6, 0.0..=1.0)?,
        };
        if config.relative_attention_max_distance <= config.relative_attention_num_buckets / 4 {
            let what = format!(
                "is {}, and distances below {} are told apart one by one.",
                config.relative_attention_max_distance,
                config.relative_attention_num_buckets / 4
            );
            return Err(fields.error("relative_attention_max_distance", what));
        }
        Ok(config)
    }
}
