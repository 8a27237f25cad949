use tch::Tensor;

use crate::Result;
use crate::nn::Conv2d;
use crate::weights::Weights;

/// `Downsample2D` of diffusers' `models/downsampling.py`: halves height and width, rounding up.
#[derive(Debug)]
pub struct Downsample2D {
    conv: Conv2d,
    /// One row and one column of zeros at the far edges stand in for padding on each side.
    asymmetric: bool,
}

impl Downsample2D {
    /// `padding` is 1, or 0 for zeros at the bottom and right only.
    pub fn new(weights: &Weights, channels: i64, padding: i64) -> Result<Self> {
        let conv = Conv2d::new(&weights.pp("conv"), channels, channels, 3)?.strided(2, padding);
        Ok(Self {
            conv,
            asymmetric: padding == 0,
        })
    }

    /// [B, C, H, W] → [B, C, H/2, W/2].
    pub fn forward(&self, x: &Tensor) -> Tensor {
        if self.asymmetric {
            self.conv.forward(&x.constant_pad_nd([0, 1, 0, 1]))
        } else {
            self.conv.forward(x)
        }
    }
}

/// `Upsample2D` of diffusers' `models/upsampling.py`: nearest neighbours, then a convolution.
#[derive(Debug)]
pub struct Upsample2D {
    conv: Conv2d,
}

impl Upsample2D {
    /// Binds `conv`.
    pub fn new(weights: &Weights, channels: i64) -> Result<Self> {
        Ok(Self {
            conv: Conv2d::new(&weights.pp("conv"), channels, channels, 3)?,
        })
    }

    /// [B, C, h, w] → [B, C, H, W] where `size` is [H, W].
    pub fn forward(&self, x: &Tensor, size: [i64; 2]) -> Tensor {
        self.conv.forward(&x.upsample_nearest2d(size, None, None))
    }

    /// [B, C, h, w] → [B, C, 2h, 2w].
    pub fn double(&self, x: &Tensor) -> Tensor {
        let size = x.size();
        self.forward(x, [2 * size[2], 2 * size[3]])
    }
}
