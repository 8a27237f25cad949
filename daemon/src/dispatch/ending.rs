use darkroom_protocol::Failure;
use tokio::time::Instant;

use crate::store::Waiting;

/// How a worker's hold on a job ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every picture is kept.
    Done,
    /// It failed.
    Failed(Failure),
    /// As somebody wished.
    Cancelled,
    /// It goes back into the line; nobody's fault.
    Requeued,
    /// It brought its worker down: back into the line the first time, failed with this the second time.
    Crashed(Failure),
}

/// An end that is yet to be written.
#[derive(Debug)]
pub struct Owed {
    pub waiting: Waiting,
    pub ending: Ending,
    /// When it is tried again.
    pub due: Instant,
}
