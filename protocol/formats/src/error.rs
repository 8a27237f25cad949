use std::path::{Path, PathBuf};

use crate::safetensors::HeaderProblem;
use crate::shown::Shown;

/// Why a file could not be understood.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system could not read the file.
    #[error("Cannot read {path}: {source}.", path = Shown(&path.to_string_lossy()))]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A safetensors header that is damaged, or is not one.
    #[error("{file}: {problem}", file = Shown(file))]
    Header {
        /// The file's name.
        file: String,
        /// What is wrong with it.
        problem: Box<HeaderProblem>,
    },
}

impl Error {
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}
