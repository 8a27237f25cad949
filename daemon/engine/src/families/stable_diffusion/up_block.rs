use darkroom_formats::schema::{Level, TransformerDims};
use tch::Tensor;

use super::conditions::Conditions;
use super::resample::Upsample2D;
use super::resnet::ResnetBlock2D;
use super::transformer_2d::Transformer2DModel;
use crate::Result;
use crate::weights::Weights;

/// `CrossAttnUpBlock2D` of diffusers' `models/unets/unet_2d_blocks.py`; without attentions it is `UpBlock2D`.
#[derive(Debug)]
pub struct UpBlock2D {
    resnets: Vec<ResnetBlock2D>,
    attentions: Vec<Transformer2DModel>,
    upsamplers: Option<Upsample2D>,
}

impl UpBlock2D {
    /// Block `index` on the way up, which is the mirror image of level `levels.len() − 1 − index`; all but the last upsample.
    pub fn new(weights: &Weights, levels: &[Level], index: usize) -> Result<Self> {
        let at = levels.len() - 1 - index;
        let level = &levels[at];
        let below = levels[(at + 1).min(levels.len() - 1)].channels;
        let beside = levels[at.saturating_sub(1)].channels;
        let resnet = |j: i64| {
            let inputs = if j == 0 { below } else { level.channels };
            let skip = if j == level.layers { beside } else { level.channels };
            ResnetBlock2D::new(
                &weights.pp("resnets").pp(j),
                level.resnet,
                inputs + skip,
                level.channels,
            )
        };
        let transformer = TransformerDims {
            layers: level.up_transformer_layers,
            ..level.transformer
        };
        let attention = |j: i64| Transformer2DModel::new(&weights.pp("attentions").pp(j), &transformer);
        let layers = level.layers + 1;
        Ok(Self {
            resnets: (0..layers).map(resnet).collect::<Result<_>>()?,
            attentions: (0..if level.up_attends { layers } else { 0 })
                .map(attention)
                .collect::<Result<_>>()?,
            upsamplers: (at > 0)
                .then(|| Upsample2D::new(&weights.pp("upsamplers").pp(0), level.channels))
                .transpose()?,
        })
    }

    /// Takes its skips from the end of `skips`, and grows to the size of the one that is then last: twice its own, or one less
    /// where that size was odd on the way down.
    pub fn forward(&self, mut hidden_states: Tensor, cond: &Conditions, skips: &mut Vec<Tensor>) -> Result<Tensor> {
        for (j, resnet) in self.resnets.iter().enumerate() {
            cond.cancel.check()?;
            if let Some(skip) = skips.pop() {
                hidden_states = Tensor::cat(&[hidden_states, skip], 1);
            }
            hidden_states = resnet.forward(&hidden_states, Some(cond.temb));
            if let Some(attention) = self.attentions.get(j) {
                hidden_states = attention.forward(&hidden_states, cond.encoder_hidden_states, cond.cancel)?;
            }
        }
        if let (Some(upsampler), Some(next)) = (&self.upsamplers, skips.last()) {
            let size = next.size();
            hidden_states = upsampler.forward(&hidden_states, [size[2], size[3]]);
        }
        Ok(hidden_states)
    }
}
