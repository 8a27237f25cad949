use std::path::PathBuf;

/// Why a file could not be understood.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system could not read the file.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
