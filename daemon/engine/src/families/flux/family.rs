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
use darkroom_formats::schema::{ClipTextConfig, Fields, FlowMatchConfig, Flux as Parts};
use darkroom_protocol::ModelTask;
use tch::{Kind, Tensor};

use super::keys::Spelling;
use super::transformer::{self, FluxTransformer2DModel, GUIDANCE, PATCH};
use crate::families::autoencoder_kl::AutoencoderKl;
use crate::model::{Component, ComponentKind, Cond, Encoded, Family, LatentSpace, Model, Part, Passage, SamplingWish};
use crate::prompt::{Reader, Way, Wording};
use crate::sampling::{Plan, plan_flow_even};
use crate::text::clip::ClipTextModel;
use crate::text::t5::{T5Encoder, T5Tokenizer};
use crate::text::{Encoder, Select, Tokenizer};
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
    /// CLIP's tokenizer, where its pooled state counts.
    clip: Option<Tokenizer>,
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
            clip: clip(&parts, files)?,
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

fn clip(parts: &Parts, files: &dyn Files) -> Result<Option<Tokenizer>> {
    let tokenizer = |config: &ClipTextConfig| {
        let encoder = Encoder {
            rows: config.vocab_size,
            positions: config.max_position_embeddings,
        };
        Tokenizer::in_folder(files, "tokenizer", encoder)
    };
    Ok(parts.clip.as_ref().map(tokenizer).transpose()?)
}

fn reader(parts: &Parts, files: &dyn Files) -> Result<Reader> {
    let (name, length, way) = match &parts.clip {
        None => ("tokenizer", LENGTH, Way::OnePad),
        Some(_) if parts.transformer.is_told_guidance() => ("tokenizer_2", LENGTH, Way::Padded),
        Some(_) => ("tokenizer_2", SCHNELL, Way::Padded),
    };
    Ok(Reader {
        tokenizer: T5Tokenizer::in_folder(files, name, parts.t5.vocab_size)?,
        length,
        way,
    })
}

/// CLIP's state of the whole prompt [1, width], as far as it reads it: of the words alone, whatever they weigh.
fn pooled(tokenizer: &Tokenizer, model: &Model, prompts: &[Wording], cancel: &Cancel) -> Result<Vec<Tensor>> {
    let encoder = model.text_encoder("text_encoder")?;
    let select = Select {
        pooled: true,
        ..Select::default()
    };
    let one = |prompt: &Wording| {
        cancel.check()?;
        let ids = Tensor::from_slice(&tokenizer.chunk(&prompt.text())?.ids).unsqueeze(0);
        encoder.encode(&ids, select, cancel)?.pooled.ok_or(Error::Defect)
    };
    let all = prompts.iter().map(one).collect();
    encoder.rest();
    all
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
        let pooled = self
            .clip
            .as_ref()
            .map(|tokenizer| pooled(tokenizer, model, prompts, cancel));
        let pooled = pooled.transpose()?;
        let encoder = model.text_encoder(if self.clip.is_some() {
            "text_encoder_2"
        } else {
            "text_encoder"
        })?;
        let one = |(at, prompt): (usize, &Wording)| {
            let (states, notice) = self.reader.read(&*encoder, prompt, cancel)?;
            let mask = match self.reader.way {
                Way::Padded => None,
                Way::OnePad => Some(Tensor::ones([1, states.size()[1]], (Kind::Bool, states.device()))),
            };
            let cond = Cond {
                mask,
                pooled: pooled.as_ref().map(|pooled| pooled[at].shallow_clone()),
                ..Cond::of(states)
            };
            Ok(Encoded { cond, notice })
        };
        let encoded = prompts.iter().enumerate().map(one).collect();
        encoder.rest();
        encoded
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
