//! `AutoencoderKL` of diffusers' `models/autoencoders/autoencoder_kl.py` with encoder and decoder of `vae.py`: pictures to latents
//! and back. Decoding tile by tile is in `tiling.rs`.

use darkroom_formats::schema::{ResnetDims, VaeConfig};
use tch::Tensor;

use crate::families::resnet::{Downsample2D, ResnetBlock2D, Upsample2D, to_pixels, to_sequence};
use crate::model::{Autoencoder, Posterior};
use crate::nn::{Attend, Conv2d, GroupNorm, Linear, attention, split_heads};
use crate::weights::Weights;
use crate::{Cancel, Result};

/// `AutoencoderKL` of diffusers' `models/autoencoders/autoencoder_kl.py`: pictures to latents and back.
#[derive(Debug)]
pub struct AutoencoderKl {
    encoder: Encoder,
    decoder: Decoder,
    quant_conv: Option<Conv2d>,
    post_quant_conv: Option<Conv2d>,
    config: VaeConfig,
}

impl AutoencoderKl {
    /// Binds the tensors that `config` implies.
    pub fn new(weights: &Weights, config: &VaeConfig) -> Result<Self> {
        let latents = config.latent_channels;
        let quant_conv = || Conv2d::new(&weights.pp("quant_conv"), 2 * latents, 2 * latents, 1);
        let post_quant_conv = || Conv2d::new(&weights.pp("post_quant_conv"), latents, latents, 1);
        Ok(Self {
            encoder: Encoder::new(&weights.pp("encoder"), config)?,
            decoder: Decoder::new(&weights.pp("decoder"), config)?,
            quant_conv: config.use_quant_conv.then(quant_conv).transpose()?,
            post_quant_conv: config.use_post_quant_conv.then(post_quant_conv).transpose()?,
            config: config.clone(),
        })
    }

    /// The config that the model was built with.
    pub fn config(&self) -> &VaeConfig {
        &self.config
    }

    /// Mean and log variance of the latents of `image` [B, in_channels, H, W] in −1..1, each
    /// [B, latent_channels, H/factor, W/factor]; `scale` makes them what a denoiser works on.
    pub fn encode(&self, image: &Tensor, cancel: &Cancel) -> Result<(Tensor, Tensor)> {
        let mut moments = self.encoder.forward(image, cancel)?;
        if let Some(conv) = &self.quant_conv {
            moments = conv.forward(&moments);
        }
        let latents = self.config.latent_channels;
        Ok((
            moments.narrow(1, 0, latents),
            moments.narrow(1, latents, latents).clamp(-30.0, 20.0),
        ))
    }

    /// The picture [B, out_channels, factor·h, factor·w], about −1..1, of `z` [B, latent_channels, h, w]: a denoiser's latents
    /// after `unscale`.
    pub fn decode(&self, z: &Tensor, cancel: &Cancel) -> Result<Tensor> {
        match &self.post_quant_conv {
            Some(conv) => self.decoder.forward(&conv.forward(z), cancel),
            None => self.decoder.forward(z, cancel),
        }
    }

    /// From the autoencoder's latents to the denoiser's: less the mean or the `shift_factor`, times the `scaling_factor`.
    pub fn scale(&self, z: &Tensor) -> Tensor {
        let shift = self.config.shift_factor.unwrap_or_default();
        match self.normal(z) {
            Some((mean, std)) => (z - mean) * self.config.scaling_factor / std,
            None if shift != 0.0 => (z - shift) * self.config.scaling_factor,
            None => z * self.config.scaling_factor,
        }
    }

    /// From the denoiser's latents to the autoencoder's.
    pub fn unscale(&self, latents: &Tensor) -> Tensor {
        let shift = self.config.shift_factor.unwrap_or_default();
        match self.normal(latents) {
            Some((mean, std)) => latents * std / self.config.scaling_factor + mean,
            None if shift != 0.0 => latents / self.config.scaling_factor + shift,
            None => latents / self.config.scaling_factor,
        }
    }

    /// A standard deviation [B, C, h, w] of the autoencoder's latents as the denoiser has it.
    fn scale_deviation(&self, deviation: &Tensor) -> Tensor {
        match self.normal(deviation) {
            Some((_, std)) => deviation * self.config.scaling_factor / std,
            None => deviation * self.config.scaling_factor,
        }
    }

    /// Mean and deviation of each channel beside latents like `x`, [1, C, 1, 1] each.
    fn normal(&self, x: &Tensor) -> Option<(Tensor, Tensor)> {
        let (mean, std) = self.config.normal.as_ref()?;
        let beside = |numbers: &[f64]| {
            Tensor::from_slice(numbers)
                .reshape([1, -1, 1, 1])
                .to_device(x.device())
                .to_kind(x.kind())
        };
        Some((beside(mean), beside(std)))
    }
}

impl Autoencoder for AutoencoderKl {
    fn to_pixels(&self, latents: &Tensor, tiled: bool, cancel: &Cancel) -> Result<Tensor> {
        let z = self.unscale(latents);
        match tiled {
            true => self.decode_tiled(&z, cancel),
            false => self.decode(&z, cancel),
        }
    }

