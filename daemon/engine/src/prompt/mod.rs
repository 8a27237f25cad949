//! From what a person writes to hidden states: what `darkroom_formats::prompt` reads, then the text encoders, and what weights do to
//! their states. Syntaxes, tokens and chunks are there, since the daemon counts by them.
//!
//! `pipeline/encode_prompts.rs` reads a task's prompts with [`read`] and asks the family for each [`Wording`]; the family calls
//! [`encode()`] with its encoders and tokenizers and makes conditioning of the [`States`]. What a denoiser is told, and when, is not
//! known here.

mod cache;
mod chunks;
mod concept;
mod emphasis;
mod encode;
mod script;
mod whole;
mod wording;

pub use cache::Remembered;
pub use concept::{Concept, ConceptFile};
pub use emphasis::{away, scaled};
pub use encode::{Path, States, Turn, encode, encode_in_turn};
pub use script::{Part, Rules, Span, read, writes_weights};
pub use whole::{Reader, Way};
pub use wording::{Piece, Wording};

use darkroom_formats::prompt::attention;
#[cfg(test)]
use darkroom_formats::prompt::{comfy, compel, composition, schedule};

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
