use darkroom_formats::schema::UNetConfig;
use darkroom_protocol::Quant;
use tch::Tensor;

use super::conditions::Conditions;
use super::down_block::DownBlock2D;
use super::mid_block::UNetMidBlock2DCrossAttn;
use super::up_block::UpBlock2D;
use crate::nn::{Conv2d, GroupNorm, Linear, Timesteps, silu};
use crate::weights::Weights;
use crate::{Cancel, Error, Result};

/// `UNet2DConditionModel` of diffusers' `models/unets/unet_2d_condition.py`: predicts the noise, or the velocity, in latents.
#[derive(Debug)]
pub struct UNet2DConditionModel {
    conv_in: Conv2d,
    time_proj: Timesteps,
    time_embedding: TimestepEmbedding,
    down_blocks: Vec<DownBlock2D>,
    mid_block: Option<UNetMidBlock2DCrossAttn>,
    up_blocks: Vec<UpBlock2D>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    config: UNetConfig,
}

#[derive(Debug)]
struct TimestepEmbedding {
    linear_1: Linear,
    linear_2: Linear,
}

impl UNet2DConditionModel {
    /// Binds the tensors that `config` implies.
    pub fn new(weights: &Weights, config: &UNetConfig) -> Result<Self> {
        let levels = &config.levels;
        let (first, last) = (&levels[0], &levels[levels.len() - 1]);
        let temb_channels = config.time_embed_dim;
        let (down, up) = (weights.pp("down_blocks"), weights.pp("up_blocks"));
        Ok(Self {
            conv_in: Conv2d::new(
                &weights.pp("conv_in"),
                config.in_channels,
                first.channels,
                config.conv_in_kernel,
            )?,
            time_proj: Timesteps::new(weights, first.channels, config.flip_sin_to_cos, config.freq_shift)?,
            time_embedding: TimestepEmbedding::new(&weights.pp("time_embedding"), first.channels, temb_channels)?,
            down_blocks: (0..levels.len())
                .map(|i| DownBlock2D::new(&down.pp(i), config, i))
                .collect::<Result<_>>()?,
            mid_block: UNetMidBlock2DCrossAttn::new(&weights.pp("mid_block"), config.mid_block, last)?,
            up_blocks: (0..levels.len())
                .map(|i| UpBlock2D::new(&up.pp(i), levels, i))
                .collect::<Result<_>>()?,
            conv_norm_out: GroupNorm::new(
                &weights.pp("conv_norm_out"),
                config.norm_num_groups,
                first.channels,
                config.norm_eps,
            )?,
            conv_out: Conv2d::new(
                &weights.pp("conv_out"),
                first.channels,
                config.out_channels,
                config.conv_out_kernel,
            )?,
            config: config.clone(),
        })
    }

    /// The config that the model was built with.
    pub fn config(&self) -> &UNetConfig {
        &self.config
    }

    /// The model's raw output for `sample` [B, in_channels, H, W] at `timestep` (0 to 1000, may be fractional), given the
    /// prompt `encoder_hidden_states` [B, tokens, cross_attention_dim] → [B, out_channels, H, W].
    ///
    /// H and W need not be multiples of the levels' factor. Inputs may be of any float kind and lie on the model's device.
    pub fn forward(
        &self,
        sample: &Tensor,
        timestep: f64,
        encoder_hidden_states: &Tensor,
        cancel: &Cancel,
    ) -> Result<Tensor> {
        self.check(sample, encoder_hidden_states)?;
        let temb = self.time_embedding.forward(&self.time_proj.forward(timestep));
        let cond = Conditions {
            temb: &temb,
            encoder_hidden_states,
            cancel,
        };

        let mut hidden_states = self.conv_in.forward(sample);
        let mut skips = vec![hidden_states.shallow_clone()];
        for block in &self.down_blocks {
            hidden_states = block.forward(hidden_states, &cond, &mut skips)?;
        }
        if let Some(mid_block) = &self.mid_block {
            hidden_states = mid_block.forward(hidden_states, &cond)?;
        }
        for block in &self.up_blocks {
            hidden_states = block.forward(hidden_states, &cond, &mut skips)?;
        }
        Ok(self
            .conv_out
            .forward(&self.conv_norm_out.forward_silu(&hidden_states, None)))
    }

    fn check(&self, sample: &Tensor, encoder_hidden_states: &Tensor) -> Result<()> {
        let channels = sample.size().get(1).copied();
        let width = encoder_hidden_states.size().get(2).copied();
        let mismatch = |field: &str, what: String| {
            Err(Error::Config {
                component: "unet".to_owned(),
                field: field.to_owned(),
                what,
            })
        };
        if channels != Some(self.config.in_channels) {
            let takes = self.config.in_channels;
            return mismatch(
                "in_channels",
                format!(
                    "is {takes}, the latents are {:?}: another kind of model.",
                    sample.size()
                ),
            );
        }
        if width != Some(self.config.cross_attention_dim) {
            let takes = self.config.cross_attention_dim;
            let gives = encoder_hidden_states.size();
            return mismatch(
                "cross_attention_dim",
                format!("is {takes}, the prompt's encoding is {gives:?}: UNet and text encoder are not of one model."),
            );
        }
        Ok(())
    }
}

impl TimestepEmbedding {
    fn new(weights: &Weights, inputs: i64, outputs: i64) -> Result<Self> {
        // One row a picture: there is nothing to gain, and every pixel depends on it.
        let weights = weights.quantised(Quant::None);
        Ok(Self {
            linear_1: Linear::new(&weights.pp("linear_1"), inputs, outputs)?,
            linear_2: Linear::new(&weights.pp("linear_2"), outputs, outputs)?,
        })
    }

    fn forward(&self, sample: &Tensor) -> Tensor {
        self.linear_2.forward(&silu(&self.linear_1.forward(sample)))
    }
}
