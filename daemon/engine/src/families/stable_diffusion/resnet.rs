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
