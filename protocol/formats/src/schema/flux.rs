//! `transformer/config.json` of FLUX.1 and Chroma, and the parts of such a model together. One transformer serves both: FLUX.1's blocks
//! make their modulations of a time embedding themselves, Chroma's are given theirs by one network beside them, the approximator.

use darkroom_protocol::ModelTask;
use serde_json::Value;

use super::fields::Fields;
use super::parts::part;
use super::{ClipTextConfig, T5Config, VaeConfig, object};
use crate::Result;
use crate::folder::Folder;

/// The greatest width of anything.
const WIDEST: i64 = 65_536;
/// Latents that make a token, along each side.
const PATCH: i64 = 2;

/// `FluxTransformer2DModel`, or `ChromaTransformer2DModel`. Missing fields have diffusers' defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct FluxConfig {
    /// Numbers of a token: of its latents, and in some variants of what else the model is shown.
    pub in_channels: i64,
    /// Numbers that are predicted for a token.
    pub out_channels: i64,
    /// Blocks in which prompt and picture have weights of their own.
    pub num_layers: i64,
    /// Blocks in which they share them.
    pub num_single_layers: i64,
    /// Width of a head.
    pub attention_head_dim: i64,
    /// Heads.
    pub num_attention_heads: i64,
    /// Width of the prompt's states.
    pub joint_attention_dim: i64,
    /// Numbers of a head that belong to each axis of places, even each.
    pub axes_dims_rope: [i64; 3],
    /// How the blocks are modulated.
    pub modulation: Modulation,
}

/// What the blocks' shifts, scales and gates come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Modulation {
    /// FLUX.1: of the time, the prompt's pooled state of that width, and maybe the guidance.
    Own {
        /// Width of the pooled state.
        pooled_projection_dim: i64,
        /// Whether the model is told how closely to follow the prompt.
        guidance_embeds: bool,
    },
    /// Chroma: of the time alone, by one network for all blocks.
    Approximator {
        /// Numbers that it is told for each modulation; a multiple of 4.
        channels: i64,
        /// Its width.
        hidden_dim: i64,
        /// Its layers.
        layers: i64,
    },
}

impl FluxConfig {
    /// Reads and checks a FLUX.1's `transformer/config.json`.
    ///
    /// # Errors
    /// [`crate::Error::Config`] where a field asks for something that is not built, or for dimensions that do not fit each other.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        Self::read(Fields::new("transformer", &object("transformer", json)?))
    }

    /// As [`Self::from_json`], of a Chroma.
    ///
    /// # Errors
    /// As there.
    pub fn chroma_from_json(json: &[u8]) -> Result<Self> {
        Self::read_chroma(Fields::new("transformer", &object("transformer", json)?))
    }

    /// As [`Self::from_json`], from fields that were read.
    ///
    /// # Errors
    /// As there.
    pub fn read(fields: Fields<'_>) -> Result<Self> {
        let modulation = Modulation::Own {
            pooled_projection_dim: fields.int("pooled_projection_dim", 768, 1..=WIDEST)?,
            guidance_embeds: fields.flag("guidance_embeds", false),
        };
        Self::with(fields, modulation)
    }

    /// As [`Self::read`], of a Chroma. Early configurations have a fourth of the channels, as `approximator_in_factor`.
    ///
    /// # Errors
    /// As there.
    pub fn read_chroma(fields: Fields<'_>) -> Result<Self> {
        let early = 4 * fields.int("approximator_in_factor", 16, 1..=WIDEST)?;
        let channels = fields.int("approximator_num_channels", early, 4..=WIDEST)?;
        fields.divides("approximator_num_channels", 4, channels)?;
        let modulation = Modulation::Approximator {
            channels,
            hidden_dim: fields.int("approximator_hidden_dim", 5120, 1..=WIDEST)?,
            layers: fields.int("approximator_layers", 5, 0..=64)?,
        };
        Self::with(fields, modulation)
    }

    fn with(fields: Fields<'_>, modulation: Modulation) -> Result<Self> {
        fields.only("patch_size", &[Value::from(1)])?;
        let in_channels = fields.int("in_channels", 64, 1..=WIDEST)?;
        let out_channels = match fields.given("out_channels") {
            None => in_channels,
            Some(_) => fields.int("out_channels", in_channels, 1..=WIDEST)?,
        };
        let axes = fields.list("axes_dims_rope", &[16, 56, 56], 3..=3)?;
        let config = Self {
            in_channels,
            out_channels,
            num_layers: fields.int("num_layers", 19, 0..=256)?,
            num_single_layers: fields.int("num_single_layers", 38, 0..=256)?,
            attention_head_dim: fields.int("attention_head_dim", 128, 2..=1024)?,
            num_attention_heads: fields.int("num_attention_heads", 24, 1..=256)?,
            joint_attention_dim: fields.int("joint_attention_dim", 4096, 1..=WIDEST)?,
            axes_dims_rope: <[i64; 3]>::try_from(axes).unwrap_or_default(),
            modulation,
        };
        let axes = config.axes_dims_rope;
        let even = axes.iter().all(|axis| (0..=1024).contains(axis) && axis % 2 == 0);
        match even && axes.iter().sum::<i64>() == config.attention_head_dim {
            true => Ok(config),
            false => Err(fields.error(
                "axes_dims_rope",
                format!(
                    "{axes:?} are not even numbers that make the {} of a head.",
                    config.attention_head_dim
                ),
            )),
        }
    }

    /// Width of the blocks' states.
    pub fn hidden(&self) -> i64 {
        self.attention_head_dim * self.num_attention_heads
    }

    /// Whether it is told how closely to follow the prompt.
    pub fn is_told_guidance(&self) -> bool {
        matches!(
            self.modulation,
            Modulation::Own {
                guidance_embeds: true,
                ..
            }
        )
    }
}

