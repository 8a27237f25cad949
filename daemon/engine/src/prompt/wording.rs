//! One text as it goes to the encoders: pieces with their weights, and what else makes its conditioning. Equal wordings of one model
//! have equal conditioning, which is what [`Wording::key`] is for.

use std::fmt::Write as _;
use std::rc::Rc;

pub use darkroom_formats::prompt::{Laying, Piece};
use darkroom_protocol::Emphasis;
use darkroom_protocol::hash::hex;
use sha2::{Digest as _, Sha256};

use super::Concept;

/// A text as it goes to the encoders.
#[derive(Clone, Debug)]
pub struct Wording {
    /// Its pieces, in order.
    pub pieces: Vec<Piece>,
    /// What weights do.
    pub emphasis: Emphasis,
    /// The layer from the end, from 1, where somebody asked for one.
    pub clip_skip: Option<f64>,
    /// Embeddings that it may name.
    pub concepts: Rc<[Concept]>,
    pub(super) laying: Laying,
    /// Whether `embedding:name` is one.
    pub(super) names: bool,
}

impl Wording {
    /// Text without syntax.
    pub fn plain(text: &str) -> Self {
        Self {
            pieces: vec![Piece::plain(text)],
            emphasis: Emphasis::None,
            clip_skip: None,
            concepts: Rc::new([]),
            laying: Laying::default(),
            names: false,
        }
    }

    /// The same without a word: a chunk of padding.
    pub fn wordless(&self) -> Self {
        Self {
            pieces: vec![Piece::plain("")],
            ..self.clone()
        }
    }

    /// Its words without weights, for families that read nothing else.
    pub fn text(&self) -> String {
        let words = self.pieces.iter().map(|piece| match piece {
            Piece::Text(text, _) => text.as_str(),
            Piece::Break => " ",
        });
        words.collect()
    }

    /// What tells it from every other: a SHA-256.
    pub fn key(&self) -> String {
        let mut said = format!(
            "{:?} {:?} {:?} {}\n",
            self.emphasis, self.clip_skip, self.laying, self.names
        );
        for piece in &self.pieces {
            // Quoted, so that no text looks like the beginning of another piece.
            let _ = match piece {
                Piece::Text(text, weight) => writeln!(said, "{:x} {text:?}", weight.to_bits()),
                Piece::Break => writeln!(said, "break"),
            };
        }
        for concept in self.concepts.iter() {
            let _ = writeln!(said, "{:?} {}", concept.name, concept.sha256);
        }
        hex(Sha256::digest(said))
    }
}
