//! The transformer over pixels that Stable Diffusion's UNet is built of, with its attention and feed-forward, in the order in which a
//! reader of diffusers meets them; none of them knows where it stands. Residual blocks and resampling, which the autoencoder has too,
//! are in `families/resnet.rs`.

use darkroom_formats::schema::TransformerDims;
use tch::Tensor;

use super::token_merging::Merge;
use crate::families::resnet::{to_pixels, to_sequence};
use crate::nn::{Attend, Conv2d, GroupNorm, LayerNorm, Linear, attention, geglu, split_heads};
use crate::weights::Weights;
use crate::{Cancel, Result};

/// A prompt as attention reads it.
#[derive(Clone, Copy, Debug)]
pub struct Prompt<'a> {
    /// [B, tokens, width].
    pub tokens: &'a Tensor,
    /// Added to the scores, [B, 1, 1, tokens]; nothing where every token counts.
    pub bias: Option<&'a Tensor>,
}

/// What a place sees of the picture in self-attention.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sight {
    /// Every place.
    All,
    /// Itself alone: `PAGIdentitySelfAttnProcessor2_0` of diffusers (Ahn et al. 2024, arXiv 2403.17377).
    Itself,
    /// Every place, of which this share is merged into those that are most like them.
    Merged(f64),
}

/// Of the group normalisation before a transformer.
const GROUP_EPS: f64 = 1e-6;

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
            norm: GroupNorm::new(&weights.pp("norm"), dims.groups, dims.channels, GROUP_EPS)?,
            proj_in: Projection::new(&weights.pp("proj_in"), dims)?,
            transformer_blocks: (0..dims.layers)
                .map(|i| BasicTransformerBlock::new(&blocks.pp(i), dims))
                .collect::<Result<_>>()?,
            proj_out: Projection::new(&weights.pp("proj_out"), dims)?,
        })
    }

    /// `input` [B, C, H, W] → [B, C, H, W]; `sight` is what a place sees of the picture.
    pub fn forward(&self, input: &Tensor, prompt: Prompt, sight: Sight, cancel: &Cancel) -> Result<Tensor> {
        let size = input.size();
        let mut hidden_states = self.proj_in.to_sequence(&self.norm.forward(input));
        for block in &self.transformer_blocks {
            cancel.check()?;
            hidden_states = block.forward(&hidden_states, prompt, (sight, [size[2], size[3]]));
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

/// Of the layer normalisations in it.
const LAYER_EPS: f64 = 1e-5;

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
            norm1: LayerNorm::new(&weights.pp("norm1"), channels, LAYER_EPS)?,
            attn1: CrossAttention::new(&weights.pp("attn1"), dims, channels)?,
            norm2: LayerNorm::new(&weights.pp("norm2"), channels, LAYER_EPS)?,
            attn2: CrossAttention::new(&weights.pp("attn2"), dims, dims.cross_attention_dim)?,
            norm3: LayerNorm::new(&weights.pp("norm3"), channels, LAYER_EPS)?,
            ff: FeedForward::new(&weights.pp("ff"), channels)?,
        })
    }

    /// `hidden_states` [B, N, C] of a picture of `size` [H, W] → [B, N, C].
    pub fn forward(&self, hidden_states: &Tensor, prompt: Prompt, (sight, size): (Sight, [i64; 2])) -> Tensor {
        let normed = self.norm1.forward(hidden_states);
        let itself = Prompt {
            tokens: &normed,
            bias: None,
        };
        let hidden_states = match sight {
            Sight::All => self.attn1.forward_plus(&normed, itself, hidden_states),
            Sight::Itself => self.attn1.values_plus(&normed, hidden_states),
            Sight::Merged(ratio) => match Merge::of(hidden_states, size, ratio) {
                Some(merge) => self.merged_plus(&merge, &normed, hidden_states),
                None => self.attn1.forward_plus(&normed, itself, hidden_states),
            },
        };
        let normed = self.norm2.forward(&hidden_states);
        let hidden_states = self.attn2.forward_plus(&normed, prompt, &hidden_states);
        let normed = self.norm3.forward(&hidden_states);
        self.ff.forward_plus(&normed, &hidden_states)
    }

    /// Self-attention over the places that `merge` leaves of `normed` [B, N, C], and `residual` of that size.
    fn merged_plus(&self, merge: &Merge, normed: &Tensor, residual: &Tensor) -> Tensor {
        let fewer = merge.merge(normed);
        let itself = Prompt {
            tokens: &fewer,
            bias: None,
        };
        merge.unmerge(&self.attn1.forward_plus(&fewer, itself, &fewer.zeros_like())) + residual
    }
}

/// `Attention` of diffusers' `models/attention_processor.py`: queries of the picture, keys and values of the picture itself or
/// of the prompt.
#[derive(Debug)]
pub struct CrossAttention {
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
    heads: i64,
    upcast: bool,
}

impl CrossAttention {
    /// `context` is the width of what keys and values are made of.
    pub fn new(weights: &Weights, dims: &TransformerDims, context: i64) -> Result<Self> {
        let channels = dims.channels;
        Ok(Self {
            to_q: Linear::without_bias(&weights.pp("to_q"), channels, channels)?,
            to_k: Linear::without_bias(&weights.pp("to_k"), context, channels)?,
            to_v: Linear::without_bias(&weights.pp("to_v"), context, channels)?,
            to_out: Linear::new(&weights.pp("to_out").pp(0), channels, channels)?,
            heads: dims.heads,
            upcast: dims.upcast_attention,
        })
    }

    /// What it makes where each place sees itself alone: `hidden_states` [B, N, C] as values → [B, N, C], to which `residual` of that size
    /// is added.
    pub fn values_plus(&self, hidden_states: &Tensor, residual: &Tensor) -> Tensor {
        self.to_out.forward_plus(&self.to_v.forward(hidden_states), residual)
    }

    /// `hidden_states` [B, N, C], `context` what keys and values are made of → [B, N, C], to which `residual` of that size is
    /// added.
    pub fn forward_plus(&self, hidden_states: &Tensor, context: Prompt, residual: &Tensor) -> Tensor {
        let query = split_heads(&self.to_q.forward(hidden_states), self.heads);
        let key = split_heads(&self.to_k.forward(context.tokens), self.heads);
        let value = split_heads(&self.to_v.forward(context.tokens), self.heads);
        let attend = Attend {
            mask: context.bias,
            upcast: self.upcast,
            ..Attend::default()
        };
        self.to_out
            .forward_plus(&attention(&query, &key, &value, attend), residual)
    }
}

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
