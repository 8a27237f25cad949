use darkroom_formats::card::Latents;
use serde::Deserialize;
use serde_json::{Value, json};

use super::resnet::ResnetDims;
use crate::Result;
use crate::families::ConfigReader;

const CONFIG: ConfigReader = ConfigReader::new("vae");
const EPS: f64 = 1e-6;

/// `vae/config.json`. Missing fields have diffusers' defaults (`AutoencoderKL.__init__`).
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(default)]
pub struct VaeConfig {
    /// Channels of the picture that is encoded.
    pub in_channels: i64,
    /// Channels of the picture that is decoded.
    pub out_channels: i64,
    /// One `DownEncoderBlock2D` a level.
    pub down_block_types: Vec<String>,
    /// One `UpDecoderBlock2D` a level.
    pub up_block_types: Vec<String>,
    /// Channels of each level, finest first.
    pub block_out_channels: Vec<i64>,
    /// Residual blocks of each level in the encoder; there is one more in the decoder.
    pub layers_per_block: i64,
    /// Side of the pictures it was trained on, in pixels: that of a tile.
    #[serde(deserialize_with = "side")]
    pub sample_size: i64,
    /// Channels of the latents.
    pub latent_channels: i64,
    /// Groups of every group normalisation.
    pub norm_num_groups: i64,
    /// What latents are multiplied by on their way to the denoiser.
    pub scaling_factor: f64,
    /// What is taken from latents before they are scaled.
    pub shift_factor: Option<f64>,
    /// Whether it must run in f32, because f16 overflows in it.
    pub force_upcast: bool,
    /// Whether a 1×1 convolution follows the encoder.
    pub use_quant_conv: bool,
    /// Whether a 1×1 convolution precedes the decoder.
    pub use_post_quant_conv: bool,
    /// Whether the coarsest level has attention.
    pub mid_block_add_attention: bool,
}

/// A side, or the first of two.
fn side<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Sides {
        One(i64),
        Two((i64, i64)),
    }
    Ok(match Sides::deserialize(deserializer)? {
        Sides::One(side) | Sides::Two((side, _)) => side,
    })
}

impl Default for VaeConfig {
    fn default() -> Self {
        Self {
            in_channels: 3,
            out_channels: 3,
            down_block_types: vec!["DownEncoderBlock2D".to_owned()],
            up_block_types: vec!["UpDecoderBlock2D".to_owned()],
            block_out_channels: vec![64],
            layers_per_block: 1,
            sample_size: 32,
            latent_channels: 4,
            norm_num_groups: 32,
            scaling_factor: 0.18215,
            shift_factor: None,
            force_upcast: true,
            use_quant_conv: true,
            use_post_quant_conv: true,
            mid_block_add_attention: true,
        }
    }
}

impl VaeConfig {
    /// Reads and checks `vae/config.json`.
    ///
    /// # Errors
    /// `Error::Config` where a field asks for something that is not built, or for dimensions that do not fit each other.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        let silu = [json!("silu"), json!("swish")];
        let null = [Value::Null];
        let accepted = [
            ("act_fn", &silu[..]),
            ("latents_mean", &null[..]),
            ("latents_std", &null[..]),
        ];
        let config: Self = CONFIG.read(json, &accepted)?;
        config.check()?;
        Ok(config)
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

    /// Checks every number.
    pub(super) fn check(&self) -> Result<()> {
        let levels = CONFIG.within("block_out_channels", self.block_out_channels.len(), 1..=8)?;
        self.check_blocks("down_block_types", &self.down_block_types, "DownEncoderBlock2D", levels)?;
        self.check_blocks("up_block_types", &self.up_block_types, "UpDecoderBlock2D", levels)?;
        for channels in &self.block_out_channels {
            CONFIG.within("block_out_channels", *channels, 1..=16_384)?;
            CONFIG.divides("norm_num_groups", self.norm_num_groups, *channels)?;
        }
        CONFIG.within("in_channels", self.in_channels, 1..=16)?;
        CONFIG.within("out_channels", self.out_channels, 1..=16)?;
        CONFIG.within("sample_size", self.sample_size, 1..=65_536)?;
        CONFIG.within("latent_channels", self.latent_channels, 1..=256)?;
        CONFIG.within("layers_per_block", self.layers_per_block, 1..=32)?;
        CONFIG.within("scaling_factor", self.scaling_factor, 1e-6..=1e6)?;
        CONFIG.within("shift_factor", self.shift_factor.unwrap_or_default(), -1e6..=1e6)?;
        Ok(())
    }

    fn check_blocks(&self, field: &str, types: &[String], only: &str, levels: usize) -> Result<()> {
        if let Some(other) = types.iter().find(|t| *t != only) {
            return Err(CONFIG.error(field, format!("{other:?} is not supported, only {only}.")));
        }
        if types.len() != levels {
            let what = format!("must have {levels} entries, as many as block_out_channels.");
            return Err(CONFIG.error(field, what));
        }
        Ok(())
    }

    pub(super) fn resnet(&self) -> ResnetDims {
        ResnetDims {
            groups: self.norm_num_groups,
            eps: EPS,
            temb_channels: None,
        }
    }

    pub(super) fn finest(&self) -> i64 {
        self.block_out_channels[0]
    }

    pub(super) fn coarsest(&self) -> i64 {
        self.block_out_channels[self.block_out_channels.len() - 1]
    }
}
