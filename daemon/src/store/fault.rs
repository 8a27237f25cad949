//! What goes wrong on the store's thread, and what a person is told of it.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::Error;
use crate::error::full;

/// What can go wrong on the store's thread: SQLite's errors, which do not know their file, and the daemon's own.
#[derive(Debug)]
pub(super) enum Fault {
    Sqlite(rusqlite::Error),
    Ours(Error),
}

impl Fault {
    /// The daemon's error for it, naming the database `path`.
    pub(super) fn at(self, path: &Path) -> Error {
        match self {
            Self::Sqlite(error) => in_words(path, &error),
            Self::Ours(error) => error,
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

/// What SQLite's `error` means for the person whose database is at `path`, and what to do.
pub(super) fn in_words(path: &Path, error: &rusqlite::Error) -> Error {
    let file = path.file_name().map_or("it".into(), |name| name.to_string_lossy());
    let what = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt) => damaged(&file, &error.to_string()),
        Some(ErrorCode::NotADatabase) => {
            "is not a database: move it away, and a new one is made. Pictures stay where they are.".to_owned()
        }
        Some(ErrorCode::DiskFull) => full(path),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => format!(
            "cannot be written ({error}): make the file and its folder yours and writable, or set DARKROOM_HOME to another folder."
        ),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
            "another program holds it locked: end that program and try again.".to_owned()
        }
        Some(ErrorCode::SystemIoFailure) => {
            format!("the disk failed ({error}): check its free space and its health, then try again.")
        }
        _ => format!("refused a change ({error}): this is a defect of darkroom, please report it."),
    };
    Error::Database {
        path: path.to_owned(),
        what,
    }
}

/// The sentence for a damaged database.
pub(super) fn damaged(file: &str, detail: &str) -> String {
    format!(
        "is damaged ({detail}). Stop the daemon and move {file}, {file}-wal and {file}-shm away: a new one is made, and \
         pictures stay where they are. `sqlite3 {file} .recover` may bring the history back."
    )
}
