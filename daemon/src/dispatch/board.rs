use darkroom_protocol::JobId;
use darkroom_protocol::message::client::WorkerStatus;

/// How the work stands: what `status` tells, kept in memory so that telling costs nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Board {
    /// Jobs that wait, those that are held back included.
    pub queued: u64,
    /// Jobs that are held back.
    pub held: u64,
    /// Whether the queue is paused.
    pub paused: bool,
    /// Jobs in progress.
    pub running: Vec<JobId>,
    /// Of these, those whose end was asked for.
    pub cancelling: Vec<JobId>,
    /// Why nothing is started for now.
    pub short: Option<String>,
    /// The workers.
    pub workers: Vec<WorkerStatus>,
    /// Task kinds that some worker runs.
    pub capabilities: Vec<String>,
    /// The device of the first worker, which runs what asks for none; empty until it has told.
    pub default_device: String,
}