    fn to_latents(&self, pixels: &Tensor, cancel: &Cancel) -> Result<Posterior> {
        let (mean, logvar) = self.encode(pixels, cancel)?;
        Ok(Posterior {
            mean: self.scale(&mean),
            std: self.scale_deviation(&(logvar * 0.5).exp()),
        })
    }
}

/// `Encoder` of diffusers' `models/autoencoders/vae.py`: picture to moments.
#[derive(Debug)]
struct Encoder {
    conv_in: Conv2d,
    down_blocks: Vec<DownEncoderBlock2D>,
    mid_block: UNetMidBlock2D,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
}

#[derive(Debug)]
struct DownEncoderBlock2D {
    resnets: Vec<ResnetBlock2D>,
    downsamplers: Option<Downsample2D>,
}

impl Encoder {
    /// Binds the tensors; `config` has been checked.
    pub fn new(weights: &Weights, config: &VaeConfig) -> Result<Self> {
        let (dims, last) = (config.resnet(), config.coarsest());
        let blocks = weights.pp("down_blocks");
        Ok(Self {
            conv_in: Conv2d::new(&weights.pp("conv_in"), config.in_channels, config.finest(), 3)?,
            down_blocks: (0..config.block_out_channels.len())
                .map(|i| DownEncoderBlock2D::new(&blocks.pp(i), config, i))
                .collect::<Result<_>>()?,
            mid_block: UNetMidBlock2D::new(&weights.pp("mid_block"), config)?,
            conv_norm_out: GroupNorm::new(&weights.pp("conv_norm_out"), dims.groups, last, dims.eps)?,
            conv_out: Conv2d::new(&weights.pp("conv_out"), last, 2 * config.latent_channels, 3)?,
        })
    }

    /// [B, in_channels, H, W] → [B, 2·latent_channels, H/factor, W/factor].
    pub fn forward(&self, sample: &Tensor, cancel: &Cancel) -> Result<Tensor> {
        let mut hidden_states = self.conv_in.forward(sample);
        for block in &self.down_blocks {
            hidden_states = block.forward(hidden_states, cancel)?;
        }
        hidden_states = self.mid_block.forward(&hidden_states, cancel)?;
        Ok(self
            .conv_out
            .forward(&self.conv_norm_out.forward_silu(&hidden_states, None)))
    }
}

impl DownEncoderBlock2D {
    fn new(weights: &Weights, config: &VaeConfig, i: usize) -> Result<Self> {
        let channels = config.block_out_channels[i];
        let inputs = config.block_out_channels[i.saturating_sub(1)];
        let resnet = |j: i64| {
            let inputs = if j == 0 { inputs } else { channels };
            ResnetBlock2D::new(&weights.pp("resnets").pp(j), config.resnet(), inputs, channels)
        };
        let downsampler = || Downsample2D::new(&weights.pp("downsamplers").pp(0), channels, 0);
        let is_final = i + 1 == config.block_out_channels.len();
        Ok(Self {
            resnets: (0..config.layers_per_block).map(resnet).collect::<Result<_>>()?,
            downsamplers: (!is_final).then(downsampler).transpose()?,
        })
    }

    fn forward(&self, mut hidden_states: Tensor, cancel: &Cancel) -> Result<Tensor> {
        for resnet in &self.resnets {
            cancel.check()?;
            hidden_states = resnet.forward(&hidden_states, None);
        }
        Ok(match &self.downsamplers {
            Some(downsampler) => downsampler.forward(&hidden_states),
            None => hidden_states,
        })
    }
}

/// `Decoder` of diffusers' `models/autoencoders/vae.py`: latents to picture.
#[derive(Debug)]
struct Decoder {
    conv_in: Conv2d,
    mid_block: UNetMidBlock2D,
    up_blocks: Vec<UpDecoderBlock2D>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
}

#[derive(Debug)]
struct UpDecoderBlock2D {
    resnets: Vec<ResnetBlock2D>,
    upsamplers: Option<Upsample2D>,
}

impl Decoder {
    /// Binds the tensors; `config` has been checked.
    pub fn new(weights: &Weights, config: &VaeConfig) -> Result<Self> {
        let (dims, first) = (config.resnet(), config.finest());
        let blocks = weights.pp("up_blocks");
        let coarsest_first: Vec<i64> = config.block_out_channels.iter().rev().copied().collect();
        Ok(Self {
            conv_in: Conv2d::new(&weights.pp("conv_in"), config.latent_channels, config.coarsest(), 3)?,
            mid_block: UNetMidBlock2D::new(&weights.pp("mid_block"), config)?,
            up_blocks: (0..coarsest_first.len())
                .map(|i| UpDecoderBlock2D::new(&blocks.pp(i), config, &coarsest_first, i))
                .collect::<Result<_>>()?,
            conv_norm_out: GroupNorm::new(&weights.pp("conv_norm_out"), dims.groups, first, dims.eps)?,
            conv_out: Conv2d::new(&weights.pp("conv_out"), first, config.out_channels, 3)?,
        })
    }

