use darkroom_formats::schema::VaeConfig;
use tch::Tensor;

use super::resnet::ResnetBlock2D;
use super::vae_attention::VaeAttention;
use crate::weights::Weights;
use crate::{Cancel, Result};

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
