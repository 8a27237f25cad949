use darkroom_formats::schema::VaeConfig;
use tch::Tensor;

use super::resample::Upsample2D;
use super::resnet::ResnetBlock2D;
use super::vae_mid_block::UNetMidBlock2D;
use crate::nn::{Conv2d, GroupNorm};
use crate::weights::Weights;
use crate::{Cancel, Result};

/// `Decoder` of diffusers' `models/autoencoders/vae.py`: latents to picture.
#[derive(Debug)]
pub struct Decoder {
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
