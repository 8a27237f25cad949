//! How the predictions with and without a prompt become one.

mod cfg;

pub use cfg::{Cfg, Passes, cfg};

use tch::Tensor;

use crate::Result;

/// The denoiser as guidance sees it: input [N, C, H, W] and context [N, tokens, width] to a prediction [N, C, H, W].
pub type Predict<'a> = dyn FnMut(&Tensor, &Tensor) -> Result<Tensor> + 'a;

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
    /// `positive` and `negative` are contexts [1 or B, tokens, width]; one row serves the whole batch. Guidance that
    /// [needs](Self::needs_negative) no negative context ignores it.
    ///
    /// # Errors
    /// Those of `predict`.
    fn predict(
        &self,
        input: &Tensor,
        positive: &Tensor,
        negative: Option<&Tensor>,
        predict: &mut Predict<'_>,
    ) -> Result<Guided>;

    /// Whether the negative context is used at all: where not, it need not be computed.
    fn needs_negative(&self) -> bool;
}
