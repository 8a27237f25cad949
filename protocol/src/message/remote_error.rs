//! `RemoteError`: the daemon's answer to a request that it refuses or cannot meet. The verbs of the daemon's `server/` return it,
//! as do rooms that they ask, such as `catalog/` and `expand/`; the client hands it on as `Error::Remote`. Its kinds, and how
//! long a message may be, are in `protocol/src/job.rs`; its form in JSON-RPC is in `codec/rpc.rs`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Failure, FailureKind};

/// An error that travels back to the client: the same shape as a job's failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteError {
    /// For programs: the exit code comes from it.
    pub kind: FailureKind,
    /// For people.
    pub message: String,
}

impl RemoteError {
    /// An error of that kind; a message that is too long is cut.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Failure {
            kind,
            message: message.into(),
        }
        .bounded()
        .into()
    }

    /// The request cannot be met as it is.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Usage, message)
    }
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<Failure> for RemoteError {
    fn from(failure: Failure) -> Self {
        Self {
            kind: failure.kind,
            message: failure.message,
        }
    }
}

impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        Self {
            kind: error.kind,
            message: error.message,
        }
    }
}
