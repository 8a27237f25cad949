//! Jobs are cancelled: at once while they wait; those that run are marked, and their worker ends them.

use darkroom_protocol::{JobId, JobState};

use super::fault::Fault;
use super::news::{Committed, Write};
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
    /// The state now: final, or `cancelling` until the worker has stopped.
    pub now: JobState,
}

impl Store {
    /// Cancels a waiting job at once and marks a running one, which may finish the picture in the making where that is
    /// `after_picture`; one that has ended stays as it is. Durable when this returns.
    ///
    /// # Errors
    /// [`crate::Error::NoSuchJob`], or when the database fails.
    pub(crate) async fn cancel(&self, job: JobId, after_picture: bool) -> Result<Cancelled> {
        self.end(move |tx| cancel(tx, job, after_picture)).await
    }

    /// As [`Self::cancel`], every job that waits or runs: those that it found, oldest first.
    ///
    /// # Errors
    /// When the database fails; then no job is cancelled.
    pub async fn cancel_all(&self) -> Result<Vec<(JobId, Cancelled)>> {
        self.end(cancel_all).await
    }
}

pub(super) fn cancel_all(tx: &Write<'_>) -> Result<Vec<(JobId, Cancelled)>, Fault> {
    let mut statement = tx.prepare("SELECT id FROM jobs WHERE state IN ('queued', 'running') ORDER BY seq")?;
    let rows = statement.query_map([], |row| id::parse(&row.get::<_, String>(0)?))?;
    let jobs: Vec<JobId> = rows.collect::<rusqlite::Result<_>>()?;
    jobs.into_iter().map(|job| Ok((job, cancel(tx, job, false)?))).collect()
}

pub(super) fn cancel(tx: &Write<'_>, job: JobId, after_picture: bool) -> Result<Cancelled, Fault> {
    let before = standing(tx, job)?.state;
    let now = match before {
        JobState::Queued => end(tx, job, before, Move::Cancel, None)?,
        JobState::Running | JobState::Cancelling => {
            let sql = "UPDATE jobs SET cancel_requested = 1 WHERE id = ?";
            tx.prepare_cached(sql)?.execute([id::text(job)])?;
            tx.tell(Committed::Cancelling {
                job,
                after_picture,
                first: before == JobState::Running,
            });
            JobState::Cancelling
        }
        JobState::Done | JobState::Failed | JobState::Cancelled => before,
    };
    Ok(Cancelled { before, now })
}
