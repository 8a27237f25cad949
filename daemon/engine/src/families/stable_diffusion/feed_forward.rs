use tch::Tensor;

use crate::Result;
use crate::nn::{Linear, geglu};
use crate::weights::Weights;

/// `FeedForward` of diffusers' `models/attention.py` with GEGLU, four times as wide inside.
#[derive(Debug)]
pub struct FeedForward {
    proj: Linear,
    out: Linear,
}

impl FeedForward {
    /// Binds `net.0.proj` and `net.2`.
    pub fn new(weights: &Weights, channels: i64) -> Result<Self> {
        let net = weights.pp("net");
        Ok(Self {
            proj: Linear::new(&net.pp(0).pp("proj"), channels, 8 * channels)?,
            out: Linear::new(&net.pp(2), 4 * channels, channels)?,
        })
    }

    /// [B, N, C] → [B, N, C], to which `residual` of that size is added.
    pub fn forward_plus(&self, hidden_states: &Tensor, residual: &Tensor) -> Tensor {
        self.out
            .forward_plus(&geglu(&self.proj.forward(hidden_states)), residual)
    }
}
