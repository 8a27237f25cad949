//! The transitions that dispatch makes: start, return, end, and another try. Each asks `jobs` whether it is legal.

use darkroom_protocol::event::QueueChange;
use darkroom_protocol::history::ModelFile;
use darkroom_protocol::{Failure, FailureKind, JobId, JobState, Picture};
use rusqlite::named_params;

use super::fault::Fault;
use super::news::{Coming, Committed, Write};
use super::pause::paused;
use super::row::{Standing, legal, standing};
use super::transaction::Durability;
use super::{Store, history, id, now_ms, place, waiting};
use crate::jobs::{Move, step};
use crate::{Error, Result};

/// What became of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// It runs.
    Begun,
    /// It does not wait any more, or is held back.
    Gone,
    /// The queue is paused.
    Paused,
}

impl Store {
    /// Queued → running, unless it is held back or the queue is paused. No fsync.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`], or when the database fails.
    pub async fn start(&self, job: JobId) -> Result<Start> {
        self.change(Durability::Relaxed, move |tx| start(tx, job)).await
    }

    /// Running → queued, at its old place; → cancelled when a cancel was requested. Returns the state now. No fsync.
    ///
    /// # Errors
    /// [`Error::IllegalMove`] when it does not run, [`Error::NoSuchJob`], or when the database fails.
    pub(crate) async fn requeue(&self, job: JobId) -> Result<JobState> {
        self.change(Durability::Relaxed, move |tx| requeue(tx, job, &standing(tx, job)?))
            .await
    }

    /// The task's own doing ended its worker. The first time the job returns to the queue, the second time it fails with
    /// `failure`; it is cancelled when a cancel was requested. Returns the state now. One fsync.
    ///
    /// # Errors
    /// [`Error::IllegalMove`] when it does not run, [`Error::NoSuchJob`], or when the database fails.
    pub(crate) async fn crash(&self, job: JobId, failure: Failure) -> Result<JobState> {
        self.end(move |tx| {
            let stand = standing(tx, job)?;
            if stand.crashes == 0 || stand.state == JobState::Cancelling {
                let now = requeue(tx, job, &stand)?;
                tx.prepare_cached("UPDATE jobs SET crashes = crashes + 1 WHERE id = ?")?
                    .execute([id::text(job)])?;
                return Ok(now);
            }
            end(tx, job, stand.state, Move::Fail, Some(&failure))
        })
        .await
    }

    /// Keeps a finished picture of a running job, made by those files; one that was at its place is replaced and leaves its number. No
    /// fsync.
    ///
    /// # Errors
    /// [`Error::IllegalMove`] when the job does not run, [`Error::NoSuchJob`], or when the database fails.
    pub(crate) async fn add_picture(&self, picture: &Picture, model: Option<ModelFile>) -> Result<()> {
        let picture = picture.clone();
        self.change(Durability::Relaxed, move |tx| add_picture(tx, &picture, model.as_ref()))
            .await
    }

    /// Ends a job as `state` says: done, failed (with why) or cancelled. Durable when this returns.
    ///
    /// # Errors
    /// [`Error::IllegalMove`] when the job cannot end so, [`Error::NoSuchJob`], or when the database fails.
    pub async fn finish(&self, job: JobId, state: JobState, failure: Option<Failure>) -> Result<()> {
        self.end(move |tx| finish(tx, job, state, failure.as_ref())).await
    }

    /// Failed or cancelled → queued, behind the others of its priority: attempts and crashes are counted anew, pictures that it
    /// has are kept. Durable when this is done.
    ///
    /// # Errors
    /// [`Error::IllegalMove`] from any other state, [`Error::NoSuchJob`], or when the database fails.
    pub(crate) async fn retry(&self, job: JobId) -> Result<QueueChange> {
        self.change(Durability::Durable, move |tx| retry(tx, job)).await
    }
}

