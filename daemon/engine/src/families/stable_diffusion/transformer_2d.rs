use darkroom_formats::schema::TransformerDims;
use tch::Tensor;

use super::pixels::{to_pixels, to_sequence};
use super::transformer_block::BasicTransformerBlock;
use crate::nn::{Conv2d, GroupNorm, Linear};
use crate::weights::Weights;
use crate::{Cancel, Result};

const EPS: f64 = 1e-6;

/// `Transformer2DModel` of diffusers' `models/transformers/transformer_2d.py` over pixels.
#[derive(Debug)]
pub struct Transformer2DModel {
    norm: GroupNorm,
    proj_in: Projection,
    transformer_blocks: Vec<BasicTransformerBlock>,
    proj_out: Projection,
}

/// Into and out of the transformer: a 1×1 convolution before pixels become a sequence (SD 1), or a linear layer after (SD 2).
#[derive(Debug)]
enum Projection {
    Conv(Conv2d),
    Linear(Linear),
}

impl Transformer2DModel {
    /// Binds the tensors of `dims.layers` blocks.
    pub fn new(weights: &Weights, dims: &TransformerDims) -> Result<Self> {
        let blocks = weights.pp("transformer_blocks");
        Ok(Self {
            norm: GroupNorm::new(&weights.pp("norm"), dims.groups, dims.channels, EPS)?,
            proj_in: Projection::new(&weights.pp("proj_in"), dims)?,
            transformer_blocks: (0..dims.layers)
                .map(|i| BasicTransformerBlock::new(&blocks.pp(i), dims))
                .collect::<Result<_>>()?,
            proj_out: Projection::new(&weights.pp("proj_out"), dims)?,
        })
    }

    /// `input` [B, C, H, W], `encoder_hidden_states` [B, tokens, cross_attention_dim] → [B, C, H, W].
    pub fn forward(&self, input: &Tensor, encoder_hidden_states: &Tensor, cancel: &Cancel) -> Result<Tensor> {
        let mut hidden_states = self.proj_in.to_sequence(&self.norm.forward(input));
        for block in &self.transformer_blocks {
            cancel.check()?;
            hidden_states = block.forward(&hidden_states, encoder_hidden_states);
        }
        Ok(self.proj_out.to_pixels(&hidden_states, input))
    }
}

impl Projection {
    fn new(weights: &Weights, dims: &TransformerDims) -> Result<Self> {
        let channels = dims.channels;
        Ok(if dims.use_linear_projection {
            Self::Linear(Linear::new(weights, channels, channels)?)
        } else {
            Self::Conv(Conv2d::new(weights, channels, channels, 1)?)
        })
    }

    /// [B, C, H, W] → [B, H·W, C].
    fn to_sequence(&self, x: &Tensor) -> Tensor {
        match self {
            Self::Conv(conv) => to_sequence(&conv.forward(x)),
            Self::Linear(linear) => linear.forward(&to_sequence(x)),
        }
    }

    /// [B, H·W, C] → [B, C, H, W], and `input` of that size added.
    fn to_pixels(&self, x: &Tensor, input: &Tensor) -> Tensor {
        let size = &input.size()[2..];
        match self {
            Self::Conv(conv) => conv.forward_plus(&to_pixels(x, size), input),
            Self::Linear(linear) => to_pixels(&linear.forward_plus(x, &to_sequence(input)), size),
        }
    }
}
