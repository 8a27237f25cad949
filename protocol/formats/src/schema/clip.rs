//! `text_encoder/config.json`: `CLIPTextModel`, and `CLIPTextModelWithProjection`, which has the same file. Which of the two a
//! component is, model_index.json says: whoever reads a folder's parts (`schema/mod.rs`) knows it and asks for the projection.

use serde_json::Value;

use super::fields::{Fields, whole};
use super::object;
use crate::Result;

/// An activation function by the name that config files give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x·σ(x)` (Elfwing et al. 2017).
    Silu,
    /// `x·Φ(x)` with the exact error function (Hendrycks and Gimpel 2016).
    Gelu,
    /// The same with a hyperbolic tangent for the error function.
    GeluTanh,
    /// `x·σ(1.702·x)`, OpenAI CLIP's approximation of GELU.
    QuickGelu,
    /// `max(x, 0)`.
    Relu,
}

/// The names that transformers has for them.
const ACTIVATIONS: [(&str, Activation); 10] = [
    ("quick_gelu", Activation::QuickGelu),
    ("gelu", Activation::Gelu),
    ("gelu_python", Activation::Gelu),
    ("gelu_new", Activation::GeluTanh),
    ("gelu_fast", Activation::GeluTanh),
    ("gelu_pytorch_tanh", Activation::GeluTanh),
    ("gelu_python_tanh", Activation::GeluTanh),
    ("silu", Activation::Silu),
    ("swish", Activation::Silu),
    ("relu", Activation::Relu),
];

/// `text_encoder/config.json`. Missing fields have transformers' defaults (`CLIPTextConfig`).
#[derive(Clone, Debug, PartialEq)]
pub struct ClipTextConfig {
    /// Rows of the token table.
    pub vocab_size: i64,
    /// Width of the hidden states.
    pub hidden_size: i64,
    /// Width inside the feed-forward layers.
    pub intermediate_size: i64,
    /// Transformer layers.
    pub num_hidden_layers: i64,
    /// Heads of each attention.
    pub num_attention_heads: i64,
    /// The longest prompt, its two marks included.
    pub max_position_embeddings: i64,
    /// Between the feed-forward layers.
    pub hidden_act: Activation,
    /// Added to the variance of every layer normalisation.
    pub layer_norm_eps: f64,
    /// The mark whose hidden state is the pooled one. 2 stands for a mistake in early configs and means the token with
    /// the highest number.
    pub eos_token_id: i64,
    /// Width of the pooled state after its projection, in a `CLIPTextModelWithProjection`; none in a `CLIPTextModel`.
    pub projection_dim: Option<i64>,
}

impl Default for ClipTextConfig {
    fn default() -> Self {
        Self {
            vocab_size: 49_408,
            hidden_size: 512,
            intermediate_size: 2048,
            num_hidden_layers: 12,
            num_attention_heads: 8,
            max_position_embeddings: 77,
            hidden_act: Activation::QuickGelu,
            layer_norm_eps: 1e-5,
            eos_token_id: 49_407,
            projection_dim: None,
        }
    }
}

impl ClipTextConfig {
    /// Reads and checks `text_encoder/config.json`.
    ///
    /// # Errors
    /// [`crate::Error::Config`] where a field asks for something that is not built, or for dimensions that do not fit each
    /// other.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        Self::read(Fields::new("text_encoder", &object("text_encoder", json)?))
    }

    /// As [`Self::from_json`], from fields that were read. Where they are a whole CLIP's, those of its `text_config`
    /// alone count, as transformers reads them.
    ///
    /// # Errors
    /// As there.
    pub fn read(fields: Fields<'_>) -> Result<Self> {
        let fields = fields.nested("text_config").unwrap_or(fields);
        let base = Self::default();
        let config = Self {
            vocab_size: fields.int("vocab_size", base.vocab_size, 1..=1 << 20)?,
            hidden_size: fields.int("hidden_size", base.hidden_size, 1..=16_384)?,
            intermediate_size: fields.int("intermediate_size", base.intermediate_size, 1..=65_536)?,
            num_hidden_layers: fields.int("num_hidden_layers", base.num_hidden_layers, 1..=128)?,
            num_attention_heads: fields.int("num_attention_heads", base.num_attention_heads, i64::MIN..=i64::MAX)?,
            max_position_embeddings: fields.int("max_position_embeddings", base.max_position_embeddings, 1..=65_536)?,
            hidden_act: activation(fields, base.hidden_act)?,
            layer_norm_eps: fields.float("layer_norm_eps", base.layer_norm_eps, 0.0..=1.0)?,
            eos_token_id: mark(fields, base.eos_token_id)?,
            projection_dim: None,
        };
        fields.divides("num_attention_heads", config.num_attention_heads, config.hidden_size)?;
        Ok(config)
    }

    /// As [`Self::read`], of a `CLIPTextModelWithProjection`.
    ///
    /// # Errors
    /// As there.
    pub fn read_projected(fields: Fields<'_>) -> Result<Self> {
        let own = fields.nested("text_config").unwrap_or(fields);
        Ok(Self {
            projection_dim: Some(own.int("projection_dim", 512, 1..=16_384)?),
            ..Self::read(fields)?
        })
    }
}

fn activation(fields: Fields<'_>, default: Activation) -> Result<Activation> {
    let name = match fields.get("hidden_act") {
        None => return Ok(default),
        Some(Value::String(name)) => name,
        Some(other) => return Err(fields.wrong("hidden_act", other, "a text")),
    };
    let found = ACTIVATIONS.iter().find(|(known, _)| known == name);
    found.map(|(_, activation)| *activation).ok_or_else(|| {
        let known: Vec<_> = ACTIVATIONS.iter().map(|(name, _)| *name).collect();
        let name = crate::shown::Shown(name);
        fields.error(
            "hidden_act",
            format!("\"{name}\" is not built, only {}.", known.join(", ")),
        )
    })
}

/// A token's number, or the first of several; null is the default. Only the pooled state depends on it.
fn mark(fields: Fields<'_>, default: i64) -> Result<i64> {
    const FIELD: &str = "eos_token_id";
    let one = |value: &Value| whole(value).ok_or_else(|| fields.wrong(FIELD, value, "a token's number"));
    match fields.given(FIELD) {
        None => Ok(default),
        Some(Value::Array(list)) => list.first().map_or(Ok(default), one),
        Some(value) => one(value),
    }
}
