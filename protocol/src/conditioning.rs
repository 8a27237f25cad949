//! What the denoiser is told, before any text encoder has read it.

use serde::{Deserialize, Serialize};

/// A piece of prompt with its weight and the part of the run in which it counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chunk {
    /// The words.
    pub text: String,
    /// 1 is as written; A1111's `(word:1.2)` is 1.2.
    pub weight: f32,
    /// Fraction of the steps at which it begins, 0 ≤ `from` < `to`.
    pub from: f32,
    /// Fraction of the steps at which it ends, `to` ≤ 1.
    pub to: f32,
}

impl Chunk {
    /// `text` at weight 1 for the whole run.
    pub fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            weight: 1.0,
            from: 0.0,
            to: 1.0,
        }
    }

    /// Whether it is unweighted and lasts the whole run.
    pub fn is_plain(&self) -> bool {
        self.weight == 1.0 && self.from == 0.0 && self.to == 1.0
    }
}

/// A prompt as weighted, scheduled chunks, with the words it came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conditioning {
    /// The prompt as the person wrote it: this is what metadata say.
    pub text: String,
    /// In reading order; never empty.
    pub chunks: Vec<Chunk>,
}

impl Conditioning {
    /// A prompt without any syntax.
    pub fn plain(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            chunks: vec![Chunk::plain(text.clone())],
            text,
        }
    }
}
