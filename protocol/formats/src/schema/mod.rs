//! What the configuration files of a model's parts say, each field checked and resolved.
//!
//! This is the one reading of them: the catalogue lists a model by it and the engine builds the model by it, so that
//! what is listed as usable can be built. The measure is what diffusers 0.42 and transformers 5 take: a null is off
//! where they test for truth, absent where they test for None, and an error that names the field where they fail.
//! Weights are not looked at here.

mod clip;
mod fields;
mod scheduler;
mod unet;
mod vae;

use serde_json::{Map, Value};

pub use clip::{Activation, ClipTextConfig};
use darkroom_protocol::ModelTask;
pub use darkroom_protocol::Prediction;
pub(crate) use fields::whole;
pub use fields::{Fields, truth};
pub use scheduler::{BetaSchedule, FinalSigma, SchedulerConfig, Spacing};
pub use unet::{Level, MidBlock, ResnetDims, TransformerDims, UNetConfig};
pub use vae::VaeConfig;

use crate::Result;
use crate::folder::Folder;

/// The largest configuration that is read, in bytes.
const MAX_JSON: usize = crate::json::MAX_CONFIG as usize;

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
        let place = |name: &str| format!("{}: {name}", folder.place);
        let config = |name: &str| -> Result<(String, &Map<String, Value>)> {
            Ok((place(name), &folder.component(name)?.config))
        };
        let (unet_at, unet) = config("unet")?;
        let (vae_at, vae) = config("vae")?;
        let (text_at, text) = config("text_encoder")?;
        let all = Self {
            unet: UNetConfig::read(Fields::new(&unet_at, unet))?,
            vae: VaeConfig::read(Fields::new(&vae_at, vae))?,
            text_encoder: ClipTextConfig::read(Fields::new(&text_at, text))?,
            scheduler: SchedulerConfig::read(Fields::new(&place("scheduler"), &folder.scheduler.config))?,
        };
        all.fit(Fields::new(&unet_at, unet))?;
        Ok(all)
    }

    /// What the denoiser reads beside the noisy latents.
    pub fn task(&self) -> ModelTask {
        match self.unet.in_channels - self.vae.latent_channels {
            0 => ModelTask::Generate,
            more if more == self.vae.latent_channels => ModelTask::Edit,
            _ => ModelTask::Inpaint,
        }
    }

    /// Whether the denoiser takes what the other two parts make.
    fn fit(&self, unet: Fields<'_>) -> Result<()> {
        let Self {
            unet: config,
            vae,
            text_encoder,
            ..
        } = self;
        let latents = vae.latent_channels;
        // Beside the latents a mask and the masked picture's, or those of the picture to edit.
        let takes = [latents, 2 * latents + 1, 2 * latents];
        let inputs = takes.into_iter().find(|takes| *takes == config.in_channels);
        for (field, channels, takes) in [
            ("in_channels", config.in_channels, inputs.unwrap_or(latents)),
            ("out_channels", config.out_channels, latents),
        ] {
            if channels != takes {
                let what =
                    format!("{channels} channels, the VAE's latents have {latents}: the parts are not of one model.");
                return Err(unet.error(field, what));
            }
        }
        if config.cross_attention_dim != text_encoder.hidden_size {
            let (takes, gives) = (config.cross_attention_dim, text_encoder.hidden_size);
            let what =
                format!("is {takes}, the text encoder's hidden_size is {gives}: the parts are not of one model.");
            return Err(unet.error("cross_attention_dim", what));
        }
        Ok(())
    }
}

/// The object that `json` spells, as [`Fields`] of `component` read it.
fn object(component: &str, json: &[u8]) -> Result<Map<String, Value>> {
    let wrong = |what: String| crate::Error::Config {
        place: component.to_owned(),
        field: "file".to_owned(),
        what,
    };
    if json.len() > MAX_JSON {
        return Err(wrong(format!("is {} bytes, more than a config ever has.", json.len())));
    }
    crate::json::object(json).map_err(|problem| wrong(format!("is not a JSON object: {problem}.")))
}

#[cfg(test)]
mod tests;
