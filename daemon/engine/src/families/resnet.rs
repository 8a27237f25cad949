//! Residual blocks over pixels and resampling, of which UNets and autoencoders are built: `stable_diffusion/unet.rs` and
//! `autoencoder_kl/` use them. None knows where it stands.

use darkroom_formats::schema::ResnetDims;
use darkroom_protocol::Quant;
use tch::Tensor;

use crate::Result;
use crate::nn::{Conv2d, GroupNorm, Linear, silu};
use crate::weights::Weights;

/// `ResnetBlock2D` of diffusers' `models/resnet.py` with the default time embedding.
#[derive(Debug)]
pub struct ResnetBlock2D {
    norm1: GroupNorm,
    conv1: Conv2d,
    time_emb_proj: Option<Linear>,
    norm2: GroupNorm,
    conv2: Conv2d,
    conv_shortcut: Option<Conv2d>,
}

impl ResnetBlock2D {
    /// Binds the block's tensors; a shortcut convolution exists where the channels change.
    pub fn new(weights: &Weights, dims: ResnetDims, inputs: i64, outputs: i64) -> Result<Self> {
        // One row a picture: there is nothing to gain, and every pixel depends on it.
        let time_emb_proj = |temb| Linear::new(&weights.pp("time_emb_proj").quantised(Quant::None), temb, outputs);
        let conv_shortcut = || Conv2d::new(&weights.pp("conv_shortcut"), inputs, outputs, 1);
        Ok(Self {
            norm1: GroupNorm::new(&weights.pp("norm1"), dims.groups, inputs, dims.eps)?,
            conv1: Conv2d::new(&weights.pp("conv1"), inputs, outputs, 3)?,
            time_emb_proj: dims.temb_channels.map(time_emb_proj).transpose()?,
            norm2: GroupNorm::new(&weights.pp("norm2"), dims.groups, outputs, dims.eps)?,
            conv2: Conv2d::new(&weights.pp("conv2"), outputs, outputs, 3)?,
            conv_shortcut: (inputs != outputs).then(conv_shortcut).transpose()?,
        })
    }

    /// `input` [B, inputs, H, W], `temb` [1 or B, temb_channels] where the model has time → [B, outputs, H, W].
    pub fn forward(&self, input: &Tensor, temb: Option<&Tensor>) -> Tensor {
        let mut hidden_states = self.conv1.forward(&self.norm1.forward_silu(input, None));
        let temb = self.time_emb_proj.as_ref().zip(temb);
        let temb = temb.map(|(proj, temb)| proj.forward(&silu(temb)));
        hidden_states = self.norm2.forward_silu(&hidden_states, temb.as_ref());
        match &self.conv_shortcut {
            Some(conv) => self.conv2.forward_plus(&hidden_states, &conv.forward(input)),
            None => self.conv2.forward_plus(&hidden_states, input),
        }
    }
}

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

/// [B, C, H, W] → [B, H·W, C]: a view where the channels are innermost.
pub fn to_sequence(x: &Tensor) -> Tensor {
    x.flatten(2, 3).transpose(1, 2)
}

/// [B, H·W, C] → [B, C, H, W], a view with the channels innermost; `size` is [H, W].
pub fn to_pixels(x: &Tensor, size: &[i64]) -> Tensor {
    x.transpose(1, 2).unflatten(2, size)
}
