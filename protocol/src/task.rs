//! Work with every default resolved and every random choice fixed: run again, it gives the same result.

use serde::{Deserialize, Serialize};

use crate::sampler::Named;
use crate::{Conditioning, Dtype, Format, GenerateRequest, Prediction, Quant, Sampler, Schedule};

/// What a worker is to do.
///
/// Every kind that is planned has its place here, so that the wire does not change when a kind is built. A worker says in
/// its capabilities which kinds it runs and refuses the others by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Pictures from a prompt.
    Image(ImageTask),
    /// A larger picture from a picture.
    Upscale(UpscaleTask),
    /// Words from a picture.
    Caption(CaptionTask),
    /// An adapter from pictures.
    Train(TrainTask),
}

impl Task {
    /// The kind's name, as capabilities list it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Image(_) => "image",
            Self::Upscale(_) => "upscale",
            Self::Caption(_) => "caption",
            Self::Train(_) => "train",
        }
    }
}

/// Where a model's files are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelSource {
    /// Inside the worker, by name.
    Embedded(String),
    /// A diffusers folder, absolute.
    Folder(String),
    /// A single file, absolute.
    File(String),
}

impl ModelSource {
    /// How a request names it: by its path, or by the name of the one inside the worker.
    pub fn given(&self) -> &str {
        match self {
            Self::Embedded(text) | Self::Folder(text) | Self::File(text) => text,
        }
    }

    /// Where it is, for people.
    pub fn place(&self) -> &str {
        match self {
            Self::Embedded(_) => "in the worker",
            Self::Folder(path) | Self::File(path) => path,
        }
    }
}

/// Pictures from a prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageTask {
    /// The model's name, for people.
    pub model: String,
    /// The model's files.
    pub source: ModelSource,
    /// What to show.
    pub prompt: Conditioning,
    /// What to avoid.
    pub negative: Conditioning,
    /// Pixels; a multiple of the model's VAE factor.
    pub width: u32,
    /// Pixels; a multiple of the model's VAE factor.
    pub height: u32,
    /// Denoising steps.
    pub steps: u32,
    /// Guidance as it was asked for; see [`Self::is_guided`].
    pub cfg_scale: f64,
    /// The sampler.
    pub sampler: Sampler,
    /// The spacing of σs.
    pub schedule: Schedule,
    /// What the denoiser predicts; `None` where that is what the model's files say of themselves, the noise.
    #[serde(default)]
    pub prediction: Option<Prediction>,
    /// Picture `i` is made from `seed + i`.
    pub seed: u64,
    /// Number of pictures.
    pub batch: u32,
    /// How many of them are computed together.
    pub micro_batch: u32,
    /// `cpu`, `cuda:0`, …
    pub device: String,
    /// The number format.
    pub dtype: Dtype,
    /// Threads of the CPU device; 0 means one a physical core.
    pub threads: u32,
    /// The file format.
    pub format: Format,
    /// How the weights are quantised.
    #[serde(default)]
    pub quant: Quant,
    /// Whether large pictures are decoded in tiles, which needs less memory and differs a little at their seams.
    #[serde(default)]
    pub vae_tiling: bool,
    /// Whether each part of the model is on the device only while it is used. Means nothing on the CPU.
    #[serde(default)]
    pub offload: bool,
    /// Whether the predictions with and without the prompt are computed one after the other, which needs less memory. Where it
    /// runs out this is set; nobody asks for it.
    #[serde(default)]
    pub two_passes: bool,
}

impl ImageTask {
    /// Whether the negative prompt counts. Up to a guidance of 1 the picture is the prompt's alone, as in diffusers, and the
    /// prediction without it is not computed.
    pub fn is_guided(&self) -> bool {
        self.cfg_scale > 1.0
    }

    /// The request that asks for exactly this task: for "reuse" and for metadata.
    pub fn to_request(&self) -> GenerateRequest {
        GenerateRequest {
            prompt: Some(self.prompt.text.clone()),
            negative_prompt: Some(self.negative.text.clone()),
            model: Some(self.model.clone()),
            width: Some(self.width),
            height: Some(self.height),
            steps: Some(self.steps),
            cfg_scale: Some(self.cfg_scale),
            sampler: Some(self.sampler),
            schedule: Some(self.schedule),
            prediction: self.prediction,
            seed: Some(self.seed as i64),
            batch: Some(self.batch),
            device: Some(self.device.clone()),
            dtype: Some(self.dtype),
            quant: (self.quant != Quant::None).then_some(self.quant),
            vae_tiling: self.vae_tiling.then_some(true),
            offload: self.offload.then_some(true),
            keep_alive: None,
            threads: (self.threads > 0).then_some(self.threads),
            format: Some(self.format),
            ..GenerateRequest::default()
        }
    }

    /// What metadata say of picture `index`, in A1111's order: key and value.
    pub fn metadata(&self, index: u32) -> Vec<(&'static str, String)> {
        let mut request = self.to_request();
        request.seed = Some((self.seed + u64::from(index)) as i64);
        request.metadata()
    }

    /// The sampler and schedule as A1111 names them.
    pub fn sampler_label(&self) -> String {
        match self.schedule {
            Schedule::Auto => self.sampler.name().to_owned(),
            schedule => format!("{} {}", self.sampler.name(), schedule.name()),
        }
    }
}

/// A larger picture from a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpscaleTask {
    /// The upscaler's files.
    pub source: ModelSource,
    /// SHA-256 of the uploaded picture.
    pub input: String,
    /// How many times larger along each side.
    pub scale: f64,
}

/// Words from a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaptionTask {
    /// The captioner's files.
    pub source: ModelSource,
    /// SHA-256 of the uploaded picture.
    pub input: String,
    /// What to look for; may be empty.
    pub question: String,
}

/// An adapter from pictures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainTask {
    /// The base model's files.
    pub source: ModelSource,
    /// SHA-256 and caption of each uploaded picture.
    pub examples: Vec<(String, String)>,
    /// Optimisation steps.
    pub steps: u32,
    /// Rank of the adapter.
    pub rank: u32,
    /// Seed of noise and order.
    pub seed: u64,
}
