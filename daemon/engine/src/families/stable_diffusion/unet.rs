//! `UNet2DConditionModel` of diffusers' `models/unets/unet_2d_condition.py` with its blocks of `unet_2d_blocks.py`: down, middle,
//! up. What the blocks are built of is in `blocks.rs`; which tensors there are follows from the config, and their names are the
//! fields'.

use darkroom_formats::schema::{Level, MidBlock, TextTime, TransformerDims, UNetConfig};
use darkroom_protocol::Quant;
use tch::{Kind, Tensor};

use super::blocks::{Prompt, Sight, Transformer2DModel};
use super::free_u::freed;
use crate::families::resnet::{Downsample2D, ResnetBlock2D, Upsample2D};
use crate::model::{Cond, Denoiser, Extras, FreeU, Recall, Residuals};
use crate::nn::{Conv2d, GroupNorm, Linear, Timesteps, silu};
use crate::weights::Weights;
use crate::{Cancel, Error, Result};

/// Predicts the noise, or the velocity, in latents.
#[derive(Debug)]
pub struct UNet2DConditionModel {
    conv_in: Conv2d,
    time_proj: Timesteps,
    time_embedding: TimestepEmbedding,
    /// The guidance's own sinusoids (`get_guidance_scale_embedding` of diffusers' pipelines).
    guidance_proj: Option<Timesteps>,
    add_embedding: Option<AddEmbedding>,
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
    /// Of what is told beside the time, in models that are told their guidance.
    cond_proj: Option<Linear>,
}

/// Under this name a conditioning has what an SDXL UNet is told in numbers, [B, n]: the picture's size and the like.
pub const TIME_IDS: &str = "time_ids";

/// A prompt's pooled state and numbers beside it, as SDXL and its kin add them to the time embedding (`get_aug_embed` of
/// diffusers).
#[derive(Debug)]
struct AddEmbedding {
    time_proj: Timesteps,
    linear: TimestepEmbedding,
    dims: TextTime,
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
            time_embedding: TimestepEmbedding::new(&weights.pp("time_embedding"), first.channels, temb_channels)?
                .told(&weights.pp("time_embedding"), config.time_cond_proj_dim, first.channels)?,
            guidance_proj: config
                .time_cond_proj_dim
                .map(|dim| Timesteps::new(weights, dim, false, 1.0))
                .transpose()?,
            add_embedding: config
                .addition
                .map(|dims| AddEmbedding::new(weights, config, dims))
                .transpose()?,
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
    /// prompt, whose tokens are [B, N, cross_attention_dim] → [B, out_channels, H, W].
    ///
    /// H and W need not be multiples of the levels' factor. Inputs may be of any float kind and lie on the model's device. The
    /// extras' channels are part of `in_channels`; residuals are added as diffusers adds those of a ControlNet.
    pub fn forward(
        &self,
        sample: &Tensor,
        timestep: f64,
        cond: &Cond,
        extras: &Extras,
        cancel: &Cancel,
    ) -> Result<Tensor> {
        let sample = match &extras.channels {
            Some(more) => Tensor::cat(&[sample, more], 1),
            None => sample.shallow_clone(),
        };
        self.check(&sample, &cond.tokens, extras)?;
        // A guidance of 1 is the prompt's own prediction; models count from there, in thousandths as they do time.
        let told = extras.guidance.zip(self.guidance_proj.as_ref());
        let told = told.map(|(guidance, sinusoids)| sinusoids.forward((guidance - 1.0) * 1000.0));
        let time = self
            .time_embedding
            .forward_told(&self.time_proj.forward(timestep), told.as_ref());
        let temb = match &self.add_embedding {
            Some(embedding) => time + embedding.forward(cond)?,
            None => time,
        };
        let bias = cond.bias();
        let around = Around {
            temb: &temb,
            prompt: Prompt {
                tokens: &cond.tokens,
                bias: bias.as_ref(),
            },
            middle: if extras.perturbed { Sight::Itself } else { Sight::All },
            finest: match extras.merging {
                0.0 => Sight::All,
                ratio => Sight::Merged(ratio),
            },
            free_u: extras.free_u.as_ref(),
            cancel,
        };
        // Where the inside is known from an earlier call, the way down ends where it begins.
        let recall = extras.recall.as_ref();
        let inside = recall.and_then(|recall| recall.kept(sample.size()[0]));
        let states = match (recall, &inside) {
            (Some(recall), Some(_)) => recall.branch + 1,
            _ => self.states(),
        };

        let mut hidden_states = self.conv_in.forward(&sample);
        let mut skips = vec![hidden_states.shallow_clone()];
        for block in &self.down_blocks {
            hidden_states = block.forward(hidden_states, &around, states, &mut skips)?;
        }
        if let Some(inside) = &inside {
            hidden_states = inside.shallow_clone();
        } else if let Some(mid_block) = &self.mid_block {
            hidden_states = mid_block.forward(hidden_states, &around)?;
        }
        if let Some(residuals) = &extras.residuals {
            hidden_states = add_residuals(residuals, self.states(), hidden_states, &mut skips)?;
        }
        let mut left = self.states();
        for block in &self.up_blocks {
            hidden_states = block.forward(hidden_states, &around, recall, (&mut left, &mut skips))?;
        }
        Ok(self
            .conv_out
            .forward(&self.conv_norm_out.forward_silu(&hidden_states, None)))
    }

