//! `vae/config.json`: `AutoencoderKL`.

use serde_json::Value;

use super::fields::Fields;
use super::{ResnetDims, object};
use crate::Result;
use crate::card::Latents;

const EPS: f64 = 1e-6;
const MAX_CHANNELS: i64 = 16_384;

/// `vae/config.json`. Missing fields have diffusers' defaults (`AutoencoderKL.__init__`).
#[derive(Clone, Debug, PartialEq)]
pub struct VaeConfig {
    /// Channels of the picture that is encoded.
    pub in_channels: i64,
    /// Channels of the picture that is decoded.
    pub out_channels: i64,
    /// Channels of each level, finest first; there is at least one.
    pub block_out_channels: Vec<i64>,
    /// Residual blocks of each level in the encoder; there is one more in the decoder.
    pub layers_per_block: i64,
    /// Side of the pictures it was trained on, in pixels: that of a tile.
    pub sample_size: i64,
    /// Channels of the latents.
    pub latent_channels: i64,
    /// Groups of every group normalisation.
    pub norm_num_groups: i64,
    /// What latents are multiplied by on their way to the denoiser.
    pub scaling_factor: f64,
    /// What is taken from latents before they are scaled.
    pub shift_factor: Option<f64>,
    /// Mean and standard deviation of each channel, by which SDXL's pipelines bring latents to unit variance before they are
    /// scaled; as many as there are channels.
    pub normal: Option<(Vec<f64>, Vec<f64>)>,
    /// Whether it must run in f32, because f16 overflows in it.
    pub force_upcast: bool,
    /// Whether a 1×1 convolution follows the encoder; null means it does not.
    pub use_quant_conv: bool,
    /// Whether a 1×1 convolution precedes the decoder; null means it does not.
    pub use_post_quant_conv: bool,
    /// Whether the coarsest level has attention; null means it does not.
    pub mid_block_add_attention: bool,
}

impl VaeConfig {
    /// Reads and checks `vae/config.json`.
    ///
    /// # Errors
    /// [`crate::Error::Config`] where a field asks for something that is not built, or for dimensions that do not fit each
    /// other.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        Self::read(Fields::new("vae", &object("vae", json)?))
    }

    /// As [`Self::from_json`], from fields that were read.
    ///
    /// # Errors
    /// As there.
    pub fn read(fields: Fields<'_>) -> Result<Self> {
        fixed(fields)?;
        let block_out_channels = fields.list("block_out_channels", &[64], 1..=8)?;
        let levels = block_out_channels.len();
        blocks(fields, "down_block_types", "DownEncoderBlock2D", levels)?;
        blocks(fields, "up_block_types", "UpDecoderBlock2D", levels)?;
        let norm_num_groups = fields.int("norm_num_groups", 32, i64::MIN..=i64::MAX)?;
        for channels in &block_out_channels {
            fields.within("block_out_channels", *channels, 1..=MAX_CHANNELS)?;
            fields.divides("norm_num_groups", norm_num_groups, *channels)?;
        }
        Ok(Self {
            in_channels: fields.int("in_channels", 3, 1..=16)?,
            out_channels: fields.int("out_channels", 3, 1..=16)?,
            layers_per_block: layers(fields, levels)?,
            sample_size: side(fields)?,
            latent_channels: fields.int("latent_channels", 4, 1..=256)?,
            norm_num_groups,
            scaling_factor: fields.float("scaling_factor", 0.18215, 1e-6..=1e6)?,
            shift_factor: match fields.given("shift_factor") {
                None => None,
                Some(_) => Some(fields.float("shift_factor", 0.0, -1e6..=1e6)?),
            },
            normal: normal(fields)?,
            force_upcast: fields.flag("force_upcast", true),
            use_quant_conv: fields.flag("use_quant_conv", true),
            use_post_quant_conv: fields.flag("use_post_quant_conv", true),
            mid_block_add_attention: fields.flag("mid_block_add_attention", true),
            block_out_channels,
        })
    }

    /// The same without its `shift_factor`, which the pipelines of Stable Diffusion and SDXL do not read (diffusers 0.42).
    #[must_use]
    pub fn without_shift(&self) -> Self {
        Self {
            shift_factor: None,
            ..self.clone()
        }
    }

    /// Pixels that one latent stands for, along each side: 8 for four levels.
    pub fn factor(&self) -> i64 {
        1 << self.block_out_channels.len().saturating_sub(1).min(8)
    }

    /// Side of a tile in latents, as diffusers has it (`AutoencoderKL.tile_latent_min_size`).
    pub fn tile(&self) -> i64 {
        (self.sample_size / self.factor()).max(1)
    }

    /// What its latents mean.
    pub fn latents(&self) -> Latents {
        Latents {
            channels: self.latent_channels as u32,
            factor: self.factor() as u32,
            scale: self.scaling_factor,
            shift: self.shift_factor.unwrap_or_default(),
        }
    }

    /// What its residual blocks are built with.
    pub fn resnet(&self) -> ResnetDims {
        ResnetDims {
            groups: self.norm_num_groups,
            eps: EPS,
            temb_channels: None,
        }
    }

    /// Channels of the level of pixels.
    pub fn finest(&self) -> i64 {
        self.block_out_channels[0]
    }

    /// Channels of the level of latents.
    pub fn coarsest(&self) -> i64 {
        self.block_out_channels[self.block_out_channels.len() - 1]
    }
}

