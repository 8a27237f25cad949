use tch::Tensor;

use crate::Result;
use crate::weights::Weights;

/// `x·Wᵀ + b` over the last dimension.
#[derive(Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// Binds `weight` `[outputs, inputs]` and `bias` `[outputs]`.
    pub fn new(weights: &Weights, inputs: i64, outputs: i64) -> Result<Self> {
        let bias = Some(weights.get("bias", &[outputs])?);
        Ok(Self {
            bias,
            ..Self::without_bias(weights, inputs, outputs)?
        })
    }

    /// Binds `weight` `[outputs, inputs]` alone.
    pub fn without_bias(weights: &Weights, inputs: i64, outputs: i64) -> Result<Self> {
        Ok(Self {
            weight: weights.get("weight", &[outputs, inputs])?,
            bias: None,
        })
    }

    /// [.., inputs] → [.., outputs].
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.to_kind(self.weight.kind()).linear(&self.weight, self.bias.as_ref())
    }
}
