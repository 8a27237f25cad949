//! What the dispatcher is told: by verbs through `Dispatch`, by workers, by the tasks that keep pictures.

use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::worker::{Staged, Wanted};
use darkroom_protocol::{JobId, KeepAlive, LoadId};
use tokio::sync::oneshot;

use super::named::Named;
use crate::Error;
use crate::workers::Word;

/// Where the names of the models that are concerned are told, or that it is not clear which one is.
pub type Answer = oneshot::Sender<Result<Vec<String>, RemoteError>>;

/// A model that somebody wants in memory.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The number of its events.
    pub load: LoadId,
    /// Where; empty for the first worker's device.
    pub device: String,
    /// Which.
    pub wanted: Wanted,
    /// How long it stays when nobody uses it.
    pub keep_alive: KeepAlive,
    /// Whether it stays until it is unpinned.
    pub pinned: bool,
}

/// A picture that is being kept.
#[derive(Debug)]
pub struct Keeping {
    /// The place of the worker that made it.
    pub slot: usize,
    pub job: JobId,
    pub index: u32,
    pub bytes: u64,
    /// To be told when it is over.
    pub kept: oneshot::Sender<()>,
}

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
    /// A worker has made a picture. It says nothing more until `kept` is told.
    Staged {
        /// Its place.
        slot: usize,
        /// The file.
        staged: Staged,
        /// To be told once the picture is kept or lost.
        kept: oneshot::Sender<()>,
    },
    /// A picture is in its place and its row is written, or why not.
    Kept(Keeping, Result<(), Error>),
    /// A model is wanted in memory.
    Load(Ask),
    /// A model is to leave memory, `None` for all, on a device, everywhere when empty. Answered with the names of those that do.
    Unload(Option<Named>, String, Answer),
    /// A model is not pinned any more. Answered with its name where it was.
    Unpin(Named, Answer),
    /// End the workers; running jobs return to the line. Answered when all have ended.
    Stop(oneshot::Sender<()>),
}
