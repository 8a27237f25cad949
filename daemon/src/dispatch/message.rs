use darkroom_protocol::message::RemoteError;
use tokio::sync::oneshot;

use super::loads::Ask;
use super::named::Named;
use crate::workers::Word;

/// Where the names of the models that are concerned are told, or that it is not clear which one is.
pub type Answer = oneshot::Sender<Result<Vec<String>, RemoteError>>;

/// What the dispatcher is told.
#[derive(Debug)]
pub enum Message {
    /// Answered once the line and the board show everything that was committed before this.
    Settle(oneshot::Sender<()>),
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
