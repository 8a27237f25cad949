//! What a family says of its models. Its folder under `families/` implements this, a row of `families::FAMILIES` finds it.

use std::fmt::Debug;

use darkroom_formats::card::Latents;
use darkroom_protocol::task::sides;
use darkroom_protocol::{ImageTask, ModelTask, Prediction, Sampler, Schedule};

use super::{Component, Cond, Model};
use crate::prompt::Wording;
use crate::sampling::Plan;
use crate::torch::Device;
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

    /// Whether it is Stable Diffusion XL, for which some schedules have a table of their own.
    fn is_xl(&self) -> bool {
        false
    }

    /// Whether its denoiser is told the guidance and computes it itself, in one pass: [`super::Extras::guidance`]. What is to be avoided
    /// it is not told.
    fn embeds_guidance(&self) -> bool {
        false
    }

    /// Whether its denoiser and autoencoder see places by convolutions alone, so that a picture's edges can be made to fit.
    fn can_be_seamless(&self) -> bool {
        false
    }

    /// Whether a picture to edit is shown to its denoiser as latents are scaled for it, rather than as the autoencoder has them.
    fn edits_scaled(&self) -> bool {
        false
    }

    /// What its denoiser reads beside the noisy latents.
    fn task(&self) -> ModelTask {
        ModelTask::Generate
    }

    /// Whether prompts are written in the syntaxes of [`crate::prompt`], with weights and schedules. A language model reads a prompt as it
    /// is written.
    fn reads_syntax(&self) -> bool {
        true
    }

    /// Whether a denoiser that fills masks is told each pixel of one, and after the picture, rather than one number a latent before it.
    fn reads_mask_by_pixel(&self) -> bool {
        false
    }

    /// Prompts as its denoiser reads them, in their order. Text encoders are asked for once; [`crate::prompt::encode`] does the rest.
    ///
    /// # Errors
    /// Those of its text encoders and of loading them, [`crate::Error::Cancelled`].
    fn encode(&self, model: &Model, prompts: &[Wording], cancel: &Cancel) -> Result<Vec<Encoded>>;

    /// A prompt's encoding and what this family's denoiser is told of a pass beside it, such as the picture's size. Most are told
    /// nothing.
    ///
    /// # Errors
    /// [`crate::Error::Defect`] for an encoding of another family's.
    fn complete(&self, cond: &Cond, _passage: &Passage) -> Result<Cond> {
        Ok(cond.for_batch(cond.batch()))
    }

    /// Every number of a denoise loop.
    ///
    /// # Errors
    /// [`crate::Error::Config`] for a scheduler that is not built, [`crate::Error::Unsupported`] for a sampler or a schedule that
    /// this kind of noise has not.
    fn plan(&self, wish: &SamplingWish) -> Result<Plan>;
}

/// What a denoiser may be told of a pass beside a prompt's words.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Passage {
    /// Height in pixels of the pictures that are made.
    pub height: u32,
    /// Their width.
    pub width: u32,
    /// Which of the prompts it is.
    pub side: Side,
    /// Whether nobody said what is to be avoided.
    pub negative_is_empty: bool,
    /// How closely to follow the prompt, for denoisers that are told it.
    pub distilled_cfg_scale: Option<f64>,
    /// What the task says in place of the picture's own size.
    pub says: Says,
}

/// What a task says of a picture to a denoiser that is told such things. What is `None` is the picture's own, or the family's default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Says {
    /// Width and height that it had before it was cut out.
    pub original: Option<(u32, u32)>,
    /// Left and top of the cut.
    pub crop: Option<(u32, u32)>,
    /// Width and height that it is to have.
    pub target: Option<(u32, u32)>,
    /// How good it is to look, on this side.
    pub score: Option<f64>,
}

impl Says {
    /// Of a task, for that side.
    pub fn of(task: &ImageTask, side: Side) -> Self {
        let pair = |text: &Option<String>| text.as_deref().and_then(sides);
        // diffusers' pipelines that begin with a picture tell the negative prompt of no cut.
        let uncut = side == Side::Negative && task.inputs.init_image.is_some();
        Self {
            original: pair(&task.size.original_size),
            crop: pair(&task.size.crop).filter(|_| !uncut),
            target: pair(&task.size.target_size),
            score: match side {
                Side::Positive => task.guidance.aesthetic_score,
                Side::Negative => task.guidance.negative_aesthetic_score,
            },
        }
    }
}

/// Which of the two prompts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What to show.
    Positive,
    /// What to avoid.
    Negative,
}

/// A prompt that was encoded.
#[derive(Debug)]
pub struct Encoded {
    /// What the denoiser is told.
    pub cond: Cond,
    /// One line where not all of the prompt was read.
    pub notice: Option<String>,
}

impl Encoded {
    /// The same on `device`; where it is there already, the very same memory.
    pub(super) fn to(&self, device: Device) -> Result<Self> {
        Ok(Self {
            cond: self.cond.to(device)?,
            notice: self.notice.clone(),
        })
    }
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
    /// Height and width in pixels of the pictures that are made: noise of some families depends on how many tokens these have.
    pub size: (u32, u32),
}
