//! `Card`: what a folder's configuration says of a model's size, latents, sampler, prediction and bytes, with lines for the
//! person where something was replaced. The daemon's catalogue makes one of each model (`catalog/folder.rs`, `catalog/file.rs`,
//! `catalog/builtin.rs`) and sends it on as a `ModelCard`. The folder is read in `folder/`, its family found in `family/`, and
//! each component's configuration read in full in `schema/`.

use darkroom_protocol::{ModelCard, ModelSource, ModelTask, PartRole, Sampler, Schedule};
use serde_json::Value;

use super::scheduler::own_schedule;
use super::{MAX_SIDE, check_numbers, choose_sampler, defaults};
use crate::family::{Family, detect_folder};
use crate::folder::{Component, Files, Folder};
use crate::parts::{lacking, role};
use crate::schema::{
    ClipTextConfig, Fields, FlowMatchConfig, Flux, Prediction, StableDiffusion, StableDiffusionXl, VaeConfig, ZImage,
    whole,
};
use crate::tokenizer::TokenizerProblem;
use crate::{Error, Result};

/// The most levels that a VAE may have: each but the last halves the sides.
const MAX_LEVELS: usize = 8;

/// What is known of a model without reading its weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// What people call it.
    pub name: String,
    /// Its family.
    pub family: Family,
    /// Pixels a latent cell covers along each side: 2^(levels of the VAE − 1).
    pub vae_factor: u32,
    /// Channels of a latent cell.
    pub latent_channels: u32,
    /// Default width in pixels; a multiple of the factor.
    pub width: u32,
    /// Default height in pixels; a multiple of the factor.
    pub height: u32,
    /// Default steps.
    pub steps: u32,
    /// Default guidance.
    pub cfg_scale: f64,
    /// What its denoiser is told of guidance where nobody says; `None` where it is told nothing.
    pub distilled_cfg_scale: Option<f64>,
    /// Default sampler.
    pub sampler: Sampler,
    /// What its denoiser predicts.
    pub prediction: Prediction,
    /// What it needs beside a prompt.
    pub task: ModelTask,
    /// What files of their own must give, an entry a component.
    pub lacks: Vec<PartRole>,
    /// Bytes of its weights on disk.
    pub bytes: u64,
    /// One line for the person, for instance that the scheduler it names was replaced.
    pub notice: Option<String>,
}

impl Card {
    /// The card of the diffusers folder in `files`.
    ///
    /// # Errors
    /// As [`Folder::read`] and [`Card::new`].
    pub fn read(name: &str, files: &dyn Files) -> Result<Self> {
        Self::new(name, &Folder::read(files)?)
    }

    /// The card of a folder that was read.
    ///
    /// # Errors
    /// As [`detect_folder`], [`Error::NoComponent`], [`Error::Number`] for a configuration whose numbers no model has, [`Error::Config`] for one that the engine does not build, [`Error::Json`] for other values
    /// that make no sense.
    pub fn new(name: &str, folder: &Folder) -> Result<Self> {
        let family = detect_folder(folder)?;
        for component in folder.components.values() {
            check_numbers(&file(folder, component), &component.config)?;
        }
        check_numbers(&scheduler_file(folder), &folder.scheduler.config)?;
        let built = family.built();
        let vae = folder.component("vae")?;
        let vae_factor = factor(folder, vae)?;
        let (width, height) = default_size(folder, folder.component(built.denoiser)?, vae_factor)?.unwrap_or((
            built.side.next_multiple_of(vae_factor),
            built.side.next_multiple_of(vae_factor),
        ));
        let prediction = prediction(folder)?;
        let parts = parts(folder, family)?;
        let (steps, cfg_scale) = defaults::of(folder, built, width.max(height));
        let choice = choose_sampler(&folder.scheduler);
        let of_weights = folder
            .components
            .values()
            .filter_map(|component| component.notice.clone());
        let of_files = folder.notices.iter().cloned();
        let mut notices: Vec<String> = of_files.chain(choice.notice).chain(of_weights).collect();
        notices.extend(own_schedule(folder, family)?);
        for (name, text_encoder) in &parts.texts {
            notices.extend(tokenizer(folder, name, text_encoder)?);
        }
        if !folder.lacks.is_empty() {
            notices.push(format!("It {}", lacking(built, &folder.lacks)));
        }
        Ok(Self {
            name: name.to_owned(),
            family,
            vae_factor,
            latent_channels: parts.vae.latents().channels,
            width,
            height,
            steps,
            cfg_scale,
            distilled_cfg_scale: defaults::told(folder, family),
            sampler: choice.sampler,
            prediction,
            task: parts.task,
            lacks: folder.lacks.iter().map(|name| role(built, name)).collect(),
            bytes: folder.bytes(),
            notice: (!notices.is_empty()).then(|| notices.join(" ")),
        })
    }

    /// Numbers that one picture of this size has in latent space; 0 for a size without a whole cell.
    pub fn latents(&self, width: u32, height: u32) -> u64 {
        let cells = u64::from(width / self.vae_factor) * u64::from(height / self.vae_factor);
        cells * u64::from(self.latent_channels)
    }

    /// Whether this model can make a picture of that size; see [`super::check_size`].
    ///
    /// # Errors
    /// [`Error::SizeRange`], [`Error::SizeStep`].
    pub fn check_size(&self, width: u32, height: u32) -> Result<()> {
        super::check_size(width, height, self.vae_factor)
    }