/// Fields that change the network and of which only these values are built.
fn fixed(fields: Fields<'_>) -> Result<()> {
    super::unet::silu(fields)
}

/// Mean and standard deviation of each channel; none where they would change nothing. As in diffusers, one alone counts for
/// nothing.
fn normal(fields: Fields<'_>) -> Result<Option<(Vec<f64>, Vec<f64>)>> {
    let channels = fields.int("latent_channels", 4, 1..=256)? as usize;
    let list = |field: &str, range: std::ops::RangeInclusive<f64>| -> Result<Option<Vec<f64>>> {
        let Some(value) = fields.given(field) else {
            return Ok(None);
        };
        let numbers = value
            .as_array()
            .map(|list| list.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>());
        let Some(Some(numbers)) = numbers else {
            return Err(fields.wrong(field, value, "a list of numbers"));
        };
        if numbers.len() != channels {
            let what = format!("must have {channels} entries, as many as latent_channels.");
            return Err(fields.error(field, what));
        }
        for number in &numbers {
            fields.within(field, *number, range.clone())?;
        }
        Ok(Some(numbers))
    };
    let mean = list("latents_mean", -1e6..=1e6)?;
    let std = list("latents_std", 1e-6..=1e6)?;
    let moves = |mean: &[f64], std: &[f64]| mean.iter().any(|n| *n != 0.0) || std.iter().any(|n| *n != 1.0);
    Ok(mean.zip(std).filter(|(mean, std)| moves(mean, std)))
}

/// One number for all levels; a list of equal ones counts as that.
fn layers(fields: Fields<'_>, levels: usize) -> Result<i64> {
    let each = fields.each("layers_per_block", 1, levels, 1..=32)?;
    match each.iter().find(|n| **n != each[0]) {
        None => Ok(each[0]),
        Some(_) => Err(fields.error(
            "layers_per_block",
            format!("{each:?} is not supported, only equal values."),
        )),
    }
}

/// A side, or the first of two; null is the default, as only tiles depend on it.
fn side(fields: Fields<'_>) -> Result<i64> {
    const RANGE: std::ops::RangeInclusive<i64> = 1..=65_536;
    match fields.get("sample_size") {
        Some(Value::Null) => Ok(32),
        Some(Value::Array(_)) => {
            let sides = fields.list("sample_size", &[], 2..=2)?;
            fields.within("sample_size", sides[0], RANGE)
        }
        _ => fields.int("sample_size", 32, RANGE),
    }
}

fn blocks(fields: Fields<'_>, field: &str, only: &str, levels: usize) -> Result<()> {
    let types = fields.texts(field, &[only])?;
    if let Some(other) = types.iter().find(|t| super::unet::plain_type(t) != only) {
        let other = crate::shown::Shown(other);
        return Err(fields.error(field, format!("\"{other}\" is not supported, only {only}.")));
    }
    if types.len() != levels {
        let what = format!("must have {levels} entries, as many as block_out_channels.");
        return Err(fields.error(field, what));
    }
    Ok(())
}
