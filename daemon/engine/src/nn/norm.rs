use tch::Tensor;

use crate::Result;
use crate::weights::Weights;

/// Normalises groups of channels over their pixels, then scales and shifts each channel (Wu and He 2018).
#[derive(Debug)]
pub struct GroupNorm {
    weight: Tensor,
    bias: Tensor,
    groups: i64,
    eps: f64,
}

impl GroupNorm {
    /// Binds `weight` and `bias` `[channels]`; `groups` divides `channels`.
    pub fn new(weights: &Weights, groups: i64, channels: i64, eps: f64) -> Result<Self> {
        let [weight, bias] = scale_and_shift(weights, channels)?;
        Ok(Self {
            weight,
            bias,
            groups,
            eps,
        })
    }

    /// [B, channels, ..] → the same shape.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let x = x.to_kind(self.weight.kind());
        x.group_norm(self.groups, Some(&self.weight), Some(&self.bias), self.eps, true)
    }
}

/// Normalises the last dimension, then scales and shifts each channel (Ba, Kiros and Hinton 2016).
#[derive(Debug)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
}

impl LayerNorm {
    /// Binds `weight` and `bias` `[channels]`.
    pub fn new(weights: &Weights, channels: i64, eps: f64) -> Result<Self> {
        let [weight, bias] = scale_and_shift(weights, channels)?;
        Ok(Self { weight, bias, eps })
    }

    /// [.., channels] → the same shape.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let x = x.to_kind(self.weight.kind());
        x.layer_norm(self.weight.size(), Some(&self.weight), Some(&self.bias), self.eps, true)
    }
}

fn scale_and_shift(weights: &Weights, channels: i64) -> Result<[Tensor; 2]> {
    Ok([weights.get("weight", &[channels])?, weights.get("bias", &[channels])?])
}
