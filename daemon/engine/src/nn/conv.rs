use tch::Tensor;

use crate::Result;
use crate::weights::Weights;

/// A square 2-D convolution with bias.
#[derive(Debug)]
pub struct Conv2d {
    weight: Tensor,
    bias: Tensor,
    stride: i64,
    padding: i64,
}

impl Conv2d {
    /// Binds `weight` `[outputs, inputs, kernel, kernel]` and `bias` `[outputs]`; stride 1, padding (kernel − 1) / 2, which
    /// keeps height and width where the kernel is odd.
    pub fn new(weights: &Weights, inputs: i64, outputs: i64, kernel: i64) -> Result<Self> {
        Ok(Self {
            weight: weights.get("weight", &[outputs, inputs, kernel, kernel])?,
            bias: weights.get("bias", &[outputs])?,
            stride: 1,
            padding: (kernel - 1) / 2,
        })
    }

    /// The same weights moved over the input in steps of `stride`, with `padding` zeros on each side.
    pub fn strided(self, stride: i64, padding: i64) -> Self {
        Self {
            stride,
            padding,
            ..self
        }
    }

    /// [B, inputs, H, W] → [B, outputs, H', W'].
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.to_kind(self.weight.kind()).conv2d(
            &self.weight,
            Some(&self.bias),
            [self.stride, self.stride],
            [self.padding, self.padding],
            [1, 1],
            1,
        )
    }
}