    /// [B, latent_channels, h, w] → [B, out_channels, factor·h, factor·w].
    pub fn forward(&self, sample: &Tensor, cancel: &Cancel) -> Result<Tensor> {
        let mut hidden_states = self.conv_in.forward(sample);
        hidden_states = self.mid_block.forward(&hidden_states, cancel)?;
        for block in &self.up_blocks {
            hidden_states = block.forward(hidden_states, cancel)?;
        }
        Ok(self
            .conv_out
            .forward(&self.conv_norm_out.forward_silu(&hidden_states, None)))
    }
}

impl UpDecoderBlock2D {
    fn new(weights: &Weights, config: &VaeConfig, coarsest_first: &[i64], i: usize) -> Result<Self> {
        let channels = coarsest_first[i];
        let inputs = coarsest_first[i.saturating_sub(1)];
        let resnet = |j: i64| {
            let inputs = if j == 0 { inputs } else { channels };
            ResnetBlock2D::new(&weights.pp("resnets").pp(j), config.resnet(), inputs, channels)
        };
        let upsampler = || Upsample2D::new(&weights.pp("upsamplers").pp(0), channels);
        let is_final = i + 1 == coarsest_first.len();
        Ok(Self {
            resnets: (0..=config.layers_per_block).map(resnet).collect::<Result<_>>()?,
            upsamplers: (!is_final).then(upsampler).transpose()?,
        })
    }

    fn forward(&self, mut hidden_states: Tensor, cancel: &Cancel) -> Result<Tensor> {
        for resnet in &self.resnets {
            cancel.check()?;
            hidden_states = resnet.forward(&hidden_states, None);
        }
        cancel.check()?;
        Ok(match &self.upsamplers {
            Some(upsampler) => upsampler.double(&hidden_states),
            None => hidden_states,
        })
    }
}

/// `UNetMidBlock2D` of diffusers' `models/unets/unet_2d_blocks.py`, without time.
#[derive(Debug)]
pub struct UNetMidBlock2D {
    resnets: [ResnetBlock2D; 2],
    attentions: Option<VaeAttention>,
}

impl UNetMidBlock2D {
    /// Built with the channels of the coarsest level.
    pub fn new(weights: &Weights, config: &VaeConfig) -> Result<Self> {
        let (dims, channels) = (config.resnet(), config.coarsest());
        let resnet = |j: i64| ResnetBlock2D::new(&weights.pp("resnets").pp(j), dims, channels, channels);
        let attention = || VaeAttention::new(&weights.pp("attentions").pp(0), dims, channels);
        Ok(Self {
            resnets: [resnet(0)?, resnet(1)?],
            attentions: config.mid_block_add_attention.then(attention).transpose()?,
        })
    }

    /// [B, C, H, W] → the same shape.
    pub fn forward(&self, hidden_states: &Tensor, cancel: &Cancel) -> Result<Tensor> {
        let mut hidden_states = self.resnets[0].forward(hidden_states, None);
        if let Some(attention) = &self.attentions {
            cancel.check()?;
            hidden_states = attention.forward(&hidden_states);
        }
        cancel.check()?;
        Ok(self.resnets[1].forward(&hidden_states, None))
    }
}

/// The one-headed attention over pixels in an autoencoder's middle (`Attention` with `residual_connection`).
#[derive(Debug)]
struct VaeAttention {
    group_norm: GroupNorm,
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
}

impl VaeAttention {
    /// Binds the tensors by today's names or by those of files saved before diffusers 0.15, as Stable Diffusion 1.5 is.
    pub fn new(weights: &Weights, dims: ResnetDims, channels: i64) -> Result<Self> {
        let names = if !weights.contains("to_q.weight") && weights.contains("query.weight") {
            ["query", "key", "value", "proj_attn"]
        } else {
            ["to_q", "to_k", "to_v", "to_out.0"]
        };
        let [to_q, to_k, to_v, to_out] = names.map(|name| Linear::new(&weights.pp(name), channels, channels));
        Ok(Self {
            group_norm: GroupNorm::new(&weights.pp("group_norm"), dims.groups, channels, dims.eps)?,
            to_q: to_q?,
            to_k: to_k?,
            to_v: to_v?,
            to_out: to_out?,
        })
    }

    /// [B, C, H, W] → the same shape.
    pub fn forward(&self, input: &Tensor) -> Tensor {
        let pixels = to_sequence(&self.group_norm.forward(input));
        let [query, key, value] = [&self.to_q, &self.to_k, &self.to_v].map(|to| split_heads(&to.forward(&pixels), 1));
        let hidden_states = attention(&query, &key, &value, Attend::default());
        let hidden_states = self.to_out.forward_plus(&hidden_states, &to_sequence(input));
        to_pixels(&hidden_states, &input.size()[2..])
    }
}
