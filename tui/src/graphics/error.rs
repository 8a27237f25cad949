use std::path::PathBuf;

/// Why a picture was not shown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such file.
    #[error("There is no file {path}.", path = .0.display())]
    Missing(PathBuf),
    /// The file cannot be opened or read.
    #[error("{path} cannot be read: {source}.", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no picture of a known kind, damaged, or too large.
    #[error("{path} cannot be shown: {why}.", path = path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The terminal cannot show pictures.
    #[error("The picture is not shown: {0}.")]
    NoTerminal(String),
    /// The picture could not be put into the terminal's format.
    #[error("The picture could not be encoded for the terminal: {0}")]
    Encode(String),
    /// Writing to the terminal failed.
    #[error("Writing to the terminal: {0}")]
    Write(#[from] std::io::Error),
}