pub(super) fn start(tx: &Write<'_>, job: JobId) -> Result<Start, Fault> {
    let stand = standing(tx, job)?;
    if step(stand.state, Move::Start).is_none() || stand.held {
        return Ok(Start::Gone);
    }
    if paused(tx)? {
        return Ok(Start::Paused);
    }
    let sql = "UPDATE jobs SET state = 'running', started_ms = ?, attempts = attempts + 1 WHERE id = ?";
    tx.prepare_cached(sql)?.execute((now_ms(), id::text(job)))?;
    tx.tell(Committed::Began(job));
    Ok(Start::Begun)
}

pub(super) fn finish(tx: &Write<'_>, job: JobId, state: JobState, failure: Option<&Failure>) -> Result<(), Fault> {
    let before = standing(tx, job)?.state;
    // A state that is no end is not a state to finish in.
    let wanted = Move::ending(state).ok_or(Error::IllegalMove {
        job,
        state: before,
        wanted: Move::Requeue,
    })?;
    end(tx, job, before, wanted, failure)?;
    Ok(())
}

pub(super) fn retry(tx: &Write<'_>, job: JobId) -> Result<QueueChange, Fault> {
    let now = legal(job, standing(tx, job)?.state, Move::Retry)?;
    let place = place::last(tx)?;
    tx.prepare_cached(
        "UPDATE jobs SET state = ?, place = ?, attempts = 0, crashes = 0, cancel_requested = 0, held = 0, cleared = 0,
         cleared_ms = NULL,         started_ms = NULL, finished_ms = NULL, failure_kind = NULL, failure_message = NULL WHERE id = ?",
    )?
    .execute((now.name(), place, id::text(job)))?;
    // What could not be brought is tried again with what is made anew.
    tx.prepare_cached("DELETE FROM deliveries WHERE job_id = ? AND problem IS NOT NULL")?
        .execute([id::text(job)])?;
    let change = place::change(tx, job)?;
    tx.tell(Committed::Waits(waiting::one(tx, job)?, Coming::Retried(change)));
    Ok(change)
}

/// Running → queued or, where a cancel was requested, → cancelled.
pub(super) fn requeue(tx: &Write<'_>, job: JobId, stand: &Standing) -> Result<JobState, Fault> {
    let now = legal(job, stand.state, Move::Requeue)?;
    if now == JobState::Cancelled {
        return end(tx, job, stand.state, Move::Cancel, None);
    }
    let sql = "UPDATE jobs SET state = 'queued', started_ms = NULL WHERE id = ?";
    tx.prepare_cached(sql)?.execute([id::text(job)])?;
    tx.tell(Committed::Waits(waiting::one(tx, job)?, Coming::Returned));
    Ok(now)
}

/// Ends `job`, which is in state `before`.
pub(super) fn end(
    tx: &Write<'_>,
    job: JobId,
    before: JobState,
    wanted: Move,
    failure: Option<&Failure>,
) -> Result<JobState, Fault> {
    let now = legal(job, before, wanted)?;
    let unexplained = Failure {
        kind: FailureKind::Internal,
        message: "The reason was not told.".to_owned(),
    };
    let failure = (now == JobState::Failed).then(|| failure.unwrap_or(&unexplained).clone().bounded());
    tx.prepare_cached(
        "UPDATE jobs SET state = :state, finished_ms = :now, failure_kind = :kind, failure_message = :message WHERE id = :id",
    )?
    .execute(named_params! {
        ":state": now.name(), ":now": now_ms(), ":id": id::text(job),
        ":kind": failure.as_ref().map(|f| f.kind.name()), ":message": failure.as_ref().map(|f| &f.message),
    })?;
    tx.tell(Committed::Ended {
        job,
        state: now,
        failure,
    });
    Ok(now)
}

fn add_picture(tx: &Write<'_>, picture: &Picture, model: Option<&ModelFile>) -> Result<(), Fault> {
    let state = standing(tx, picture.job)?.state;
    if !state.is_in_work() {
        return Err(Error::IllegalMove {
            job: picture.job,
            state,
            wanted: Move::Complete,
        }
        .into());
    }
    history::keep(tx, picture, model)?;
    tx.tell(Committed::Kept(picture.clone()));
    Ok(())
}
