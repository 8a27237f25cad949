//! Models, as far as a client needs to know them.

use serde::{Deserialize, Serialize};

use crate::{ModelSource, PartRole, Prediction, Sampler, Schedule};

/// What a model was trained to do, by the channels that its denoiser reads beside the noisy latents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelTask {
    /// Pictures from a prompt.
    #[default]
    Generate,
    /// To fill a mask: it reads the mask, and the picture without what is masked.
    Inpaint,
    /// To edit a picture as the prompt says: it reads the picture.
    Edit,
    /// To make pictures from a prompt and, where one is given, a picture to refer to: it reads that beside its own.
    Reference,
}

/// What is known of a model without reading its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// What people call it: the name of its folder or file, or `emoji`.
    pub name: String,
    /// The family, for instance `Stable Diffusion 1.x`.
    pub family: String,
    /// Where it comes from.
    pub source: ModelSource,
    /// Pixels a latent cell covers along each side; sizes are multiples of it.
    pub vae_factor: u32,
    /// Default width in pixels.
    pub width: u32,
    /// Default height in pixels.
    pub height: u32,
    /// Default number of steps.
    pub steps: u32,
    /// Default guidance.
    pub cfg_scale: f64,
    /// What its denoiser is told of guidance where nobody says; `None` where it is told nothing.
    #[serde(default)]
    pub distilled_cfg_scale: Option<f64>,
    /// Default sampler: the one its scheduler_config names, or DPM++ 2M where that one is not built.
    pub sampler: Sampler,
    /// Default schedule.
    pub schedule: Schedule,
    /// What its files say that its denoiser predicts.
    #[serde(default)]
    pub prediction: Prediction,
    /// What makes its finished pictures larger where nobody says: a word of [`crate::upscaler`].
    #[serde(default = "none")]
    pub upscaler: String,
    /// What it needs beside a prompt.
    #[serde(default)]
    pub task: ModelTask,
    /// What files of their own must give: its own file is a denoiser alone, or nearly. One entry a component.
    #[serde(default)]
    pub lacks: Vec<PartRole>,
    /// Bytes of its weights on disk.
    pub bytes: u64,
    /// One line for the person, for instance that the scheduler it names was replaced.
    pub notice: Option<String>,
}

fn none() -> String {
    crate::upscaler::NONE.to_owned()
}
