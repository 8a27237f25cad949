//! Language models as text encoders: the decoders of Qwen2 and Qwen3, of which families read hidden states, and their tokenizer. What is
//! written around a prompt before it is read is each family's own.

mod decoder;
mod layer;
mod tokenizer;

pub use darkroom_formats::schema::LanguageConfig;
pub use decoder::{LanguageModel, Tap};
pub use tokenizer::LanguageTokenizer;

#[cfg(test)]
pub(crate) mod tests;