/// The parts of a FLUX.1 or a Chroma, which fit each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Flux {
    /// `transformer/config.json`.
    pub transformer: FluxConfig,
    /// `vae/config.json`.
    pub vae: VaeConfig,
    /// `text_encoder/config.json` of a FLUX.1, of which the pooled state is read; a Chroma has none such.
    pub clip: Option<ClipTextConfig>,
    /// `text_encoder_2/config.json` of a FLUX.1, `text_encoder/config.json` of a Chroma.
    pub t5: T5Config,
}

impl Flux {
    /// What the configurations in `folder` say of a FLUX.1.
    ///
    /// # Errors
    /// [`crate::Error::Config`] with the part and the field, for one that cannot be built and for parts that do not fit each other;
    /// [`crate::Error::NoComponent`].
    pub fn read(folder: &Folder) -> Result<Self> {
        Self::checked(
            folder,
            Self {
                transformer: part(folder, "transformer", FluxConfig::read)?,
                vae: part(folder, "vae", VaeConfig::read)?,
                clip: Some(part(folder, "text_encoder", ClipTextConfig::read)?),
                t5: part(folder, "text_encoder_2", T5Config::read)?,
            },
        )
    }

    /// The same of a Chroma.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_chroma(folder: &Folder) -> Result<Self> {
        Self::checked(
            folder,
            Self {
                transformer: part(folder, "transformer", FluxConfig::read_chroma)?,
                vae: part(folder, "vae", VaeConfig::read)?,
                clip: None,
                t5: part(folder, "text_encoder", T5Config::read)?,
            },
        )
    }

    /// What the denoiser of `folder` reads beside the noisy latents. Kontext's tensors are those of dev: its pipeline says which it is.
    pub fn task(&self, folder: &Folder) -> ModelTask {
        match self.transformer.in_channels == self.token() {
            true if folder.class.contains("Kontext") => ModelTask::Reference,
            true => ModelTask::Generate,
            false => ModelTask::Inpaint,
        }
    }

    /// Numbers of a token's latents.
    fn token(&self) -> i64 {
        PATCH * PATCH * self.vae.latent_channels
    }

    /// Itself, where the transformer takes what the other parts make.
    fn checked(folder: &Folder, all: Self) -> Result<Self> {
        let (own, token) = (&all.transformer, all.token());
        // Of a mask each pixel is told.
        let side = PATCH * all.vae.factor();
        let fills = 2 * token + side * side;
        part(folder, "transformer", |fields| {
            let reads = [token, fills].contains(&own.in_channels);
            for (field, numbers, fits) in [
                ("in_channels", own.in_channels, reads),
                ("out_channels", own.out_channels, own.out_channels == token),
            ] {
                if !fits {
                    let what = format!(
                        "is {numbers}, and a token of the VAE's latents has {token} numbers, {fills} where a mask is filled: models \
                         for other tasks, such as those that follow depth or edges, are not built."
                    );
                    return Err(fields.error(field, what));
                }
            }
            if own.joint_attention_dim != all.t5.d_model {
                let what = format!(
                    "is {}, T5's d_model is {}: the parts are not of one model.",
                    own.joint_attention_dim, all.t5.d_model
                );
                return Err(fields.error("joint_attention_dim", what));
            }
            match (&own.modulation, &all.clip) {
                (
                    Modulation::Own {
                        pooled_projection_dim, ..
                    },
                    Some(clip),
                ) if *pooled_projection_dim != clip.hidden_size => {
                    let what = format!(
                        "is {pooled_projection_dim}, CLIP's hidden_size is {}: the parts are not of one model.",
                        clip.hidden_size
                    );
                    Err(fields.error("pooled_projection_dim", what))
                }
                _ => Ok(()),
            }
        })?;
        Ok(all)
    }
}
