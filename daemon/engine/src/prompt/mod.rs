//! From what a person writes to hidden states: tags, composition, schedules and weights of a prompt, then chunks of tokens, then the
//! text encoders, and what weights do to their states.
//!
//! `pipeline/encode_prompts.rs` reads a task's prompts with [`read`] and asks the family for each [`Wording`]; the family calls
//! [`encode()`] with its encoders and tokenizers and makes conditioning of the [`States`]. What a denoiser is told, and when, is not
//! known here.

mod attention;
mod brackets;
mod cache;
mod chunks;
mod comfy;
mod compel;
mod composition;
mod concept;
mod emphasis;
mod encode;
mod schedule;
mod script;
pub mod tags;
mod whole;
mod wording;

pub use cache::Remembered;
pub use concept::{Concept, ConceptFile};
pub use emphasis::{away, scaled};
pub use encode::{Path, States, Turn, encode, encode_in_turn};
pub use script::{Part, Rules, Span, read, writes_weights};
pub use whole::{Reader, Way};
pub use wording::{Piece, Wording};

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
