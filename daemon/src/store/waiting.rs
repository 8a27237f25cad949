//! The jobs that wait, as dispatch needs to know them.

use darkroom_protocol::JobId;
use rusqlite::{Connection, Row};

use super::id;

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

/// Every job that waits, in the order in which they run.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<Waiting>> {
    let mut statement = connection.prepare(ALL)?;
    let rows = statement.query_map([], waiting)?;
    rows.collect()
}

/// That job, which waits.
pub(super) fn one(connection: &Connection, job: JobId) -> rusqlite::Result<Waiting> {
    let sql = "SELECT id, priority, place, held, model, device FROM jobs WHERE state = 'queued' AND id = ?";
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_row([id::text(job)], waiting)
}

pub(super) const ALL: &str = "SELECT id, priority, place, held, model, device FROM jobs INDEXED BY jobs_ahead
     WHERE state = 'queued' ORDER BY priority DESC, place, seq";

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
