//! What the files beside a CLIP tokenizer's tables say: its marks, the tokens that were added to it, how long a prompt may be.
//!
//! The daemon reads the small ones to tell which models are usable, the engine all of them to build the tokenizer; both take
//! them as transformers 5 does for `CLIPTokenizer`. The tables themselves (vocabulary and merges) are the engine's.

mod added;
mod facts;

pub use added::{Declared, Token};
pub use facts::{TokenizerFacts, TokenizerProblem, TokenizerSources};

#[cfg(test)]
mod tests;
