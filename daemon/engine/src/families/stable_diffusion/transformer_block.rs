use darkroom_formats::schema::TransformerDims;
use tch::Tensor;

use super::cross_attention::CrossAttention;
use super::feed_forward::FeedForward;
use crate::Result;
use crate::nn::LayerNorm;
use crate::weights::Weights;

const EPS: f64 = 1e-5;

/// `BasicTransformerBlock` of diffusers' `models/attention.py`: self-attention, cross-attention, feed-forward.
#[derive(Debug)]
pub struct BasicTransformerBlock {
    norm1: LayerNorm,
    attn1: CrossAttention,
    norm2: LayerNorm,
    attn2: CrossAttention,
    norm3: LayerNorm,
    ff: FeedForward,
}

impl BasicTransformerBlock {
    /// Binds the block's tensors.
    pub fn new(weights: &Weights, dims: &TransformerDims) -> Result<Self> {
        let channels = dims.channels;
        Ok(Self {
            norm1: LayerNorm::new(&weights.pp("norm1"), channels, EPS)?,
            attn1: CrossAttention::new(&weights.pp("attn1"), dims, channels)?,
            norm2: LayerNorm::new(&weights.pp("norm2"), channels, EPS)?,
            attn2: CrossAttention::new(&weights.pp("attn2"), dims, dims.cross_attention_dim)?,
            norm3: LayerNorm::new(&weights.pp("norm3"), channels, EPS)?,
            ff: FeedForward::new(&weights.pp("ff"), channels)?,
        })
    }

    /// `hidden_states` [B, N, C], `encoder_hidden_states` [B, tokens, cross_attention_dim] → [B, N, C].
    pub fn forward(&self, hidden_states: &Tensor, encoder_hidden_states: &Tensor) -> Tensor {
        let normed = self.norm1.forward(hidden_states);
        let hidden_states = self.attn1.forward_plus(&normed, &normed, hidden_states);
        let normed = self.norm2.forward(&hidden_states);
        let hidden_states = self.attn2.forward_plus(&normed, encoder_hidden_states, &hidden_states);
        let normed = self.norm3.forward(&hidden_states);
        self.ff.forward_plus(&normed, &hidden_states)
    }
}
