use darkroom_formats::schema::{Level, MidBlock};
use tch::Tensor;

use super::conditions::Conditions;
use super::resnet::ResnetBlock2D;
use super::transformer_2d::Transformer2DModel;
use crate::Result;
use crate::weights::Weights;

/// `UNetMidBlock2DCrossAttn` of diffusers' `models/unets/unet_2d_blocks.py`; without attention it is `UNetMidBlock2D`
/// of no layers, which has one residual block.
#[derive(Debug)]
pub struct UNetMidBlock2DCrossAttn {
    resnets: Vec<ResnetBlock2D>,
    attentions: Option<Transformer2DModel>,
}

impl UNetMidBlock2DCrossAttn {
    /// Built with the dimensions of the coarsest level; `None` for a model that has none.
    pub fn new(weights: &Weights, kind: MidBlock, level: &Level) -> Result<Option<Self>> {
        let resnet = |j: i64| {
            ResnetBlock2D::new(
                &weights.pp("resnets").pp(j),
                level.resnet,
                level.channels,
                level.channels,
            )
        };
        let attention = || Transformer2DModel::new(&weights.pp("attentions").pp(0), &level.transformer);
        Ok(match kind {
            MidBlock::CrossAttention => Some(Self {
                resnets: vec![resnet(0)?, resnet(1)?],
                attentions: Some(attention()?),
            }),
            MidBlock::Resnet => Some(Self {
                resnets: vec![resnet(0)?],
                attentions: None,
            }),
            MidBlock::Nothing => None,
        })
    }

    /// [B, C, H, W] → the same shape.
    pub fn forward(&self, hidden_states: Tensor, cond: &Conditions) -> Result<Tensor> {
        let mut hidden_states = hidden_states;
        for (j, resnet) in self.resnets.iter().enumerate() {
            cond.cancel.check()?;
            hidden_states = resnet.forward(&hidden_states, Some(cond.temb));
            if let Some(attention) = self.attentions.as_ref().filter(|_| j == 0) {
                hidden_states = attention.forward(&hidden_states, cond.encoder_hidden_states, cond.cancel)?;
            }
        }
        Ok(hidden_states)
    }
}
