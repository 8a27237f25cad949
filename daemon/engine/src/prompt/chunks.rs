//! A wording in chunks of tokens: `darkroom_formats::prompt::chunks` lays them, here it is told what a wording holds.

use darkroom_formats::prompt::Embedding;
use darkroom_formats::prompt::chunks::{self, Laid};
pub use darkroom_formats::prompt::chunks::{Chunk, empty};

use super::wording::Wording;
use crate::Result;
use crate::text::Tokenizer;

/// The chunks of `wording`, at least one.
///
/// # Errors
/// Those of the tokenizer; [`crate::Error::Unsupported`] for weights that are no numbers and embeddings that are not there or too long.
pub fn lay(tokenizer: &Tokenizer, wording: &Wording) -> Result<Vec<Chunk>> {
    let embeddings: Vec<Embedding> = wording.concepts.iter().map(|concept| concept.named()).collect();
    let laid = Laid {
        pieces: &wording.pieces,
        laying: wording.laying,
        names: wording.names,
        embeddings: &embeddings,
    };
    Ok(chunks::lay(tokenizer, laid)?)
}
