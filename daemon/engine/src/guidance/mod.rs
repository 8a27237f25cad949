//! How the predictions with and without a prompt become one.

mod cfg;

pub use cfg::{Cfg, Passes, cfg};

use tch::Tensor;

use crate::Result;
use crate::model::{Cond, Guide};

/// The denoiser as guidance sees it: input [N, C, H, W] and conditioning of N rows to a prediction [N, C, H, W].
pub type Predict<'a> = dyn FnMut(&Tensor, &Cond) -> Result<Tensor> + 'a;

/// What guidance makes of predictions, or what is derived from both alike.
#[derive(Debug)]
pub struct Guided {
    /// With guidance.
    pub guided: Tensor,
    /// Without the prompt, where it was computed: samplers of the CFG++ kind go by both.
    pub uncond: Option<Tensor>,
}

impl Guided {
    /// One prediction alone.
    pub fn alone(guided: Tensor) -> Self {
        Self { guided, uncond: None }
    }

    /// The same of both.
    pub fn map(self, f: impl Fn(&Tensor) -> Tensor) -> Self {
        Self {
            guided: f(&self.guided),
            uncond: self.uncond.as_ref().map(f),
        }
    }
}

/// A rule for combining predictions.
pub trait Guidance {
    /// The prediction for `input` [B, C, H, W] with guidance, and without the prompt where that was computed; in its shape.
    ///
    /// The guide's conditionings have one row, which serves the whole batch, or B. Guidance that
    /// [needs](Self::needs_negative) no negative one ignores it.
    ///
    /// # Errors
    /// Those of `predict`.
    fn predict(&self, input: &Tensor, guide: &Guide, predict: &mut Predict<'_>) -> Result<Guided>;

    /// Whether the negative conditioning is used at all: where not, it need not be computed.
    fn needs_negative(&self) -> bool;
}
