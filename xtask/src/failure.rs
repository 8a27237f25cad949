//! What tasks of xtask fail with, and the exit code that comes of it. Every task returns it and `main.rs` reports it. Sentences
//! are written where something fails, except those about files, which are made here.

use std::fmt;
use std::process::ExitCode;

pub type Result<T> = std::result::Result<T, Failure>;

/// Why a task ended: one sentence with the remedy in it, or nothing where a child already said it.
#[derive(Debug)]
pub enum Failure {
    Sentence(String),
    Said { code: u8 },
}

impl Failure {
    pub fn new(sentence: impl Into<String>) -> Self {
        Self::Sentence(sentence.into())
    }

    /// A file operation that failed: "Cannot write /x/y: No space left on device."
    pub fn file(action: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        let remedy = match error.kind() {
            std::io::ErrorKind::StorageFull => "free some space and run this again",
            std::io::ErrorKind::PermissionDenied => "make it yours, or choose another folder",
            _ => "run this again once that is mended",
        };
        Self::new(format!("Cannot {action} {}: {error}; {remedy}.", path.display()))
    }

    pub fn report(self) -> ExitCode {
        match self {
            Self::Sentence(sentence) => {
                eprintln!("{sentence}");
                ExitCode::FAILURE
            }
            Self::Said { code } => ExitCode::from(code),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sentence(sentence) => f.write_str(sentence),
            Self::Said { code } => write!(f, "exit code {code}"),
        }
    }
}
