//! SDXL and its refiner as a family (Podell et al. 2023, arXiv 2307.01952): one or two CLIP text encoders of which the layer before
//! the last is read, a pooled state, and numbers that tell the denoiser a picture's size. Noise is that of Stable Diffusion 1, or
//! that of Karras et al. 2022 (arXiv 2206.00364). Which models these are is decided in `darkroom_formats::family`; handing latents from one to the other is not
//! done here.

use std::rc::Rc;

use darkroom_formats::card::scheduler_config;
use darkroom_formats::family::{self, detect_folder};
use darkroom_formats::folder::{Files, Folder};
use darkroom_formats::schema::{Fields, StableDiffusionXl as Parts};
use darkroom_protocol::ModelTask;
use tch::Tensor;

use super::keys::Spelling;
use super::open_clip::OpenClip;
use super::unet::TIME_IDS;
use super::{AutoencoderKl, UNet2DConditionModel};
use crate::model::{
    Component, ComponentKind, Cond, Encoded, Family, LatentSpace, Model, Part, Passage, SamplingWish, Side,
};
use crate::prompt::{States, Turn, Wording, encode_in_turn};
use crate::sampling::{Plan, SchedulerConfig, plan, plan_edm};
use crate::text::clip::{ClipTextConfig, ClipTextModel};
use crate::text::{Encoder, Select, Tokenizer};
use crate::weights::Piece;
use crate::{Cancel, Error, Result};

/// OpenAI's, which the refiner has not.
const FIRST: &str = "text_encoder";
/// open_clip's, whose pooled state counts.
const SECOND: &str = "text_encoder_2";
/// How good a picture is to look, for the prompt and for what is to be avoided: defaults of diffusers'
/// `StableDiffusionXLImg2ImgPipeline`.
const AESTHETIC: (f64, f64) = (6.0, 2.5);

/// A text encoder and what goes into it.
#[derive(Debug)]
struct Text {
    name: &'static str,
    tokenizer: Tokenizer,
    /// Of its token embeddings.
    width: i64,
}

impl Text {
    /// The way through it, which is 1.4 GB in f16 of the larger one: it is there only while its turn lasts where parts are read as they are
    /// used.
    fn turn<'a>(&'a self, model: &'a Model, skips: bool) -> Turn<'a> {
        Turn {
            tokenizer: &self.tokenizer,
            open: Box::new(|| model.text_encoder(self.name)),
            select: Select {
                skip_layers: 1,
                final_layer_norm: false,
                pooled: self.name == SECOND,
            },
            skips,
            width: self.width,
        }
    }
}

/// A model of SDXL, or its refiner.
#[derive(Debug)]
pub struct StableDiffusionXl {
    components: Vec<Component>,
    /// Its text encoders and their tokenizers, in the order in which their states stand beside each other.
    texts: Vec<Text>,
    scheduler: SchedulerConfig,
    latents: LatentSpace,
    spelling: Spelling,
    /// Whether it is told how good a picture is to look rather than the size that it is to have.
    by_aesthetics: bool,
    zeros_for_empty: bool,
    /// Whether its noise is that of Karras et al. 2022: Playground 2.5 and CosXL.
    edm: bool,
    task: ModelTask,
    edits_scaled: bool,
    embeds_guidance: bool,
}

impl StableDiffusionXl {
    /// The model in `folder`; `None` when its pipeline is another family's.
    ///
    /// # Errors
    /// What speaks against it, in words.
    pub fn open(folder: &Folder, files: &dyn Files) -> Result<Option<Box<dyn Family>>> {
        use family::Family::{StableDiffusionXl as Base, StableDiffusionXlRefiner as Refiner};
        // Who asks all families tells why none fits.
        let Some(family @ (Base | Refiner)) = detect_folder(folder).ok() else {
            return Ok(None);
        };
        let parts = Parts::read(folder)?;
        let scheduler = scheduler_config(folder, family)?;
        let open_clip = OpenClip {
            layers: parts.text_encoder_2.num_hidden_layers,
            projects: true,
        };
        let text = |name, tokenizer: &str, config: &ClipTextConfig| -> Result<Text> {
            let encoder = Encoder {
                rows: config.vocab_size,
                positions: config.max_position_embeddings,
            };
            Ok(Text {
                name,
                tokenizer: Tokenizer::in_folder(files, tokenizer, encoder)?,
                width: config.hidden_size,
            })
        };
        let mut texts = Vec::new();
        if let Some(first) = &parts.text_encoder {
            texts.push(text(FIRST, "tokenizer", first)?);
        }
        texts.push(text(SECOND, "tokenizer_2", &parts.text_encoder_2)?);
        Ok(Some(Box::new(Self {
            texts,
            scheduler: SchedulerConfig::read(Fields::new("scheduler", &scheduler))?,
            latents: LatentSpace {
                kind: parts.vae.latents(),
                tile: parts.vae.tile() as u32,
            },
            spelling: Spelling::new(&parts.unet, &parts.vae, &[(SECOND, open_clip)]),
            by_aesthetics: parts.numbers() == 5,
            zeros_for_empty: parts.zeros_for_empty,
            edm: folder.scheduler.class.starts_with("EDM"),
            task: parts.task(),
            edits_scaled: parts.edits_scaled,
            embeds_guidance: parts.unet.time_cond_proj_dim.is_some(),
            components: components(parts),
        })))
    }

