use darkroom_protocol::{Failure, FailureKind, Outcome};

use crate::Error;

/// How a task ended, from what the engine returned.
pub fn outcome(result: Result<(), Error>) -> Outcome {
    match result {
        Ok(()) => Outcome::Done,
        Err(Error::Cancelled) => Outcome::Cancelled,
        Err(error) => Outcome::Failed(failure(&error)),
    }
}

/// A failure in words that travel, cut where they are too many: a model may hold names of megabytes.
pub fn failure(error: &Error) -> Failure {
    Failure {
        kind: kind(error),
        message: error.to_string(),
    }
    .bounded()
}

fn kind(error: &Error) -> FailureKind {
    match error {
        Error::OutOfMemory { .. } | Error::NoRoom(_) => FailureKind::OutOfMemory,
        Error::NotANumber { .. } => FailureKind::NotANumber,
        Error::Unsupported(_) | Error::Input { .. } => FailureKind::Usage,
        Error::Io { .. } => FailureKind::Disk,
        Error::Model { .. }
        | Error::MissingTensor { .. }
        | Error::TensorShape { .. }
        | Error::Config { .. }
        | Error::Lora { .. }
        | Error::Format(_) => FailureKind::BadModel,
        Error::Torch(_) | Error::Defect | Error::Cancelled => FailureKind::Internal,
    }
}
