use darkroom_formats::schema::TransformerDims;
use tch::Tensor;

use crate::Result;
use crate::nn::{Attend, Linear, attention, split_heads};
use crate::weights::Weights;

/// `Attention` of diffusers' `models/attention_processor.py`: queries of the picture, keys and values of the picture itself or
/// of the prompt.
#[derive(Debug)]
pub struct CrossAttention {
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
    heads: i64,
    upcast: bool,
}

impl CrossAttention {
    /// `context` is the width of what keys and values are made of.
    pub fn new(weights: &Weights, dims: &TransformerDims, context: i64) -> Result<Self> {
        let channels = dims.channels;
        Ok(Self {
            to_q: Linear::without_bias(&weights.pp("to_q"), channels, channels)?,
            to_k: Linear::without_bias(&weights.pp("to_k"), context, channels)?,
            to_v: Linear::without_bias(&weights.pp("to_v"), context, channels)?,
            to_out: Linear::new(&weights.pp("to_out").pp(0), channels, channels)?,
            heads: dims.heads,
            upcast: dims.upcast_attention,
        })
    }

    /// `hidden_states` [B, N, C], `context` [B, M, context] → [B, N, C], to which `residual` of that size is added.
    pub fn forward_plus(&self, hidden_states: &Tensor, context: &Tensor, residual: &Tensor) -> Tensor {
        let query = split_heads(&self.to_q.forward(hidden_states), self.heads);
        let key = split_heads(&self.to_k.forward(context), self.heads);
        let value = split_heads(&self.to_v.forward(context), self.heads);
        let attend = Attend {
            upcast: self.upcast,
            ..Attend::default()
        };
        self.to_out
            .forward_plus(&attention(&query, &key, &value, attend), residual)
    }
}
