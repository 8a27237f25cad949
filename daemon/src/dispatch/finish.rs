//! How the end of a job is written: at once, and again for as long as the store does not take it. Whoever decides that a job has
//! ended (`report`, `process`, `assign`) calls [`Dispatcher::end`]; what everybody is told follows the commit.

use std::time::Duration;

use darkroom_protocol::{JobState, failpoint};
use tokio::time::Instant;

use super::dispatcher::Dispatcher;
use super::ending::{Ending, Owed};
use crate::store::Waiting;
use crate::{Error, Result};

/// An end that the store would not take is tried again after so long.
const AGAIN: Duration = Duration::from_secs(1);

impl Dispatcher {
    /// Writes how a job ends; everybody hears of it when it is followed. When the store fails (a full disk), it is tried again
    /// until it does not.
    pub async fn end(&mut self, waiting: Waiting, ending: Ending) {
        let job = waiting.job;
        match self.write(&waiting, &ending).await {
            Ok(state) => {
                tracing::info!(%job, state = state.name(), "a job's turn ends");
                if state.is_final() {
                    self.strange.remove(&job);
                }
                if state == JobState::Done {
                    self.shortage.end();
                }
                self.learn_end(job).await;
            }
            Err(error @ Error::Database { .. }) => {
                tracing::error!("the end of job {job} cannot be written: {error}");
                self.run_short(Some(job), 0, &error);
                let due = Instant::now() + AGAIN;
                self.owed.push(Owed { waiting, ending, due });
            }
            Err(error) => tracing::error!("the end of job {job} was refused: {error}"),
        }
    }

    async fn write(&self, waiting: &Waiting, ending: &Ending) -> Result<JobState> {
        let (store, job) = (&self.tools.store, waiting.job);
        let (state, failure) = match ending {
            Ending::Requeued => return store.requeue(job).await,
            Ending::Crashed(failure) => return store.crash(job, failure.clone()).await,
            Ending::Done => (JobState::Done, None),
            Ending::Failed(failure) => (JobState::Failed, Some(failure.clone())),
            Ending::Cancelled => (JobState::Cancelled, None),
        };
        store.finish(job, state, failure).await?;
        if state == JobState::Done {
            failpoint::hit(11);
        }
        Ok(state)
    }

    /// Tries again to write the ends that are due.
    pub async fn pay(&mut self, now: Instant) {
        let (due, later) = std::mem::take(&mut self.owed)
            .into_iter()
            .partition(|owed| owed.due <= now);
        self.owed = later;
        let due: Vec<Owed> = due;
        for owed in due {
            self.end(owed.waiting, owed.ending).await;
        }
    }
}
