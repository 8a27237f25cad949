//! How the line stands, and everything that follows: what the dispatcher begins with.

use tokio::sync::mpsc::UnboundedReceiver;

use super::news::Committed;
use super::{Store, Waiting, pause, waiting};
use crate::Result;

/// How things stood at one commit, and what follows it.
#[derive(Debug)]
pub struct Following {
    /// Every job that waited, in the order in which they run.
    pub waiting: Vec<Waiting>,
    /// Whether the queue was paused.
    pub paused: bool,
    /// Every change since, in the order of commits.
    pub news: UnboundedReceiver<Committed>,
}

impl Store {
    /// How things stand, and every change from there on, in the order of commits. There is one follower: a later one takes an
    /// earlier one's place.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn follow(&self) -> Result<Following> {
        let listener = self.listener().clone();
        // On the thread that writes: no change is committed between the reading and the first that is told.
        self.ask(move |c| {
            Ok(Following {
                waiting: waiting::all(c)?,
                paused: pause::paused(c)?,
                news: listener.replace(),
            })
        })
        .await
    }

    /// Every job that waits, in the order in which they run: by priority, then place. Tasks are not read whole.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn waiting(&self) -> Result<Vec<Waiting>> {
        self.read(|c| Ok(waiting::all(c)?)).await
    }
}
