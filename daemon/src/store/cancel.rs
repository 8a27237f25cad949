use darkroom_protocol::{JobId, JobState};
use rusqlite::Transaction;

use super::fault::Fault;
use super::row::standing;
use super::transition::end;
use super::{Store, id};
use crate::Result;
use crate::jobs::Move;

/// What a cancel came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancelled {
    /// The state it found.
    pub before: JobState,
    /// The state now: final, or `running` until the worker has stopped.
    pub now: JobState,
}

impl Store {
    /// Cancels a waiting job at once and marks a running one; one that has ended stays as it is. Durable when this returns.
    ///
    /// # Errors
    /// [`crate::Error::NoSuchJob`], or when the database fails.
    pub async fn cancel(&self, job: JobId) -> Result<Cancelled> {
        self.end(move |tx| cancel(tx, job)).await
    }

    /// As [`Self::cancel`], every job that waits or runs: those that it found, oldest first.
    ///
    /// # Errors
    /// When the database fails; then no job is cancelled.
    pub async fn cancel_all(&self) -> Result<Vec<(JobId, Cancelled)>> {
        self.end(|tx| {
            let mut statement = tx.prepare("SELECT id FROM jobs WHERE state IN ('queued', 'running') ORDER BY seq")?;
            let rows = statement.query_map([], |row| id::parse(&row.get::<_, String>(0)?))?;
            let jobs: Vec<JobId> = rows.collect::<rusqlite::Result<_>>()?;
            jobs.into_iter().map(|job| Ok((job, cancel(tx, job)?))).collect()
        })
        .await
    }
}

fn cancel(tx: &Transaction<'_>, job: JobId) -> Result<Cancelled, Fault> {
    let before = standing(tx, job)?.state;
    let now = match before {
        JobState::Queued => end(tx, job, before, Move::Cancel, None)?,
        JobState::Running => {
            let sql = "UPDATE jobs SET cancel_requested = 1 WHERE id = ?";
            tx.prepare_cached(sql)?.execute([id::text(job)])?;
            before
        }
        JobState::Done | JobState::Failed | JobState::Cancelled => before,
    };
    Ok(Cancelled { before, now })
}
