//! How the predictions with and without a prompt become one.

mod asked;
mod cfg;
mod combine;
mod composed;
mod edit;
mod mimic;

pub use asked::{Moment, asked};
pub use cfg::{Cfg, Passes, cfg};
pub use edit::edit;

use tch::Tensor;

use crate::Result;
use crate::model::{Cond, Guide};
use crate::sampling::Guided;

/// The denoiser as guidance sees it: input [N, C, H, W] and conditioning of N rows to a prediction [N, C, H, W].
pub type Predict<'a> = dyn FnMut(&Tensor, &Cond) -> Result<Tensor> + 'a;

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
