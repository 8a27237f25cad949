/// Why a prompt cannot be read, or a tokenizer not be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the tokenizer, or a word that it cannot spell.
    #[error("tokenizer: config {field}: {what}")]
    Tokenizer {
        /// The file, or the field of one.
        field: String,
        /// What is wrong and what to do.
        what: String,
    },
    /// Something in a prompt that is not known or cannot be: whole sentences.
    #[error("{0}")]
    Refused(String),
    /// A file that cannot be read.
    #[error(transparent)]
    Files(#[from] crate::Error),
}

/// What fallible functions of this module return.
pub type Result<T, E = Error> = std::result::Result<T, E>;
