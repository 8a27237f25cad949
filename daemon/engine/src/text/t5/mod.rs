//! T5's encoder (Raffel et al. 2020), version 1.1, as transformers' `T5EncoderModel` has it, and its tokenizer.

mod model;
mod pieces;
mod tokenizer;

pub use darkroom_formats::schema::T5Config;
pub use model::T5Encoder;
pub use tokenizer::{Padded, T5Tokenizer};

#[cfg(test)]
mod tests;
