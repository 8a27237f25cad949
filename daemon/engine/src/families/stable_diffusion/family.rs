//! Stable Diffusion 1.x as a family: CLIP's last layer as conditioning, noise by a table of betas, `AutoencoderKL` latents.

use std::rc::Rc;

use darkroom_formats::card::scheduler_config;
use darkroom_formats::family::{self, detect_folder};
use darkroom_formats::folder::{Files, Folder};
use darkroom_formats::schema::{Fields, StableDiffusion};
use darkroom_protocol::ModelTask;
use tch::Tensor;

use super::keys::{from_ldm, to_ldm};
use super::{AutoencoderKl, UNet2DConditionModel};
use crate::model::{Component, ComponentKind, Cond, Encoded, Family, LatentSpace, Model, Part, SamplingWish};
use crate::sampling::{Plan, SchedulerConfig, plan};
use crate::text::clip::ClipTextModel;
use crate::text::{Encoder, Select, Tokenizer};
use crate::weights::Piece;
use crate::{Cancel, Result};

const TEXT_ENCODER: &str = "text_encoder";

/// A model of Stable Diffusion 1.x.
#[derive(Debug)]
pub struct StableDiffusion1 {
    components: [Component; 3],
    tokenizer: Tokenizer,
    scheduler: SchedulerConfig,
    latents: LatentSpace,
    task: ModelTask,
}

impl StableDiffusion1 {
    /// The model in `folder`; `None` when its pipeline is another family's.
    ///
    /// # Errors
    /// What speaks against it, in words.
    pub fn open(folder: &Folder, files: &dyn Files) -> Result<Option<Box<dyn Family>>> {
        let family = family::Family::StableDiffusion1;
        // Who asks all families tells why none fits.
        if detect_folder(folder).ok() != Some(family) {
            return Ok(None);
        }
        let parts = StableDiffusion::read(folder)?;
        let encoder = Encoder {
            rows: parts.text_encoder.vocab_size,
            positions: parts.text_encoder.max_position_embeddings,
        };
        let scheduler = scheduler_config(folder, family)?;
        Ok(Some(Box::new(Self {
            tokenizer: Tokenizer::in_folder(files, "tokenizer", encoder)?,
            scheduler: SchedulerConfig::read(Fields::new("scheduler", &scheduler))?,
            task: parts.task(),
            latents: LatentSpace {
                kind: parts.vae.latents(),
                tile: parts.vae.tile() as u32,
            },
            components: [
                Component::new(
                    TEXT_ENCODER,
                    ComponentKind::TextEncoder,
                    parts.text_encoder,
                    |weights, config| Ok(Part::TextEncoder(Rc::new(ClipTextModel::new(weights, config)?))),
                ),
                Component::new("unet", ComponentKind::Denoiser, parts.unet, |weights, config| {
                    Ok(Part::Denoiser(Rc::new(UNet2DConditionModel::new(weights, config)?)))
                })
                .quantised(),
                Component::new("vae", ComponentKind::Autoencoder, parts.vae, |weights, config| {
                    Ok(Part::Autoencoder(Rc::new(AutoencoderKl::new(weights, config)?)))
                }),
            ],
        })))
    }
}

impl Family for StableDiffusion1 {
    fn components(&self) -> &[Component] {
        &self.components
    }

    fn spell(&self, component: &str, key: &str) -> Vec<Piece> {
        from_ldm(component, key).map(Piece::whole).into_iter().collect()
    }

    fn spelling(&self, component: &str, name: &str) -> Option<String> {
        to_ldm(component, name)
    }

    fn latents(&self) -> LatentSpace {
        self.latents
    }

    fn task(&self) -> ModelTask {
        self.task
    }

    fn encode(&self, model: &Model, prompts: &[&str], cancel: &Cancel) -> Result<Vec<Encoded>> {
        let text_encoder = model.text_encoder(TEXT_ENCODER)?;
        let one = |prompt: &&str| {
            cancel.check()?;
            let chunk = self.tokenizer.chunk(prompt)?;
            let ids = Tensor::from_slice(&chunk.ids).unsqueeze(0);
            let hidden = text_encoder.encode(&ids, Select::default(), cancel)?;
            Ok(Encoded {
                cond: Cond::of(hidden.hidden_states),
                notice: chunk.dropped.map(|dropped| self.tokenizer.describe(&dropped)),
            })
        };
        let encoded = prompts.iter().map(one).collect();
        text_encoder.rest();
        encoded
    }

    fn plan(&self, wish: &SamplingWish) -> Result<Plan> {
        let scheduler = self.scheduler.predicting(wish.prediction);
        plan(&scheduler, wish.sampler, wish.schedule, wish.steps)
    }
}
