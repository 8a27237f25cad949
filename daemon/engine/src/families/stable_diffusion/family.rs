//! Stable Diffusion 1.x and 2.x as a family: CLIP's last layer as conditioning, noise by a table of betas, `AutoencoderKL` latents.
//! The second has another text encoder, whose configuration ends with the layer that is read, and in single files other names.

use std::rc::Rc;

use darkroom_formats::card::scheduler_config;
use darkroom_formats::family::{self, detect_folder};
use darkroom_formats::folder::{Files, Folder};
use darkroom_formats::schema::{Fields, StableDiffusion};
use darkroom_protocol::ModelTask;

use super::keys::Spelling;
use super::open_clip::OpenClip;
use super::{AutoencoderKl, UNet2DConditionModel};
use crate::model::{Component, ComponentKind, Cond, Encoded, Family, LatentSpace, Model, Part, SamplingWish};
use crate::prompt::{Path, Wording, encode};
use crate::sampling::{Plan, SchedulerConfig, plan};
use crate::text::clip::ClipTextModel;
use crate::text::{Encoder, Select, Tokenizer};
use crate::weights::Piece;
use crate::{Cancel, Result};

const TEXT_ENCODER: &str = "text_encoder";

/// A model of Stable Diffusion 1.x or 2.x.
#[derive(Debug)]
pub struct StableDiffusion1 {
    components: [Component; 3],
    tokenizer: Tokenizer,
    /// Of the text encoder's token embeddings.
    width: i64,
    scheduler: SchedulerConfig,
    latents: LatentSpace,
    spelling: Spelling,
    task: ModelTask,
    embeds_guidance: bool,
}

impl StableDiffusion1 {
    /// The model in `folder`; `None` when its pipeline is another family's.
    ///
    /// # Errors
    /// What speaks against it, in words.
    pub fn open(folder: &Folder, files: &dyn Files) -> Result<Option<Box<dyn Family>>> {
        use family::Family::{StableDiffusion1 as First, StableDiffusion2 as Second};
        // Who asks all families tells why none fits.
        let Some(family @ (First | Second)) = detect_folder(folder).ok() else {
            return Ok(None);
        };
        let parts = StableDiffusion::read(folder)?;
        let encoder = Encoder {
            rows: parts.text_encoder.vocab_size,
            positions: parts.text_encoder.max_position_embeddings,
        };
        let scheduler = scheduler_config(folder, family)?;
        let open_clip = OpenClip {
            layers: parts.text_encoder.num_hidden_layers,
            projects: false,
        };
        let open_clip = (family == Second).then_some((TEXT_ENCODER, open_clip));
        Ok(Some(Box::new(Self {
            tokenizer: Tokenizer::in_folder(files, "tokenizer", encoder)?,
            width: parts.text_encoder.hidden_size,
            scheduler: SchedulerConfig::read(Fields::new("scheduler", &scheduler))?,
            task: parts.task(),
            embeds_guidance: parts.unet.time_cond_proj_dim.is_some(),
            latents: LatentSpace {
                kind: parts.vae.latents(),
                tile: parts.vae.tile() as u32,
            },
            spelling: Spelling::new(&parts.unet, &parts.vae, open_clip.as_slice()),
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
        self.spelling.spell(component, key)
    }

    fn spelling(&self, component: &str, name: &str) -> Option<String> {
        self.spelling.spelling(component, name)
    }

    fn latents(&self) -> LatentSpace {
        self.latents
    }

    fn can_be_seamless(&self) -> bool {
        true
    }

    fn task(&self) -> ModelTask {
        self.task
    }

    fn embeds_guidance(&self) -> bool {
        self.embeds_guidance
    }

    fn encode(&self, model: &Model, prompts: &[Wording], cancel: &Cancel) -> Result<Vec<Encoded>> {
        let path = Path {
            tokenizer: &self.tokenizer,
            encoder: model.text_encoder(TEXT_ENCODER)?,
            select: Select::default(),
            skips: true,
            width: self.width,
        };
        let paths = [path];
        let one = |prompt: &Wording| {
            Ok(Encoded {
                cond: Cond::of(encode(&paths, prompt, cancel)?.joined()?),
                notice: None,
            })
        };
        let encoded = prompts.iter().map(one).collect();
        paths[0].encoder.rest();
        encoded
    }

    fn plan(&self, wish: &SamplingWish) -> Result<Plan> {
        let scheduler = self.scheduler.predicting(wish.prediction);
        plan(&scheduler, wish.sampler, wish.schedule, wish.steps)
    }
}
