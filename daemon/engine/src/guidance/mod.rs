//! How the predictions with and without a prompt become one.

mod cfg;

pub use cfg::{Cfg, Passes, cfg};

use tch::Tensor;

use crate::Result;

/// The denoiser as guidance sees it: input [N, C, H, W] and context [N, tokens, width] to a prediction [N, C, H, W].
pub type Predict<'a> = dyn FnMut(&Tensor, &Tensor) -> Result<Tensor> + 'a;

/// A rule for combining predictions.
pub trait Guidance {
    /// The guided prediction for `input` [B, C, H, W], in its shape.
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
    ) -> Result<Tensor>;

    /// Whether the negative context is used at all: where not, it need not be computed.
    fn needs_negative(&self) -> bool;
}
