use darkroom_protocol::event::LineStatus;
use darkroom_protocol::{JobId, WorkerStatus};

/// How the work stands: what `status` tells, kept in memory so that telling costs nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Board {
    /// The jobs that wait, as a whole.
    pub line: LineStatus,
    /// Jobs in progress.
    pub running: Vec<JobId>,
    /// Of these, those whose end was asked for.
    pub cancelling: Vec<JobId>,
    /// The workers.
    pub workers: Vec<WorkerStatus>,
    /// Task kinds that some worker runs.
    pub capabilities: Vec<String>,
    /// The device of the first worker, which runs what asks for none; empty until it has told.
    pub default_device: String,
}
