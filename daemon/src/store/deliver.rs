//! Which pictures are still to be brought to their job's output, and what became of the others.

use darkroom_protocol::{Delivery, JobId, Output, Picture, Task};
use rusqlite::{OptionalExtension, Row};

use super::row::{PICTURE_COLUMNS, picture};
use super::transaction::Durability;
use super::{Store, id};
use crate::{Error, Result};

/// A job with pictures that are still to be brought to its output.
#[derive(Clone, Debug, PartialEq)]
pub struct Undelivered {
    /// Where to.
    pub output: Output,
    /// What makes them.
    pub task: Task,
    /// How many there will be.
    pub batch: u32,
    /// How often a worker took the job.
    pub attempts: u32,
    /// The pictures in their order, each with the milliseconds since 1970 at which it was made.
    pub pictures: Vec<(Picture, i64)>,
}

/// Ids rise with acceptance.
pub(super) const UNDELIVERED: &str =
    "SELECT id FROM jobs INDEXED BY jobs_with_output WHERE output IS NOT NULL AND EXISTS (
         SELECT 1 FROM pictures WHERE job_id = jobs.id AND place NOT IN (
             SELECT place FROM deliveries WHERE job_id = jobs.id))
     ORDER BY id";

impl Store {
    /// Every job with pictures that are still to be brought, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn undelivered_jobs(&self) -> Result<Vec<JobId>> {
        self.read(|c| {
            let mut statement = c.prepare(UNDELIVERED)?;
            let rows = statement.query_map([], |row| id::parse(&row.get::<_, String>(0)?))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// What is still to be brought of a job; `None` when there is nothing.
    ///
    /// # Errors
    /// When the database fails, or the row was written by another version.
    pub(crate) async fn undelivered(&self, job: JobId) -> Result<Option<Undelivered>> {
        let found = self.read(move |c| {
            let sql = "SELECT output, task, attempts FROM jobs WHERE id = ? AND output IS NOT NULL";
            let read = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get(2)?));
            let job_row = c.prepare_cached(sql)?.query_row([id::text(job)], read).optional()?;
            let sql = format!(
                "SELECT {PICTURE_COLUMNS}, created_ms FROM pictures WHERE job_id = ?1 AND place NOT IN (
                     SELECT place FROM deliveries WHERE job_id = ?1) ORDER BY place"
            );
            let mut statement = c.prepare_cached(&sql)?;
            let rows = statement.query_map([id::text(job)], |row| Ok((picture(row)?, row.get(9)?)))?;
            let pictures = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            Ok(job_row.map(|row| (row, pictures)))
        });
        let Some(((output, task, attempts), pictures)) = found.await? else {
            return Ok(None);
        };
        if pictures.is_empty() {
            return Ok(None);
        }
        let unreadable = |e: serde_json::Error| Error::UnreadableJob {
            job,
            why: e.to_string(),
        };
        let task: Task = serde_json::from_str(&task).map_err(unreadable)?;
        let Task::Image(image) = &task;
        let batch = image.pictures();
        Ok(Some(Undelivered {
            output: serde_json::from_str(&output).map_err(unreadable)?,
            task,
            batch,
            attempts,
            pictures,
        }))
    }

    /// Keeps what became of bringing a picture: durable when this returns, so that it is not brought twice.
    ///
    /// # Errors
    /// When the database fails, or the picture's row is gone.
    pub(crate) async fn delivered(&self, job: JobId, delivery: &Delivery) -> Result<()> {
        let delivery = delivery.clone();
        self.change(Durability::Durable, move |tx| {
            tx.prepare_cached(
                "INSERT OR REPLACE INTO deliveries (job_id, place, path, taken, problem) VALUES (?, ?, ?, ?, ?)",
            )?
            .execute((
                id::text(job),
                delivery.index,
                &delivery.path,
                &delivery.taken,
                &delivery.problem,
            ))?;
            Ok(())
        })
        .await
    }
}
