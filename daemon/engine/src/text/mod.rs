//! From words to hidden states: tokenizers and text encoders.

pub mod clip;
mod encoder;
pub mod language;
pub mod t5;
mod tokenizer;

pub use encoder::{Hidden, Select, TextEncoder, Words};
pub use tokenizer::{Chunk, Dropped, Encoder, Tokenizer};
