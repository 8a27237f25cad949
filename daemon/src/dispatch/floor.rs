//! What the dispatcher knows of jobs from commits alone: the line of those that wait, and whether the queue is paused.
//!
//! It takes every change in the order of commits and says what is to be told and done because of it. Nothing here waits, asks
//! the store or knows workers, so that every order of events can be tried (`order_tests`).

use darkroom_protocol::event::{LineStatus, StateChange};
use darkroom_protocol::{EventKind, Failure, JobId, JobState, Subject};

use super::line::Line;
use crate::store::{Coming, Committed, Waiting};

/// The jobs that wait, as of the last change that was taken.
#[derive(Clone, Debug, Default)]
pub struct Floor {
    /// The line.
    pub line: Line,
    /// Whether somebody has paused the queue.
    pub paused: bool,
    /// How often whoever keeps a list of jobs had to ask for it again.
    lists: u64,
}

/// What follows from a change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Upshot {
    /// What everybody is told, in order.
    pub events: Vec<(Subject, EventKind)>,
    /// A job whose worker is told to end it, and whether after the picture in the making.
    pub cancel: Option<(JobId, bool)>,
    /// The device of a job that waits now: it may be new, and need a worker.
    pub device: Option<String>,
}

impl Floor {
    /// The jobs that `waiting` lists, in a queue that may be paused.
    pub fn new(waiting: Vec<Waiting>, paused: bool) -> Self {
        let mut line = Line::default();
        waiting.into_iter().for_each(|waiting| line.insert(waiting));
        Self { line, paused, lists: 0 }
    }

    /// The jobs that wait, as a whole, of which for now none is started for this reason.
    pub fn status(&self, short: Option<String>) -> LineStatus {
        LineStatus {
            queued: self.line.len() as u64,
            held: self.line.held() as u64,
            paused: self.paused,
            short,
            lists: self.lists,
        }
    }

    /// Takes a change. They come in the order of commits, each once.
    pub fn take(&mut self, news: Committed) -> Upshot {
        let mut upshot = Upshot::default();
        match news {
            Committed::Waits(waiting, coming) => {
                let job = waiting.job;
                upshot.device = (!waiting.held).then(|| waiting.device.clone());
                self.line.insert(waiting);
                if matches!(coming, Coming::Placed(_) | Coming::Retried(_)) {
                    self.line.insist(job);
                }
                match coming {
                    Coming::Accepted | Coming::Returned => upshot.state(job, JobState::Queued, None),
                    Coming::Placed(change) => upshot.events.push((job.into(), EventKind::Queue(change))),
                    Coming::Retried(change) => {
                        upshot.state(job, JobState::Queued, None);
                        upshot.events.push((job.into(), EventKind::Queue(change)));
                    }
                }
            }
            Committed::Redrawn(places) => {
                self.lists += 1;
                places.into_iter().for_each(|(job, place)| self.line.redraw(job, place));
            }
            Committed::Began(job) => {
                self.line.remove(job);
                upshot.state(job, JobState::Running, None);
            }
            Committed::Cancelling {
                job,
                after_picture,
                first,
            } => {
                if first {
                    upshot.state(job, JobState::Cancelling, None);
                }
                upshot.cancel = Some((job, after_picture));
            }
            Committed::Ended { job, state, failure } => {
                self.line.remove(job);
                upshot.state(job, state, failure);
            }
            Committed::Kept(picture) => upshot.events.push((picture.job.into(), EventKind::Picture(picture))),
            Committed::Paused(paused) => self.paused = paused,
            Committed::Cleared => self.lists += 1,
            Committed::History(change) => upshot.events.push((Subject::History, EventKind::History(change))),
        }
        upshot
    }
}

impl Upshot {
    fn state(&mut self, job: JobId, state: JobState, failure: Option<Failure>) {
        self.events
            .push((job.into(), EventKind::State(StateChange { state, failure })));
    }
}