    /// How many states the way down leaves for the way up.
    fn states(&self) -> usize {
        self.up_blocks.iter().map(|block| block.resnets.len()).sum()
    }

    fn check(&self, sample: &Tensor, tokens: &Tensor, extras: &Extras) -> Result<()> {
        let channels = sample.size().get(1).copied();
        let width = tokens.size().get(2).copied();
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
            let gives = tokens.size();
            return mismatch(
                "cross_attention_dim",
                format!("is {takes}, the prompt's encoding is {gives:?}: UNet and text encoder are not of one model."),
            );
        }
        let branch = extras.recall.as_ref().map_or(0, |recall| recall.branch);
        if branch >= self.states() {
            return Err(Error::Unsupported(format!(
                "deep_cache_branch: {branch} is beyond this model's way down: choose at most {}.",
                self.states() - 1
            )));
        }
        if !extras.references.is_empty() {
            return Err(Error::Unsupported(
                "A Stable Diffusion UNet takes no reference pictures.".to_owned(),
            ));
        }
        Ok(())
    }
}

impl Denoiser for UNet2DConditionModel {
    fn forward(&self, x: &Tensor, timestep: f64, cond: &Cond, extras: &Extras, cancel: &Cancel) -> Result<Tensor> {
        Self::forward(self, x, timestep, cond, extras, cancel)
    }

    fn can_be_perturbed(&self) -> bool {
        let middle = self.mid_block.as_ref();
        middle.is_some_and(|middle| middle.attentions.is_some())
    }

    fn is_u_shaped(&self) -> bool {
        true
    }
}

/// The states of the way down, of which there are `states` or the first of them, and of the middle with a control network's, each to its
/// own. The middle that is known from an earlier call has its own already.
fn add_residuals(residuals: &Residuals, states: usize, mid: Tensor, skips: &mut [Tensor]) -> Result<Tensor> {
    if residuals.down.len() != states {
        return Err(Error::Unsupported(format!(
            "The control network has {} states, this UNet {}: they are not of one kind of model.",
            residuals.down.len(),
            states
        )));
    }
    for (skip, residual) in skips.iter_mut().zip(&residuals.down) {
        *skip = &*skip + residual.to_kind(skip.kind());
    }
    if skips.len() < states {
        return Ok(mid);
    }
    let residual = residuals.mid.to_kind(mid.kind());
    Ok(mid + residual)
}

/// What every block is given beside its hidden states.
#[derive(Debug)]
struct Around<'a> {
    /// The time embedding [1, temb_channels], or [B, temb_channels] where more is told than the time.
    temb: &'a Tensor,
    prompt: Prompt<'a>,
    /// What a place sees of the picture in the middle block.
    middle: Sight,
    /// The same in attentions at the finest level that has any.
    finest: Sight,
    free_u: Option<&'a FreeU>,
    /// Read before each layer.
    cancel: &'a Cancel,
}

impl Around<'_> {
    /// What a place sees in the attentions of a level.
    fn sight(&self, finest: bool) -> Sight {
        if finest { self.finest } else { Sight::All }
    }
}

impl TimestepEmbedding {
    fn new(weights: &Weights, inputs: i64, outputs: i64) -> Result<Self> {
        // One row a picture: there is nothing to gain, and every pixel depends on it.
        let weights = weights.quantised(Quant::None);
        Ok(Self {
            linear_1: Linear::new(&weights.pp("linear_1"), inputs, outputs)?,
            linear_2: Linear::new(&weights.pp("linear_2"), outputs, outputs)?,
            cond_proj: None,
        })
    }