    /// What the denoiser is told of a pass beside the prompt: the size that a picture was cut from, where, and the size that it is
    /// to have, or how good it is to look (`_get_add_time_ids` of diffusers' pipelines, with their defaults).
    fn numbers(&self, passage: &Passage) -> Vec<f64> {
        // Heights come first.
        let turned = |(first, second): (u32, u32)| [f64::from(second), f64::from(first)];
        let own = (passage.width, passage.height);
        let says = &passage.says;
        let score = match passage.side {
            Side::Positive => AESTHETIC.0,
            Side::Negative => AESTHETIC.1,
        };
        let before = turned(says.original.unwrap_or(own)).into_iter();
        let before = before.chain(turned(says.crop.unwrap_or_default()));
        match self.by_aesthetics {
            true => before.chain([says.score.unwrap_or(score)]).collect(),
            false => before.chain(turned(says.target.unwrap_or(own))).collect(),
        }
    }
}

fn components(parts: Parts) -> Vec<Component> {
    let text = |name, config| {
        Component::new(name, ComponentKind::TextEncoder, config, |weights, config| {
            Ok(Part::TextEncoder(Rc::new(ClipTextModel::new(weights, config)?)))
        })
    };
    let first = parts.text_encoder.map(|config| text(FIRST, config));
    let rest = [
        text(SECOND, parts.text_encoder_2),
        Component::new("unet", ComponentKind::Denoiser, parts.unet, |weights, config| {
            Ok(Part::Denoiser(Rc::new(UNet2DConditionModel::new(weights, config)?)))
        })
        .quantised(),
        Component::new("vae", ComponentKind::Autoencoder, parts.vae, |weights, config| {
            Ok(Part::Autoencoder(Rc::new(AutoencoderKl::new(weights, config)?)))
        }),
    ];
    first.into_iter().chain(rest).collect()
}

impl Family for StableDiffusionXl {
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

    fn is_xl(&self) -> bool {
        true
    }

    fn task(&self) -> ModelTask {
        self.task
    }

    fn embeds_guidance(&self) -> bool {
        self.embeds_guidance
    }

    fn edits_scaled(&self) -> bool {
        self.edits_scaled
    }

    fn encode(&self, model: &Model, prompts: &[Wording], cancel: &Cancel) -> Result<Vec<Encoded>> {
        // It was trained on the layer before the last: a clip skip of 1, which others write for "as the model is", says nothing here.
        let skips = prompts.iter().all(|one| one.clip_skip.is_none_or(|skip| skip >= 2.0));
        let turns: Vec<Turn> = self.texts.iter().map(|text| text.turn(model, skips)).collect();
        let one = |mut states: States| {
            Ok(Encoded {
                cond: Cond {
                    pooled: states.pooled.pop().flatten(),
                    ..Cond::of(states.joined()?)
                },
                notice: None,
            })
        };
        encode_in_turn(&turns, prompts, cancel)?.into_iter().map(one).collect()
    }

    fn complete(&self, cond: &Cond, passage: &Passage) -> Result<Cond> {
        let mut cond = cond.for_batch(cond.batch());
        if self.zeros_for_empty && passage.side == Side::Negative && passage.negative_is_empty {
            cond.tokens = cond.tokens.zeros_like();
            cond.pooled = cond.pooled.map(|pooled| pooled.zeros_like());
        }
        let device = cond.tokens.device();
        let ids = Tensor::from_slice(&self.numbers(passage))
            .unsqueeze(0)
            .to_kind(tch::Kind::Float)
            .to_device(device);
        if cond.pooled.is_none() {
            return Err(Error::Defect);
        }
        cond.extras
            .insert(TIME_IDS, ids.expand([cond.batch(), ids.size()[1]], false));
        Ok(cond)
    }

    fn plan(&self, wish: &SamplingWish) -> Result<Plan> {
        let scheduler = self.scheduler.predicting(wish.prediction);
        let lay = if self.edm { plan_edm } else { plan };
        lay(&scheduler, wish.sampler, wish.schedule, wish.steps)
    }
}
