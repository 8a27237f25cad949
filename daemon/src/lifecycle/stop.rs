use tokio_util::sync::CancellationToken;

/// The daemon's end.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// Everybody is told and given a moment.
    pub gently: CancellationToken,
    /// Nobody is waited for. What was promised is durable all the same.
    pub now: CancellationToken,
}
