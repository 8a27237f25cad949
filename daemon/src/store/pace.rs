//! What earlier jobs took and what the jobs ahead ask for, as `forecast` needs it to tell when a waiting job begins. Only columns
//! that an index holds are read; the arithmetic is not here.

use rusqlite::Row;

use super::{Store, id};
use crate::Result;
use crate::forecast::{Ahead, Measured};

/// Ended jobs that are looked at for the pace.
const MEASURED: u32 = 30;

impl Store {
    /// What the jobs that were done last took, the last one first. Those that had pictures before they began are left out: they
    /// would seem fast.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn measured(&self) -> Result<Vec<Measured>> {
        self.read(|c| {
            let mut statement = c.prepare_cached(&format!(
                "SELECT model, work, (finished_ms - started_ms) / 1000.0 FROM jobs
                 WHERE seq IN ({LAST_DONE}) AND attempts = 1 AND started_ms < finished_ms ORDER BY finished_ms DESC"
            ))?;
            let rows = statement.query_map([MEASURED], measured)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// The first `limit` jobs that wait and are not held back, in the order in which they run. Read in an index alone.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn ahead(&self, limit: u32) -> Result<Vec<Ahead>> {
        self.read(move |c| {
            let mut statement = c.prepare_cached(
                "SELECT id, model, device, work FROM jobs INDEXED BY jobs_ahead
                 WHERE state = 'queued' AND held = 0 ORDER BY priority DESC, place, seq LIMIT ?",
            )?;
            let rows = statement.query_map([limit], ahead)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }
}

/// The numbers of the jobs that were done last, of those on the list and of those that were cleared.
const LAST_DONE: &str = "SELECT seq FROM (SELECT seq FROM jobs WHERE state = 'done' AND cleared = 0
     AND finished_ms IS NOT NULL ORDER BY finished_ms DESC LIMIT ?1)
     UNION ALL SELECT seq FROM (SELECT seq FROM jobs WHERE state = 'done' AND cleared = 1
     AND finished_ms IS NOT NULL ORDER BY finished_ms DESC LIMIT ?1)";

fn measured(row: &Row<'_>) -> rusqlite::Result<Measured> {
    Ok(Measured {
        model: row.get(0)?,
        work: row.get(1)?,
        seconds: row.get(2)?,
    })
}

fn ahead(row: &Row<'_>) -> rusqlite::Result<Ahead> {
    Ok(Ahead {
        job: id::parse(&row.get::<_, String>(0)?)?,
        model: row.get(1)?,
        device: row.get(2)?,
        work: row.get(3)?,
    })
}
