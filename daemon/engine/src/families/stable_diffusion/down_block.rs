use darkroom_formats::schema::UNetConfig;
use tch::Tensor;

use super::conditions::Conditions;
use super::resample::Downsample2D;
use super::resnet::ResnetBlock2D;
use super::transformer_2d::Transformer2DModel;
use crate::Result;
use crate::weights::Weights;

/// `CrossAttnDownBlock2D` of diffusers' `models/unets/unet_2d_blocks.py`; without attentions it is `DownBlock2D`.
#[derive(Debug)]
pub struct DownBlock2D {
    resnets: Vec<ResnetBlock2D>,
    attentions: Vec<Transformer2DModel>,
    downsamplers: Option<Downsample2D>,
}

impl DownBlock2D {
    /// Block `index` on the way down; all but the last downsample.
    pub fn new(weights: &Weights, config: &UNetConfig, index: usize) -> Result<Self> {
        let levels = &config.levels;
        let level = &levels[index];
        let inputs = levels[index.saturating_sub(1)].channels;
        let resnet = |j: i64| {
            let inputs = if j == 0 { inputs } else { level.channels };
            ResnetBlock2D::new(&weights.pp("resnets").pp(j), level.resnet, inputs, level.channels)
        };
        let attention = |j: i64| Transformer2DModel::new(&weights.pp("attentions").pp(j), &level.transformer);
        let downsampler = || {
            Downsample2D::new(
                &weights.pp("downsamplers").pp(0),
                level.channels,
                config.downsample_padding,
            )
        };
        Ok(Self {
            resnets: (0..level.layers).map(resnet).collect::<Result<_>>()?,
            attentions: (0..if level.down_attends { level.layers } else { 0 })
                .map(attention)
                .collect::<Result<_>>()?,
            downsamplers: (index + 1 < levels.len()).then(downsampler).transpose()?,
        })
    }

    /// Appends every intermediate state to `skips`, for the block's mirror image on the way up.
    pub fn forward(&self, mut hidden_states: Tensor, cond: &Conditions, skips: &mut Vec<Tensor>) -> Result<Tensor> {
        for (j, resnet) in self.resnets.iter().enumerate() {
            cond.cancel.check()?;
            hidden_states = resnet.forward(&hidden_states, Some(cond.temb));
            if let Some(attention) = self.attentions.get(j) {
                hidden_states = attention.forward(&hidden_states, cond.encoder_hidden_states, cond.cancel)?;
            }
            skips.push(hidden_states.shallow_clone());
        }
        if let Some(downsampler) = &self.downsamplers {
            hidden_states = downsampler.forward(&hidden_states);
            skips.push(hidden_states.shallow_clone());
        }
        Ok(hidden_states)
    }
}
