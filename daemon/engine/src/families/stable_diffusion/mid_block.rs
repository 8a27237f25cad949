use tch::Tensor;

use super::conditions::Conditions;
use super::resnet::ResnetBlock2D;
use super::transformer_2d::Transformer2DModel;
use super::unet_config::Level;
use crate::Result;
use crate::weights::Weights;

/// `UNetMidBlock2DCrossAttn` of diffusers' `models/unets/unet_2d_blocks.py`.
#[derive(Debug)]
pub struct UNetMidBlock2DCrossAttn {
    resnets: [ResnetBlock2D; 2],
    attentions: Transformer2DModel,
}

impl UNetMidBlock2DCrossAttn {
    /// Built with the dimensions of the coarsest level.
    pub fn new(weights: &Weights, level: &Level) -> Result<Self> {
        let resnet = |j: i64| {
            ResnetBlock2D::new(
                &weights.pp("resnets").pp(j),
                level.resnet,
                level.channels,
                level.channels,
            )
        };
        Ok(Self {
            resnets: [resnet(0)?, resnet(1)?],
            attentions: Transformer2DModel::new(&weights.pp("attentions").pp(0), &level.transformer)?,
        })
    }

    /// [B, C, H, W] → the same shape.
    pub fn forward(&self, hidden_states: &Tensor, cond: &Conditions) -> Result<Tensor> {
        cond.cancel.check()?;
        let hidden_states = self.resnets[0].forward(hidden_states, Some(cond.temb));
        let hidden_states = self
            .attentions
            .forward(&hidden_states, cond.encoder_hidden_states, cond.cancel)?;
        Ok(self.resnets[1].forward(&hidden_states, Some(cond.temb)))
    }
}
