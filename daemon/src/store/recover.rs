use darkroom_protocol::{JobId, JobState};

use super::fault::Fault;
use super::news::Write;
use super::row::standing;
use super::transaction::Durability;
use super::transition::requeue;
use super::{Store, id};
use crate::Result;

impl Store {
    /// At start-up: nothing runs, so every running row returns to the queue, or is cancelled where that was requested.
    /// Returns those that wait again, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recover(&self) -> Result<Vec<JobId>> {
        self.change(Durability::Durable, recover).await
    }
}

fn recover(tx: &Write<'_>) -> Result<Vec<JobId>, Fault> {
    let mut statement = tx.prepare("SELECT id FROM jobs WHERE state = 'running' ORDER BY seq")?;
    let running = statement.query_map([], |row| id::parse(&row.get::<_, String>(0)?))?;
    let running: Vec<JobId> = running.collect::<rusqlite::Result<_>>()?;
    let mut waiting = Vec::new();
    for job in running {
        if requeue(tx, job, &standing(tx, job)?)? == JobState::Queued {
            waiting.push(job);
        }
    }
    Ok(waiting)
}
