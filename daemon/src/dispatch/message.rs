use darkroom_protocol::JobId;
use darkroom_protocol::message::RemoteError;
use tokio::sync::oneshot;

use super::loads::Ask;
use super::named::Named;
use crate::store::Waiting;
use crate::workers::Word;

/// Where the names of the models that are concerned are told, or that it is not clear which one is.
pub type Answer = oneshot::Sender<Result<Vec<String>, RemoteError>>;

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
    /// A model is to leave memory, `None` for all, on a device, everywhere when empty. Answered with the names of those that do.
    Unload(Option<Named>, String, Answer),
    /// A model is not pinned any more. Answered with its name where it was.
    Unpin(Named, Answer),
    /// End the workers; running jobs return to the line. Answered when all have ended.
    Stop(oneshot::Sender<()>),
}