    /// The same, which is told something of width `dim` beside the time, whose own is `inputs`.
    fn told(self, weights: &Weights, dim: Option<i64>, inputs: i64) -> Result<Self> {
        let weights = weights.quantised(Quant::None);
        let cond_proj = dim.map(|dim| Linear::without_bias(&weights.pp("cond_proj"), dim, inputs));
        Ok(Self {
            cond_proj: cond_proj.transpose()?,
            ..self
        })
    }

    fn forward(&self, sample: &Tensor) -> Tensor {
        self.linear_2.forward(&silu(&self.linear_1.forward(sample)))
    }

    fn forward_told(&self, sample: &Tensor, told: Option<&Tensor>) -> Tensor {
        match (&self.cond_proj, told) {
            (Some(cond_proj), Some(told)) => self.forward(&(sample + cond_proj.forward(told))),
            _ => self.forward(sample),
        }
    }
}

impl AddEmbedding {
    fn new(weights: &Weights, config: &UNetConfig, dims: TextTime) -> Result<Self> {
        Ok(Self {
            time_proj: Timesteps::new(weights, dims.time_dim, config.flip_sin_to_cos, config.freq_shift)?,
            linear: TimestepEmbedding::new(&weights.pp("add_embedding"), dims.inputs, config.time_embed_dim)?,
            dims,
        })
    }

    /// [B, temb_channels] of what `cond` has beside the prompt's tokens.
    fn forward(&self, cond: &Cond) -> Result<Tensor> {
        let (Some(pooled), Some(ids)) = (&cond.pooled, cond.extras.get(TIME_IDS)) else {
            return Err(Error::Defect);
        };
        let told = Tensor::cat(&[pooled.to_kind(Kind::Float), self.time_proj.forward_each(ids)], -1);
        let takes = self.dims.inputs;
        match told.size().last() {
            Some(width) if *width == takes => Ok(self.linear.forward(&told)),
            _ => Err(Error::Config {
                component: "unet".to_owned(),
                field: "projection_class_embeddings_input_dim".to_owned(),
                what: format!(
                    "is {takes}, what it is told is {:?}: UNet and text encoder are not of one model.",
                    told.size()
                ),
            }),
        }
    }
}

/// `CrossAttnDownBlock2D` of diffusers' `models/unets/unet_2d_blocks.py`; without attentions it is `DownBlock2D`.
#[derive(Debug)]
struct DownBlock2D {
    resnets: Vec<ResnetBlock2D>,
    attentions: Vec<Transformer2DModel>,
    downsamplers: Option<Downsample2D>,
    finest: bool,
}

impl DownBlock2D {
    /// Block `index` on the way down; all but the last downsample.
    fn new(weights: &Weights, config: &UNetConfig, index: usize) -> Result<Self> {
        let levels = &config.levels;
        let level = &levels[index];
        let inputs = levels[index.saturating_sub(1)].channels;
        let resnet = |j: i64| {
            let inputs = if j == 0 { inputs } else { level.channels };
            ResnetBlock2D::new(&weights.pp("resnets").pp(j), level.resnet, inputs, level.channels)
        };
        let attention = |(j, layers): (usize, &i64)| {
            let dims = TransformerDims {
                layers: *layers,
                ..level.transformer
            };
            Transformer2DModel::new(&weights.pp("attentions").pp(j), &dims)
        };
        let downsampler = || {
            Downsample2D::new(
                &weights.pp("downsamplers").pp(0),
                level.channels,
                config.downsample_padding,
            )
        };
        Ok(Self {
            resnets: (0..level.layers).map(resnet).collect::<Result<_>>()?,
            attentions: (level.down_transformer_layers.iter().enumerate())
                .filter(|_| level.down_attends)
                .map(attention)
                .collect::<Result<_>>()?,
            downsamplers: (index + 1 < levels.len()).then(downsampler).transpose()?,
            finest: levels.iter().position(|level| level.down_attends) == Some(index),
        })
    }

    /// Appends every intermediate state to `skips`, for the block's mirror image on the way up, until there are `states` of them.
    fn forward(
        &self,
        mut hidden_states: Tensor,
        around: &Around,
        states: usize,
        skips: &mut Vec<Tensor>,
    ) -> Result<Tensor> {
        for (j, resnet) in self.resnets.iter().enumerate() {
            if skips.len() == states {
                return Ok(hidden_states);
            }
            around.cancel.check()?;
            hidden_states = resnet.forward(&hidden_states, Some(around.temb));
            if let Some(attention) = self.attentions.get(j) {
                let sight = around.sight(self.finest);
                hidden_states = attention.forward(&hidden_states, around.prompt, sight, around.cancel)?;
            }
            skips.push(hidden_states.shallow_clone());
        }
        if let Some(downsampler) = self.downsamplers.as_ref().filter(|_| skips.len() < states) {
            hidden_states = downsampler.forward(&hidden_states);
            skips.push(hidden_states.shallow_clone());
        }
        Ok(hidden_states)
    }
}

