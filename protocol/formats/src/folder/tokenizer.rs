use super::Files;
use crate::Result;

/// Which files spell a tokenizer; names are relative to the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenizerFiles {
    /// The `tokenizers` crate's own format.
    Json(String),
    /// Byte-pair encoding as OpenAI published it.
    Bpe {
        /// Token to id, a JSON object.
        vocab: String,
        /// Merges, one a line, best first.
        merges: String,
    },
    /// The model brings none.
    None,
}

impl TokenizerFiles {
    /// The tokenizer in `folder`: vocab.json with merges.txt before tokenizer.json.
    ///
    /// The two files are what published Stable Diffusion folders have always had; a tokenizer.json beside them says the same.
    ///
    /// # Errors
    /// [`crate::Error::Io`] when the system will not say what is there.
    pub fn find(files: &dyn Files, folder: &str) -> Result<Self> {
        let [vocab, merges, json] = ["vocab.json", "merges.txt", "tokenizer.json"].map(|f| format!("{folder}/{f}"));
        if files.len(&vocab)?.is_some() && files.len(&merges)?.is_some() {
            return Ok(Self::Bpe { vocab, merges });
        }
        Ok(if files.len(&json)?.is_some() {
            Self::Json(json)
        } else {
            Self::None
        })
    }
}
