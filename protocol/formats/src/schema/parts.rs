//! The parts of a model together: each configuration read, and whether they fit each other. The card (`card/build.rs`) and the
//! engine's families ask for them by the model's family; what a single configuration says is read beside this file.

use darkroom_protocol::ModelTask;
use serde_json::{Map, Value};

use super::{ClipTextConfig, Fields, SchedulerConfig, TextTime, UNetConfig, VaeConfig};
use crate::Result;
use crate::folder::Folder;

/// The parts of a Stable Diffusion 1.x or 2.x, which fit each other.
#[derive(Clone, Debug, PartialEq)]
pub struct StableDiffusion {
    /// `unet/config.json`.
    pub unet: UNetConfig,
    /// `vae/config.json`.
    pub vae: VaeConfig,
    /// `text_encoder/config.json`.
    pub text_encoder: ClipTextConfig,
    /// `scheduler/scheduler_config.json`.
    pub scheduler: SchedulerConfig,
}

impl StableDiffusion {
    /// What the configurations in `folder` say.
    ///
    /// # Errors
    /// [`crate::Error::Config`] with the part and the field, for one that cannot be built and for parts that do not fit each
    /// other; [`crate::Error::NoComponent`].
    pub fn read(folder: &Folder) -> Result<Self> {
        let all = Self {
            unet: part(folder, "unet", UNetConfig::read)?,
            vae: part(folder, "vae", VaeConfig::read)?.without_shift(),
            text_encoder: part(folder, "text_encoder", ClipTextConfig::read)?,
            scheduler: scheduler(folder)?,
        };
        part(folder, "unet", |unet| {
            fit(
                unet,
                &all.unet,
                &all.vae,
                all.text_encoder.hidden_size,
                "the text encoder's hidden_size is",
            )
        })?;
        Ok(all)
    }

    /// What the denoiser reads beside the noisy latents.
    pub fn task(&self) -> ModelTask {
        task(&self.unet, &self.vae)
    }
}

fn task(unet: &UNetConfig, vae: &VaeConfig) -> ModelTask {
    match unet.in_channels - vae.latent_channels {
        0 => ModelTask::Generate,
        more if more == vae.latent_channels => ModelTask::Edit,
        _ => ModelTask::Inpaint,
    }
}

/// The parts of an SDXL, of its refiner, or of one of their kin, which fit each other.
#[derive(Clone, Debug, PartialEq)]
pub struct StableDiffusionXl {
    /// `unet/config.json`.
    pub unet: UNetConfig,
    /// What it is told beside prompt and time.
    pub addition: TextTime,
    /// `vae/config.json`.
    pub vae: VaeConfig,
    /// `text_encoder/config.json`; the refiner has none.
    pub text_encoder: Option<ClipTextConfig>,
    /// `text_encoder_2/config.json`, whose pooled state counts.
    pub text_encoder_2: ClipTextConfig,
    /// `scheduler/scheduler_config.json`.
    pub scheduler: SchedulerConfig,
    /// Whether a negative prompt that is not given is zeros rather than an empty text (`force_zeros_for_empty_prompt`).
    pub zeros_for_empty: bool,
    /// Whether the picture to edit is shown to the denoiser as latents are scaled for it, as CosXL's form for editing has it
    /// (`is_cosxl_edit`).
    pub edits_scaled: bool,
}

impl StableDiffusionXl {
    /// What the configurations in `folder` say.
    ///
    /// # Errors
    /// As [`StableDiffusion::read`].
    pub fn read(folder: &Folder) -> Result<Self> {
        let unet = part(folder, "unet", UNetConfig::read)?;
        let text_encoder_2 = part(folder, "text_encoder_2", ClipTextConfig::read_projected)?;
        let first = folder.components.contains_key("text_encoder");
        let text_encoder = first
            .then(|| part(folder, "text_encoder", ClipTextConfig::read))
            .transpose()?;
        let vae = part(folder, "vae", VaeConfig::read)?.without_shift();
        let addition = part(folder, "unet", |fields| {
            let width = text_encoder_2.hidden_size + text_encoder.as_ref().map_or(0, |one| one.hidden_size);
            fit(fields, &unet, &vae, width, "the text encoders' hidden_size together is")?;
            addition(fields, &unet, &text_encoder_2)
        })?;
        let zeros = folder.index.get("force_zeros_for_empty_prompt");
        Ok(Self {
            unet,
            addition,
            vae,
            text_encoder,
            text_encoder_2,
            scheduler: scheduler(folder)?,
            // The pipelines' own default.
            zeros_for_empty: zeros.is_none_or(super::truth),
            edits_scaled: folder.index.get("is_cosxl_edit").is_some_and(super::truth),
        })
    }

    /// What the denoiser reads beside the noisy latents.
    pub fn task(&self) -> ModelTask {
        task(&self.unet, &self.vae)
    }

    /// Numbers that the denoiser is told: 6 sizes and places, or 4 of them and how good the picture is to look.
    pub fn numbers(&self) -> i64 {
        let pooled = self.text_encoder_2.projection_dim.unwrap_or_default();
        (self.addition.inputs - pooled) / self.addition.time_dim
    }
}

/// What an SDXL UNet is told beside prompt and time.
fn addition(fields: Fields<'_>, unet: &UNetConfig, encoder: &ClipTextConfig) -> Result<TextTime> {
    let Some(addition) = unet.addition else {
        return Err(fields.error("addition_embed_type", "is missing; in SDXL it is \"text_time\"."));
    };
    let pooled = encoder.projection_dim.unwrap_or_default();
    let numbers = addition.inputs - pooled;
    match [5, 6].iter().any(|n| n * addition.time_dim == numbers) {
        true => Ok(addition),
        false => Err(fields.error(
            "projection_class_embeddings_input_dim",
            format!(
                "{} is not the {pooled} of text_encoder_2's projection and 5 or 6 times {}: the parts are not of one model.",
                addition.inputs, addition.time_dim
            ),
        )),
    }
}

/// Whether the denoiser takes what the other parts make: latents of `vae`, prompts of `width`.
fn fit(fields: Fields<'_>, unet: &UNetConfig, vae: &VaeConfig, width: i64, whose: &str) -> Result<()> {
    let latents = vae.latent_channels;
    // Beside the latents there are forms that read a mask and the masked picture's, or those of the picture to edit.
    let reads = [2 * latents + 1, 2 * latents];
    let more = reads.contains(&unet.in_channels);
    let inputs = if more { unet.in_channels } else { latents };
    for (field, channels, takes) in [
        ("in_channels", unet.in_channels, inputs),
        ("out_channels", unet.out_channels, latents),
    ] {
        if channels != takes {
            let what =
                format!("{channels} channels, the VAE's latents have {latents}: the parts are not of one model.");
            return Err(fields.error(field, what));
        }
    }
    if unet.cross_attention_dim != width {
        let takes = unet.cross_attention_dim;
        let what = format!("is {takes}, {whose} {width}: the parts are not of one model.");
        return Err(fields.error("cross_attention_dim", what));
    }
    Ok(())
}

fn scheduler(folder: &Folder) -> Result<SchedulerConfig> {
    let place = format!("{}: scheduler", folder.place);
    SchedulerConfig::read(Fields::new(&place, &folder.scheduler.config))
}

/// Reads the fields of the component `name`, which errors say where they are.
pub(super) fn part<T>(folder: &Folder, name: &str, read: impl FnOnce(Fields<'_>) -> Result<T>) -> Result<T> {
    let place = format!("{}: {name}", folder.place);
    let config: &Map<String, Value> = &folder.component(name)?.config;
    read(Fields::new(&place, config))
}
