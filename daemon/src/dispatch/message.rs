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
    Cancelled {
        /// The job.
        job: JobId,
        /// Whether it may finish the picture in the making.
        after_picture: bool,
    },
    /// The cancel of all these was stored.
    CancelledAll(Vec<JobId>),
    /// A job was put somewhere else in the line, held back, let go, or put into it again.
    Placed(JobId),
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
    /// End the workers; running jobs return to the line. Answered when all have ended.
    Stop(oneshot::Sender<()>),
}
