use darkroom_protocol::JobId;
use rusqlite::{OptionalExtension, Row};

use super::{Store, id};
use crate::Result;

/// What dispatch needs to know of a job that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The job.
    pub job: JobId,
    /// Higher runs first.
    pub priority: i32,
    /// Its place among those of its priority; lower runs first.
    pub place: i64,
    /// Whether it is held back.
    pub held: bool,
    /// Its model's name.
    pub model: String,
    /// The device it asks for; empty for the best there is.
    pub device: String,
}

impl Store {
    /// Every job that waits, in the order in which they run: by priority, then place. Tasks are not read whole.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn waiting(&self) -> Result<Vec<Waiting>> {
        self.ask(|c| {
            let mut statement = c.prepare(&format!("{SELECT} ORDER BY priority DESC, place, seq"))?;
            let rows = statement.query_map([], waiting)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// That job, if it waits.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn waiting_job(&self, job: JobId) -> Result<Option<Waiting>> {
        self.ask(move |c| {
            let mut statement = c.prepare_cached(&format!("{SELECT} AND id = ?"))?;
            Ok(statement.query_row([id::text(job)], waiting).optional()?)
        })
        .await
    }
}

const SELECT: &str = "SELECT id, priority, place, held, model, coalesce(json_extract(task, '$.image.device'), '')
     FROM jobs WHERE state = 'queued'";

fn waiting(row: &Row<'_>) -> rusqlite::Result<Waiting> {
    Ok(Waiting {
        job: id::parse(&row.get::<_, String>(0)?)?,
        priority: row.get(1)?,
        place: row.get(2)?,
        held: row.get(3)?,
        model: row.get(4)?,
        device: row.get(5)?,
    })
}
