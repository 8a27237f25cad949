//! The blocks that Stable Diffusion's networks are built of, in the order in which a reader of diffusers meets them: residual
//! block, transformer over pixels with its attention and feed-forward, resampling. The UNet and the autoencoder use them; none
//! knows where it stands.

use darkroom_formats::schema::{ResnetDims, TransformerDims};
use darkroom_protocol::Quant;
use tch::Tensor;

use super::token_merging::Merge;
use crate::nn::{Attend, Conv2d, GroupNorm, LayerNorm, Linear, attention, geglu, silu, split_heads};
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
