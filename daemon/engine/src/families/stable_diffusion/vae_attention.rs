use darkroom_formats::schema::ResnetDims;
use tch::Tensor;

use super::pixels::{to_pixels, to_sequence};
use crate::Result;
use crate::nn::{Attend, GroupNorm, Linear, attention, split_heads};
use crate::weights::Weights;

/// The one-headed attention over pixels in an autoencoder's middle (`Attention` with `residual_connection`).
#[derive(Debug)]
pub struct VaeAttention {
    group_norm: GroupNorm,
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
}

impl VaeAttention {
    /// Binds the tensors by today's names or by those of files saved before diffusers 0.15, as Stable Diffusion 1.5 is.
    pub fn new(weights: &Weights, dims: ResnetDims, channels: i64) -> Result<Self> {
        let names = if !weights.contains("to_q.weight") && weights.contains("query.weight") {
            ["query", "key", "value", "proj_attn"]
        } else {
            ["to_q", "to_k", "to_v", "to_out.0"]
        };
        let [to_q, to_k, to_v, to_out] = names.map(|name| Linear::new(&weights.pp(name), channels, channels));
        Ok(Self {
            group_norm: GroupNorm::new(&weights.pp("group_norm"), dims.groups, channels, dims.eps)?,
            to_q: to_q?,
            to_k: to_k?,
            to_v: to_v?,
            to_out: to_out?,
        })
    }

    /// [B, C, H, W] → the same shape.
    pub fn forward(&self, input: &Tensor) -> Tensor {
        let pixels = to_sequence(&self.group_norm.forward(input));
        let [query, key, value] = [&self.to_q, &self.to_k, &self.to_v].map(|to| split_heads(&to.forward(&pixels), 1));
        let hidden_states = attention(&query, &key, &value, Attend::default());
        let hidden_states = self.to_out.forward_plus(&hidden_states, &to_sequence(input));
        to_pixels(&hidden_states, &input.size()[2..])
    }
}