    /// The card that travels. The schedule stays automatic: the engine reads the model's own, Karras included.
    pub fn to_model_card(&self, source: ModelSource) -> ModelCard {
        ModelCard {
            name: self.name.clone(),
            family: self.family.label().to_owned(),
            source,
            vae_factor: self.vae_factor,
            width: self.width,
            height: self.height,
            steps: self.steps,
            cfg_scale: self.cfg_scale,
            distilled_cfg_scale: self.distilled_cfg_scale,
            sampler: self.sampler,
            schedule: Schedule::Auto,
            prediction: self.prediction,
            upscaler: darkroom_protocol::upscaler::NONE.to_owned(),
            task: self.task,
            lacks: self.lacks.clone(),
            bytes: self.bytes,
            notice: self.notice.clone(),
        }
    }
}

/// What a card needs of a model's parts.
struct Parts {
    vae: VaeConfig,
    /// The text encoders of CLIP's kind, each with its tokenizer's name.
    texts: Vec<(&'static str, ClipTextConfig)>,
    task: ModelTask,
}

/// Every configuration read in full, as the engine will.
fn parts(folder: &Folder, family: Family) -> Result<Parts> {
    Ok(match family {
        Family::StableDiffusion1 | Family::StableDiffusion2 => {
            let parts = StableDiffusion::read(folder)?;
            Parts {
                task: parts.task(),
                vae: parts.vae,
                texts: vec![("tokenizer", parts.text_encoder)],
            }
        }
        Family::StableDiffusionXl | Family::StableDiffusionXlRefiner => {
            let parts = StableDiffusionXl::read(folder)?;
            let task = parts.task();
            let first = parts.text_encoder.map(|encoder| ("tokenizer", encoder));
            Parts {
                task,
                vae: parts.vae,
                texts: first
                    .into_iter()
                    .chain([("tokenizer_2", parts.text_encoder_2)])
                    .collect(),
            }
        }
        Family::Flux1 | Family::Chroma => {
            let parts = match family {
                Family::Flux1 => Flux::read(folder)?,
                _ => Flux::read_chroma(folder)?,
            };
            flow(folder)?;
            Parts {
                task: parts.task(folder),
                texts: parts.clip.into_iter().map(|clip| ("tokenizer", clip)).collect(),
                vae: parts.vae,
            }
        }
        Family::ZImage => Parts {
            vae: ZImage::read(folder)?.vae,
            texts: Vec::new(),
            task: ModelTask::Generate,
        },
    })
}

/// Whether noise flows as it does where the engine has it.
fn flow(folder: &Folder) -> Result<()> {
    let place = format!("{}: scheduler", folder.place);
    FlowMatchConfig::read(Fields::new(&place, &folder.scheduler.config)).map(drop)
}

/// Lines about the tokenizer called `name` that its text encoder can use.
///
/// # Errors
/// [`Error::Tokenizer`] for one that it cannot.
fn tokenizer(folder: &Folder, name: &str, text_encoder: &ClipTextConfig) -> Result<Vec<String>> {
    let Some((_, facts)) = folder.tokenizer_facts.get(name) else {
        return Ok(Vec::new());
    };
    let problem = |problem: TokenizerProblem| Error::Tokenizer {
        file: format!("{}: {name}/{}", folder.place, problem.file),
        what: problem.what,
    };
    let facts = facts.as_ref().map_err(|e| problem(e.clone()))?;
    let rows = text_encoder.vocab_size.unsigned_abs();
    facts
        .length_for(text_encoder.max_position_embeddings.unsigned_abs())
        .map_err(problem)?;
    facts.check_marks(rows).map_err(problem)?;
    Ok(facts.notices.iter().cloned().chain(facts.beyond(rows)).collect())
}

fn factor(folder: &Folder, vae: &Component) -> Result<u32> {
    // A missing list is the class's default of one level in diffusers.
    let levels = vae
        .config
        .get("block_out_channels")
        .map_or(Some(1), |v| v.as_array().map(Vec::len));
    match levels {
        Some(levels @ 1..=MAX_LEVELS) => Ok(1 << (levels - 1)),
        _ => Err(Error::Json {
            file: file(folder, vae),
            problem: format!("block_out_channels is not a list of 1 to {MAX_LEVELS} numbers"),
        }),
    }
}

/// Width and height that the denoiser was trained at, from `sample_size`: a number, or height and width.
fn default_size(folder: &Folder, denoiser: &Component, factor: u32) -> Result<Option<(u32, u32)>> {
    let cells = |value: &Value| whole(value).and_then(|n| u32::try_from(n).ok());
    let (height, width) = match denoiser.config.get("sample_size") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(list)) => match list.as_slice() {
            [height, width] => (cells(height), cells(width)),
            _ => (None, None),
        },
        Some(one) => (cells(one), cells(one)),
    };
    let pixels = |n: Option<u32>| n?.checked_mul(factor).filter(|side| (1..=MAX_SIDE).contains(side));
    match (pixels(width), pixels(height)) {
        (Some(width), Some(height)) => Ok(Some((width, height))),
        _ => Err(Error::Json {
            file: file(folder, denoiser),
            problem: format!("sample_size times the VAE factor of {factor} is not a size from 1 to {MAX_SIDE} pixels"),
        }),
    }
}

fn prediction(folder: &Folder) -> Result<Prediction> {
    let value = folder.scheduler.config.get("prediction_type").and_then(Value::as_str);
    match value.unwrap_or("epsilon") {
        "epsilon" => Ok(Prediction::Epsilon),
        "v_prediction" => Ok(Prediction::VPrediction),
        "sample" | "original_sample" => Ok(Prediction::Sample),
        other => Err(Error::Json {
            file: scheduler_file(folder),
            problem: format!("prediction_type '{other}' is none of epsilon, v_prediction, sample"),
        }),
    }
}

fn file(folder: &Folder, component: &Component) -> String {
    format!("{}: {}/config.json", folder.place, component.name)
}

fn scheduler_file(folder: &Folder) -> String {
    format!("{}: scheduler/scheduler_config.json", folder.place)
}
