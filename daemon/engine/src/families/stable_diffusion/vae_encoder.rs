use darkroom_formats::schema::VaeConfig;
use tch::Tensor;

use super::resample::Downsample2D;
use super::resnet::ResnetBlock2D;
use super::vae_mid_block::UNetMidBlock2D;
use crate::nn::{Conv2d, GroupNorm};
use crate::weights::Weights;
use crate::{Cancel, Result};

/// `Encoder` of diffusers' `models/autoencoders/vae.py`: picture to moments.
#[derive(Debug)]
pub struct Encoder {
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
