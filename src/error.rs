//! Why the command ends without success, and the exit code for each reason. Every verb returns it, and `main.rs` prints it and
//! ends with its code. The words of errors that come from the wire, the daemon's crate or the terminal are theirs.

use darkroom_protocol::{Failure, FailureKind};

/// Exit code of a usage error.
const USAGE: u8 = 2;
/// Exit code when no daemon can be reached.
const UNREACHABLE: u8 = 3;
/// Exit code of a job that somebody cancelled, and of an interrupted command.
const CANCELLED: u8 = 130;

/// Why the command ends without success. [`Error::code`] is its exit code.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line says something that cannot be done.
    #[error("{0}")]
    Usage(String),
    /// A text that was typed goes wrong at some place.
    #[error("{message}")]
    Pointed {
        /// What is wrong.
        message: String,
        /// The text, and below it what points at the place; safe to print.
        pointed: String,
    },
    /// Something went wrong on this side.
    #[error("{0}")]
    Failed(String),
    /// The daemon cannot be reached or started.
    #[error("{0}")]
    Unreachable(String),
    /// The conversation with the daemon failed.
    #[error(transparent)]
    Wire(#[from] darkroom_protocol::Error),
    /// The job failed.
    #[error("{}", .0.message)]
    Job(Failure),
    /// The job was cancelled, or there is none because the person interrupted.
    #[error("{0}")]
    Cancelled(String),
    /// The person went away from a job, which goes on.
    #[error("{0}")]
    Left(String),
    /// The terminal side could not show a picture.
    #[error(transparent)]
    Graphics(#[from] darkroom_tui::graphics::Error),
    /// The daemon run in this process ended with an error.
    #[error(transparent)]
    Daemon(#[from] darkroom_daemon::Error),
    /// Everything has been said already; only the exit code is left.
    #[error("failed")]
    Said(u8),
    /// The reader of standard output has gone: no reason to complain.
    #[error("broken pipe")]
    BrokenPipe,
}

impl Error {
    /// 1 failed, 2 usage, 3 daemon unreachable, 4 model not found, 5 out of memory, 130 cancelled.
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Pointed { .. } => USAGE,
            Self::Failed(_) | Self::Graphics(_) | Self::Daemon(_) => 1,
            Self::Said(code) => *code,
            Self::Unreachable(_) => UNREACHABLE,
            Self::Wire(e) => code_of_wire(e),
            Self::Job(failure) => code_of(failure.kind),
            Self::Cancelled(_) | Self::Left(_) => CANCELLED,
            Self::BrokenPipe => 0,
        }
    }

    /// Whether nothing is to be printed.
    pub fn is_quiet(&self) -> bool {
        matches!(self, Self::Said(_) | Self::BrokenPipe)
    }

    /// Whether the daemon is gone or silent, so that another connection may go on where this one ended.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Wire(wire) if darkroom_client::is_lost(wire))
    }
}

impl From<darkroom_client::Error> for Error {
    fn from(error: darkroom_client::Error) -> Self {
        match error {
            darkroom_client::Error::Unreachable(what) => Self::Unreachable(what),
            darkroom_client::Error::Failed(what) => Self::Failed(what),
            darkroom_client::Error::Wire(wire) => Self::Wire(wire),
        }
    }
}

fn code_of(kind: FailureKind) -> u8 {
    match kind {
        FailureKind::Usage => USAGE,
        FailureKind::ModelNotFound => 4,
        FailureKind::OutOfMemory => 5,
        FailureKind::BadModel
        | FailureKind::NotANumber
        | FailureKind::Disk
        | FailureKind::Crash
        | FailureKind::Internal => 1,
    }
}

fn code_of_wire(error: &darkroom_protocol::Error) -> u8 {
    use darkroom_protocol::Error as Wire;
    match error {
        Wire::Parameter(_) => USAGE,
        Wire::Remote(e) => code_of(e.kind),
        Wire::Unreachable { .. }
        | Wire::Version { .. }
        | Wire::Elsewhere { .. }
        | Wire::Closed(_)
        | Wire::Bye(_)
        | Wire::Timeout { .. }
        | Wire::Io { .. } => UNREACHABLE,
        Wire::TooLong { .. } | Wire::Malformed(_) | Wire::Path { .. } => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_protocol::message::RemoteError;
    use rstest::rstest;

    #[rstest]
    #[case(FailureKind::Usage, 2)]
    #[case(FailureKind::ModelNotFound, 4)]
    #[case(FailureKind::OutOfMemory, 5)]
    #[case(FailureKind::BadModel, 1)]
    #[case(FailureKind::NotANumber, 1)]
    #[case(FailureKind::Disk, 1)]
    #[case(FailureKind::Crash, 1)]
    #[case(FailureKind::Internal, 1)]
    fn a_failure_has_its_code_whether_refused_or_failed(#[case] kind: FailureKind, #[case] code: u8) {
        let message = "x".to_owned();
        assert_eq!(Error::Job(Failure { kind, message }).code(), code);
        let refused = darkroom_protocol::Error::Remote(RemoteError::new(kind, "x"));
        assert_eq!(Error::Wire(refused).code(), code);
    }

    #[test]
    fn the_other_codes() {
        let closed = Error::Wire(darkroom_protocol::Error::Closed(".".into()));
        assert_eq!((closed.code(), closed.is_lost()), (3, true));
        assert_eq!(Error::Unreachable("x".into()).code(), 3);
        assert_eq!(Error::Cancelled("x".into()).code(), 130);
        assert_eq!((Error::BrokenPipe.code(), Error::BrokenPipe.is_quiet()), (0, true));
        assert_eq!((Error::Said(5).code(), Error::Said(5).is_quiet()), (5, true));
    }
}
