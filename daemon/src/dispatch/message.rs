use darkroom_protocol::JobId;
use tokio::sync::oneshot;

use super::loads::Ask;
use crate::store::Waiting;
use crate::workers::Word;

/// What the dispatcher is told.
#[derive(Debug)]
pub enum Message {
    /// A job was stored and waits.
    Accepted(Waiting),
    /// A cancel was stored.
    Cancelled {
        /// The job.
        job: JobId,
        /// Whether it may finish the picture in the making.
        after_picture: bool,
    },
    /// The cancel of all these was stored.
    CancelledAll(Vec<JobId>),
    /// A job was put somewhere else in the line, held back, let go, or put into it again. Answered once that holds.
    Placed(JobId, oneshot::Sender<()>),
    /// Every waiting job has another place, in the same order.
    Redrawn,
    /// The queue was paused or goes on. Answered once no waiting job is started any more.
    Paused(bool, oneshot::Sender<()>),
    /// A worker said something.
    Heard {
        /// Its place.
        slot: usize,
        /// What it said.
        word: Word,
    },
    /// A model is wanted in memory.
    Load(Ask),
    /// A model is to leave memory: its name, all when empty, and the device, everywhere when empty. Answered with the names of
    /// those that do.
    Unload(String, String, oneshot::Sender<Vec<String>>),
    /// A model is not pinned any more. Answered with its name where it was.
    Unpin(String, oneshot::Sender<Vec<String>>),
    /// End the workers; running jobs return to the line. Answered when all have ended.
    Stop(oneshot::Sender<()>),
}
