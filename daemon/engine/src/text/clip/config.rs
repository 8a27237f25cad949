use serde::Deserialize;

use crate::Result;
use crate::families::ConfigReader;
use crate::nn::Activation;

const CONFIG: ConfigReader = ConfigReader::new("text_encoder");

/// `text_encoder/config.json`. Missing fields have transformers' defaults (`CLIPTextConfig`).
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(default)]
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
    /// The mark whose hidden state is the pooled one. 2 stands for a mistake in early configs and means the token with the highest
    /// number.
    pub eos_token_id: i64,
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
        }
    }
}

impl ClipTextConfig {
    /// Reads and checks `text_encoder/config.json`.
    ///
    /// # Errors
    /// `Error::Config` where a field asks for something that is not built, or for dimensions that do not fit each other.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        let config: Self = CONFIG.read(json, &[])?;
        config.check()?;
        Ok(config)
    }

    /// Checks every number.
    pub(super) fn check(&self) -> Result<()> {
        CONFIG.within("vocab_size", self.vocab_size, 1..=1 << 20)?;
        CONFIG.within("hidden_size", self.hidden_size, 1..=16_384)?;
        CONFIG.within("intermediate_size", self.intermediate_size, 1..=65_536)?;
        CONFIG.within("num_hidden_layers", self.num_hidden_layers, 1..=128)?;
        CONFIG.within("max_position_embeddings", self.max_position_embeddings, 1..=65_536)?;
        CONFIG.within("layer_norm_eps", self.layer_norm_eps, 1e-12..=1.0)?;
        CONFIG.divides("num_attention_heads", self.num_attention_heads, self.hidden_size)
    }
}
