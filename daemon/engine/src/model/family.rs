//! What a family says of its models. Its folder under `families/` implements this, a row of `families::FAMILIES` finds it.

use std::fmt::Debug;

use darkroom_formats::card::Latents;
use darkroom_protocol::{ModelTask, Prediction, Sampler, Schedule};

use super::{Component, Cond, Model};
use crate::sampling::Plan;
use crate::weights::Piece;
use crate::{Cancel, Result};

/// One model of a family, without its weights: its configuration, its tokenizers, and how it is used.
pub trait Family: Debug {
    /// Its components, in the order in which a picture needs them.
    fn components(&self) -> &[Component];

    /// What the tensor is for the layers of `component` that a single file of this family calls `key`: nothing where no layer reads it,
    /// several pieces where it is fused.
    fn spell(&self, component: &str, key: &str) -> Vec<Piece>;

    /// The inverse of [`Family::spell`]: what a single file of this family calls what the layers of `component` know as `name`, or the
    /// tensor that it is a part of. `None` where such a file has none.
    fn spelling(&self, component: &str, name: &str) -> Option<String>;

    /// How its latents look.
    fn latents(&self) -> LatentSpace;

    /// What its denoiser reads beside the noisy latents.
    fn task(&self) -> ModelTask {
        ModelTask::Generate
    }

    /// Prompts as its denoiser reads them, in their order. Text encoders are asked for once.
    ///
    /// # Errors
    /// Those of its text encoders and of loading them, [`crate::Error::Cancelled`].
    fn encode(&self, model: &Model, prompts: &[&str], cancel: &Cancel) -> Result<Vec<Encoded>>;

    /// Every number of a denoise loop.
    ///
    /// # Errors
    /// [`crate::Error::Config`] for a scheduler that is not built, [`crate::Error::Unsupported`] for a sampler or a schedule that
    /// this kind of noise has not.
    fn plan(&self, wish: &SamplingWish) -> Result<Plan>;
}

/// A prompt that was encoded.
#[derive(Debug)]
pub struct Encoded {
    /// What the denoiser is told.
    pub cond: Cond,
    /// One line where not all of the prompt was read.
    pub notice: Option<String>,
}

/// How a family's latents look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatentSpace {
    /// What they mean.
    pub kind: Latents,
    /// The largest side, in latents, that tiled decoding leaves whole.
    pub tile: u32,
}

/// What a task asks of the sampler.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SamplingWish {
    /// Which sampler.
    pub sampler: Sampler,
    /// Which schedule.
    pub schedule: Schedule,
    /// Steps, at least 1.
    pub steps: usize,
    /// What the denoiser predicts, where the task says so.
    pub prediction: Option<Prediction>,
}