/// `UNetMidBlock2DCrossAttn` of diffusers' `models/unets/unet_2d_blocks.py`; without attention it is `UNetMidBlock2D`
/// of no layers, which has one residual block.
#[derive(Debug)]
struct UNetMidBlock2DCrossAttn {
    resnets: Vec<ResnetBlock2D>,
    attentions: Option<Transformer2DModel>,
}

impl UNetMidBlock2DCrossAttn {
    /// Built with the dimensions of the coarsest level; `None` for a model that has none.
    fn new(weights: &Weights, kind: MidBlock, level: &Level) -> Result<Option<Self>> {
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
    fn forward(&self, hidden_states: Tensor, around: &Around) -> Result<Tensor> {
        let mut hidden_states = hidden_states;
        for (j, resnet) in self.resnets.iter().enumerate() {
            around.cancel.check()?;
            hidden_states = resnet.forward(&hidden_states, Some(around.temb));
            if let Some(attention) = self.attentions.as_ref().filter(|_| j == 0) {
                hidden_states = attention.forward(&hidden_states, around.prompt, around.middle, around.cancel)?;
            }
        }
        Ok(hidden_states)
    }
}

/// `CrossAttnUpBlock2D` of diffusers' `models/unets/unet_2d_blocks.py`; without attentions it is `UpBlock2D`.
#[derive(Debug)]
struct UpBlock2D {
    resnets: Vec<ResnetBlock2D>,
    attentions: Vec<Transformer2DModel>,
    upsamplers: Option<Upsample2D>,
    index: usize,
    finest: bool,
}

impl UpBlock2D {
    /// Block `index` on the way up, which is the mirror image of level `levels.len() − 1 − index`; all but the last upsample.
    fn new(weights: &Weights, levels: &[Level], index: usize) -> Result<Self> {
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
        let attention = |(j, layers): (usize, &i64)| {
            let dims = TransformerDims {
                layers: *layers,
                ..level.transformer
            };
            Transformer2DModel::new(&weights.pp("attentions").pp(j), &dims)
        };
        let layers = level.layers + 1;
        Ok(Self {
            resnets: (0..layers).map(resnet).collect::<Result<_>>()?,
            attentions: (level.up_transformer_layers.iter().enumerate())
                .filter(|_| level.up_attends)
                .map(attention)
                .collect::<Result<_>>()?,
            upsamplers: (at > 0)
                .then(|| Upsample2D::new(&weights.pp("upsamplers").pp(0), level.channels))
                .transpose()?,
            index,
            finest: levels.iter().position(|level| level.up_attends) == Some(at),
        })
    }

    /// Takes its skips from the end of `skips`, and grows to the size of the one that is then last: twice its own, or one less
    /// where that size was odd on the way down.
    ///
    /// `left` counts the states of the way down that the way up has yet to meet. Where `skips` has fewer, what comes before is known
    /// from an earlier call, and `hidden_states` passes by unchanged.
    fn forward(
        &self,
        mut hidden_states: Tensor,
        around: &Around,
        recall: Option<&Recall>,
        (left, skips): (&mut usize, &mut Vec<Tensor>),
    ) -> Result<Tensor> {
        let mut passed = true;
        for (j, resnet) in self.resnets.iter().enumerate() {
            passed = *left > skips.len();
            let at = *left;
            *left -= 1;
            if passed {
                continue;
            }
            around.cancel.check()?;
            if let Some(recall) = recall.filter(|recall| recall.branch + 1 == at) {
                recall.keep(&hidden_states);
            }
            if let Some(skip) = skips.pop() {
                let (hidden, skip) = match around.free_u {
                    Some(free_u) => freed(free_u, self.index, hidden_states, skip),
                    None => (hidden_states, skip),
                };
                hidden_states = Tensor::cat(&[hidden, skip], 1);
            }
            hidden_states = resnet.forward(&hidden_states, Some(around.temb));
            if let Some(attention) = self.attentions.get(j) {
                let sight = around.sight(self.finest);
                hidden_states = attention.forward(&hidden_states, around.prompt, sight, around.cancel)?;
            }
        }
        let next = skips.last().filter(|_| !passed);
        if let (Some(upsampler), Some(next)) = (&self.upsamplers, next) {
            let size = next.size();
            hidden_states = upsampler.forward(&hidden_states, [size[2], size[3]]);
        }
        Ok(hidden_states)
    }
}
