use tch::Tensor;

use crate::Result;
use crate::nn::Conv2d;
use crate::weights::Weights;

/// `Block` of taesd.py, of equally many channels in and out: three convolutions beside the identity.
#[derive(Debug)]
pub(super) struct Block {
    conv: [Conv2d; 3],
}

impl Block {
    /// Binds `conv.0`, `conv.2` and `conv.4`.
    pub fn new(weights: &Weights, channels: i64) -> Result<Self> {
        let conv = |at: i64| Conv2d::new(&weights.pp("conv").pp(at), channels, channels, 3);
        Ok(Self {
            conv: [conv(0)?, conv(2)?, conv(4)?],
        })
    }

    /// [B, channels, h, w] → the same shape.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let [first, second, third] = &self.conv;
        let hidden = second.forward(&first.forward(x).relu()).relu();
        (third.forward(&hidden) + x).relu()
    }
}
