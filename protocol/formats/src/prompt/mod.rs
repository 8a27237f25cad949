//! Prompts as far as tokens: tags, composition, schedules and weights of what a person writes, CLIP's tokenizer, and chunks of tokens.
//! The engine (`engine/src/prompt/`) goes on from here to hidden states; the daemon counts tokens for whoever is writing
//! (`count`). Nothing here knows a tensor, and what a weight does is the engine's.

pub mod attention;
pub mod brackets;
pub mod chunks;
pub mod comfy;
pub mod compel;
pub mod composition;
mod count;
pub mod embedding;
mod error;
pub mod schedule;
pub mod tags;
pub mod tokenizer;

pub use count::{Count, count};
pub use embedding::Embedding;
pub use error::{Error, Result};
pub use tokenizer::{Encoder, Tokenizer};

use darkroom_protocol::PromptSyntax;

/// A piece of a text.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// Words, and how much they weigh.
    Text(String, f64),
    /// A new chunk begins here.
    Break,
}

impl Piece {
    /// Words of weight 1.
    pub fn plain(text: impl Into<String>) -> Self {
        Self::Text(text.into(), 1.0)
    }
}

/// How tokens are laid into chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Laying {
    /// As AUTOMATIC1111 does: what follows a comma among the last 20 tokens of a full chunk goes into the next.
    #[default]
    Commas,
    /// As ComfyUI does: a piece of less than 8 tokens stays whole.
    Pieces,
}

impl Laying {
    /// That of the program whose syntax it is.
    pub fn of(syntax: PromptSyntax) -> Self {
        match syntax {
            PromptSyntax::Comfy => Self::Pieces,
            _ => Self::Commas,
        }
    }
}

/// The pieces of `text`, which has no tags, no `AND` and no edits any more. Never empty.
///
/// # Errors
/// [`Error::Refused`] naming a method of compel's that is not known.
pub fn pieces(text: &str, syntax: PromptSyntax) -> Result<Vec<Piece>> {
    Ok(match syntax {
        PromptSyntax::Plain => vec![Piece::plain(text)],
        PromptSyntax::A1111 => attention::parse(text),
        PromptSyntax::Comfy => comfy::parse(text),
        PromptSyntax::Compel => compel::parse(text)?,
    })
}

/// How much a part of a composition counts, and its texts, each with the last step that it is for.
pub type Part = (f64, Vec<(usize, String)>);

/// The parts of `text`, which has no tags any more, over `steps` steps, of which the pass before had `before`. Where `composes` is false,
/// `AND` is a word. Never empty, nor is a part.
pub fn parts(text: &str, syntax: PromptSyntax, composes: bool, steps: usize, before: Option<usize>) -> Vec<Part> {
    let changes = syntax == PromptSyntax::A1111;
    let parts = match changes && composes {
        true => composition::parts(text),
        false => vec![(text, 1.0)],
    };
    let spans = |text: &str| match changes {
        true => schedule::schedule(text, steps, before),
        false => vec![(steps, text.to_owned())],
    };
    parts.into_iter().map(|(text, weight)| (weight, spans(text))).collect()
}
