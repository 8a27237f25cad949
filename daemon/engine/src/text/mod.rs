//! From words to hidden states: tokenizers and text encoders.

pub mod clip;
mod encoder;
pub mod language;
pub mod t5;

/// CLIP's, which the daemon has too: it counts tokens.
pub use darkroom_formats::prompt::tokenizer::{Dropped, Encoder, Tokenizer};
pub use encoder::{Hidden, Select, TextEncoder, Words};
