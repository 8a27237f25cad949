//! What functions of the client crate fail with, and which of these failures mean that the daemon is gone and another may go on.
//! `follow.rs` connects again by that. The command makes an error of its own of each, with an exit code (`src/error.rs`). A job
//! that failed is none of these: that comes as an event.

/// Why a daemon could not be found, started, followed or asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The daemon cannot be reached or started; how, and what to do, in a sentence or in the last lines of its log.
    #[error("{0}")]
    Unreachable(String),
    /// Something went wrong on this side.
    #[error("{0}")]
    Failed(String),
    /// The conversation failed, or the daemon refused.
    #[error(transparent)]
    Wire(#[from] darkroom_protocol::Error),
}

impl Error {
    /// Whether the daemon is gone or silent, so that another connection may go on where this one ended.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Wire(wire) if is_lost(wire))
    }
}

/// The same of the wire's error alone.
pub fn is_lost(error: &darkroom_protocol::Error) -> bool {
    use darkroom_protocol::Error as Wire;
    matches!(
        error,
        Wire::Closed(_)
            | Wire::Bye(_)
            | Wire::Timeout { .. }
            | Wire::Io { .. }
            | Wire::Unreachable { .. }
            | Wire::Elsewhere { is_passing: true, .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_protocol::Error as Wire;

    #[test]
    fn a_refusal_is_no_loss() {
        assert!(Error::Wire(Wire::Closed(".".into())).is_lost());
        assert!(Error::Wire(Wire::Bye("x".into())).is_lost());
        assert!(!Error::Wire(Wire::Malformed("x".into())).is_lost());
        assert!(!Error::Unreachable("x".into()).is_lost());
    }
}
