//! From words to hidden states: tokenizers and text encoders.

pub mod clip;
mod tokenizer;

pub use tokenizer::{Chunk, Dropped, Encoder, Tokenizer};
