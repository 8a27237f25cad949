use darkroom_protocol::JobId;
use tokio::sync::oneshot;

use crate::store::Waiting;
use crate::workers::Word;

/// What the dispatcher is told.
#[derive(Debug)]
pub enum Message {
    /// A job was stored and waits.
    Accepted(Waiting),
    /// A cancel was stored.
    Cancelled(JobId),
    /// A worker said something.
    Heard {
        /// Its place.
        slot: usize,
        /// What it said.
        word: Word,
    },
    /// End the workers; running jobs return to the line. Answered when all have ended.
    Stop(oneshot::Sender<()>),
}
