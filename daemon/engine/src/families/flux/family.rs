//! FLUX.1 (dev, schnell, Krea, Fill, Kontext) and Chroma as families: T5's states of a prompt as conditioning and, in FLUX.1, CLIP's pooled one; noise
//! that flows, and that larger pictures have more of for longer; latents of 16 channels. Which models these are is decided in
//! `darkroom_formats::family`.
//!
//! FLUX.1 was trained with padding that is read like words, so a prompt is padded to a fixed length. Chroma reads the words and one
//! place of padding: here its conditioning ends there, and only a batch of unlike prompts has a mask.

use std::rc::Rc;

use darkroom_formats::card::scheduler_config;
use darkroom_formats::family::{self, detect_folder};
use darkroom_formats::folder::{Files, Folder};
use darkroom_formats::schema::{Fields, FlowMatchConfig, Flux as Parts};
use darkroom_protocol::ModelTask;

use super::keys::Spelling;
use super::prompt::{Reader, Way};
use super::transformer::{self, FluxTransformer2DModel, GUIDANCE, PATCH};
use crate::families::autoencoder_kl::AutoencoderKl;
use crate::model::{Component, ComponentKind, Cond, Encoded, Family, LatentSpace, Model, Part, Passage, SamplingWish};
use crate::prompt::Wording;
use crate::sampling::{Plan, plan_flow_even};
use crate::text::clip::ClipTextModel;
use crate::text::t5::{T5Encoder, T5Tokenizer};
use crate::text::{Encoder, Tokenizer};
use crate::torch;
use crate::weights::Piece;
use crate::{Cancel, Error, Result};

/// The most words of a prompt, with the end mark: what the models were trained with. Schnell, which is not told a guidance, with half.
const LENGTH: usize = 512;
const SCHNELL: usize = 256;

/// A model of FLUX.1 or Chroma.
#[derive(Debug)]
pub struct Flux {
    components: Vec<Component>,
    reader: Reader,
    scheduler: FlowMatchConfig,
    latents: LatentSpace,
    spelling: Spelling,
    is_told_guidance: bool,
    task: ModelTask,
}

impl Flux {
    /// The model in `folder`; `None` when its pipeline is another family's.
    ///
    /// # Errors
    /// What speaks against it, in words.
    pub fn open(folder: &Folder, files: &dyn Files) -> Result<Option<Box<dyn Family>>> {
        use family::Family::{Chroma, Flux1};
        let of = [Flux1, Chroma];
        if !of.iter().any(|one| one.pipelines().contains(&folder.class.as_str())) {
            return Ok(None);
        }
        let family = detect_folder(folder)?;
        let parts = match family {
            Flux1 => Parts::read(folder)?,
            Chroma => Parts::read_chroma(folder)?,
            _ => return Ok(None),
        };
        let scheduler = scheduler_config(folder, family)?;
        Ok(Some(Box::new(Self {
            reader: reader(&parts, files)?,
            scheduler: FlowMatchConfig::read(Fields::new("scheduler", &scheduler))?,
            latents: LatentSpace {
                kind: parts.vae.latents(),
                tile: parts.vae.tile() as u32,
            },
            spelling: Spelling::new(&parts.transformer),
            is_told_guidance: parts.transformer.is_told_guidance(),
            task: parts.task(folder),
            components: components(parts),
        })))
    }
}

fn reader(parts: &Parts, files: &dyn Files) -> Result<Reader> {
    let rows = parts.t5.vocab_size;
    let Some(clip) = &parts.clip else {
        return Ok(Reader {
            clip: None,
            encoder: "text_encoder",
            tokenizer: T5Tokenizer::in_folder(files, "tokenizer", rows)?,
            length: LENGTH,
            way: Way::OnePad,
        });
    };
    let encoder = Encoder {
        rows: clip.vocab_size,
        positions: clip.max_position_embeddings,
    };
    Ok(Reader {
        clip: Some(Tokenizer::in_folder(files, "tokenizer", encoder)?),
        encoder: "text_encoder_2",
        tokenizer: T5Tokenizer::in_folder(files, "tokenizer_2", rows)?,
        length: if parts.transformer.is_told_guidance() {
            LENGTH
        } else {
            SCHNELL
        },
        way: Way::Padded,
    })
}

fn components(parts: Parts) -> Vec<Component> {
    let t5 = |name| {
        Component::new(name, ComponentKind::TextEncoder, parts.t5, |weights, config| {
            Ok(Part::TextEncoder(Rc::new(T5Encoder::new(weights, config)?)))
        })
    };
    let clip = |config| {
        Component::new("text_encoder", ComponentKind::TextEncoder, config, |weights, config| {
            Ok(Part::TextEncoder(Rc::new(ClipTextModel::new(weights, config)?)))
        })
    };
    let texts = match parts.clip {
        Some(config) => vec![clip(config), t5("text_encoder_2")],
        None => vec![t5("text_encoder")],
    };
    let rest = [
        Component::new(
            "transformer",
            ComponentKind::Denoiser,
            parts.transformer,
            |weights, config| Ok(Part::Denoiser(Rc::new(FluxTransformer2DModel::new(weights, config)?))),
        )
        .quantised(),
        Component::new("vae", ComponentKind::Autoencoder, parts.vae, |weights, config| {
            Ok(Part::Autoencoder(Rc::new(AutoencoderKl::new(weights, config)?)))
        }),
    ];
    texts.into_iter().chain(rest).collect()
}

impl Family for Flux {
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

    fn task(&self) -> ModelTask {
        self.task
    }

    fn reads_mask_by_pixel(&self) -> bool {
        true
    }

    fn encode(&self, model: &Model, prompts: &[Wording], cancel: &Cancel) -> Result<Vec<Encoded>> {
        self.reader.encode(model, prompts, cancel)
    }

    fn complete(&self, cond: &Cond, passage: &Passage) -> Result<Cond> {
        let mut cond = cond.for_batch(cond.batch());
        if self.is_told_guidance {
            let guidance = passage.distilled_cfg_scale.ok_or(Error::Defect)?;
            let told = transformer::told(guidance, torch::device_of(&cond.tokens)?)?;
            cond.extras.insert(GUIDANCE, told.expand([cond.batch(), 1], false));
        }
        Ok(cond)
    }

    fn plan(&self, wish: &SamplingWish) -> Result<Plan> {
        let cell = self.latents.kind.factor * PATCH as u32;
        let tokens = u64::from(wish.size.0.div_ceil(cell)) * u64::from(wish.size.1.div_ceil(cell));
        let (shift, train) = (self.scheduler.shift_for(tokens), self.scheduler.num_train_timesteps);
        plan_flow_even(shift, train, wish.sampler, wish.schedule, wish.steps)
    }
}
