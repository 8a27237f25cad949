//! What goes wrong between the two ends of a connection, and with the folders that both need, in sentences for the person. The
//! codecs, `paths.rs` and the client crate return it; the command has an exit code for each (`src/error.rs`). A refusal by the
//! daemon comes as a `RemoteError` (`message/remote_error.rs`); why a job failed is in `job.rs`.

use std::path::PathBuf;

/// Why a message or a connection was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A request parameter has a value outside its type or range.
    #[error(transparent)]
    Parameter(#[from] crate::params::ParameterError),
    /// A frame or line is longer than the limit.
    #[error("A message of {size} bytes exceeds the limit of {limit} bytes: send pictures with `upload`.")]
    TooLong {
        /// The size that was announced or received.
        size: u64,
        /// The most that is accepted.
        limit: u64,
    },
    /// The bytes are no message of this version.
    #[error("The message could not be read: {0}")]
    Malformed(String),
    /// The other end speaks another version of the wire.
    #[error(
        "The daemon is darkroom {theirs_build} (protocol {theirs}), this command is {ours_build} (protocol {ours}): \
         run `darkroom daemon restart`."
    )]
    Version {
        /// Protocol version of the other end.
        theirs: u16,
        /// Its release.
        theirs_build: String,
        /// Its process id; 0 when it did not say.
        pid: u32,
        /// Protocol version of this process.
        ours: u16,
        /// Its release.
        ours_build: String,
    },
    /// Nobody answers on the socket.
    #[error("No daemon answers on {socket}: {why}", socket = socket.display())]
    Unreachable {
        /// Where it was tried.
        socket: PathBuf,
        /// What the system said and what to do.
        why: String,
    },
    /// A machine elsewhere cannot be reached, for now or until somebody does something.
    #[error("{host}: {why}")]
    Elsewhere {
        /// What the person calls it.
        host: String,
        /// What is wrong and what to do.
        why: String,
        /// Whether trying again may help.
        is_passing: bool,
    },
    /// The other end closed the connection without a word.
    #[error("The daemon closed the connection{0}")]
    Closed(String),
    /// The other end closed the connection and said why.
    #[error("The daemon closed the connection: {0}")]
    Bye(String),
    /// The other end is silent.
    #[error(
        "The daemon did not answer within {seconds} s ({doing}): see `darkroom daemon logs`, \
         or run `darkroom daemon restart --force`."
    )]
    Timeout {
        /// What was being done.
        doing: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The daemon answered with an error.
    #[error("{0}")]
    Remote(crate::message::RemoteError),
    /// A folder that the socket or the data need cannot be used.
    #[error("{path}: {what}", path = path.display())]
    Path {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        what: String,
    },
    /// Reading or writing failed.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// What the system said.
        source: std::io::Error,
    },
}
