//! What follows a commit, in the order of commits.
//!
//! A change that is made says what it did ([`Write::tell`]); the store's thread passes that on once the change is committed,
//! before anybody has an answer. The dispatcher alone follows it ([`Store::follow`](super::Store::follow)): it brings its line up to date and
//! publishes the events, so that what leaves the daemon follows the order of commits whoever asked for what.

use std::cell::RefCell;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use darkroom_protocol::event::QueueChange;
use darkroom_protocol::history::HistoryChange;
use darkroom_protocol::{Failure, JobId, JobState, Picture};
use rusqlite::Connection;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::Waiting;

/// A change of rows that is committed.
#[derive(Clone, Debug, PartialEq)]
pub enum Committed {
    /// A job waits, at this place.
    Waits(Waiting, Coming),
    /// Every waiting job has another place, in the same order.
    Redrawn(Vec<(JobId, i64)>),
    /// A job runs.
    Began(JobId),
    /// The end of a running job was asked for.
    Cancelling {
        /// The job.
        job: JobId,
        /// Whether it may finish the picture in the making.
        after_picture: bool,
        /// Whether nobody had asked before.
        first: bool,
    },
    /// A job has ended.
    Ended {
        /// The job.
        job: JobId,
        /// How.
        state: JobState,
        /// Why, where it failed.
        failure: Option<Failure>,
    },
    /// A picture is kept.
    Kept(Picture),
    /// Whether no waiting job is to be started.
    Paused(bool),
    /// Ended jobs were taken off the list.
    Cleared,
    /// Rows of history came, changed or went.
    History(HistoryChange),
}

/// How a job came to wait where it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coming {
    /// It is new.
    Accepted,
    /// A person has given it its place or priority, held it back or let it go.
    Placed(QueueChange),
    /// A person wants it again after it had ended.
    Retried(QueueChange),
    /// It came back from a worker.
    Returned,
}

/// A change in the making: its transaction, and what it will have done.
pub(super) struct Write<'a> {
    tx: &'a Connection,
    told: RefCell<Vec<Committed>>,
}

impl<'a> Write<'a> {
    pub(super) fn new(tx: &'a Connection) -> Self {
        Self {
            tx,
            told: RefCell::default(),
        }
    }

    /// This will have happened, should the change be committed.
    pub(super) fn tell(&self, news: Committed) {
        self.told.borrow_mut().push(news);
    }

    /// What was told, in order.
    pub(super) fn told(self) -> Vec<Committed> {
        self.told.into_inner()
    }
}

impl Deref for Write<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.tx
    }
}

/// Who is told what was committed; nobody before [`Store::follow`](super::Store::follow).
#[derive(Clone, Debug, Default)]
pub(super) struct Listener(Arc<Mutex<Option<UnboundedSender<Committed>>>>);

impl Listener {
    /// Tells it. One that has ended wants to know nothing.
    pub(super) fn tell(&self, news: Vec<Committed>) {
        if news.is_empty() {
            return;
        }
        let listener = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(listener) = listener.as_ref() else { return };
        for each in news {
            let _ = listener.send(each);
        }
    }

    /// Another listener takes the place of the one before.
    pub(super) fn replace(&self) -> UnboundedReceiver<Committed> {
        let (sender, news) = unbounded_channel();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        news
    }
}
