//! What the store forgets: rows of jobs that were taken off the list long ago. The daemon asks for it at its start and daily; the
//! pictures' files are never touched here.

use darkroom_protocol::JobId;

use super::transaction::Durability;
use super::{Store, id};
use crate::Result;

/// Rows that are removed at one time: others wait no longer than that takes.
const AT_ONCE: u32 = 200;

impl Store {
    /// Removes rows of jobs that were taken off the list before `cleared_before` (milliseconds since 1970), some at a time: whose.
    /// None when there are no more. Their pictures' files stay. No fsync: to lose it removes them again.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn forget(&self, cleared_before: i64) -> Result<Vec<JobId>> {
        let any = self.read(move |c| {
            let sql = "SELECT EXISTS (SELECT 1 FROM jobs WHERE cleared_ms < ? AND cleared = 1)";
            Ok(c.prepare_cached(sql)?
                .query_row([cleared_before], |row| row.get::<_, bool>(0))?)
        });
        if !any.await? {
            return Ok(Vec::new());
        }
        self.change(Durability::Relaxed, move |tx| {
            let mut statement = tx.prepare_cached(
                "DELETE FROM jobs WHERE seq IN (SELECT seq FROM jobs WHERE cleared_ms < ? AND cleared = 1
                 AND state IN ('done', 'failed', 'cancelled') ORDER BY cleared_ms LIMIT ?) RETURNING id",
            )?;
            let rows = statement.query_map((cleared_before, AT_ONCE), |row| id::parse(&row.get::<_, String>(0)?))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// The jobs that wait or run.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn unfinished(&self) -> Result<Vec<JobId>> {
        self.read(|c| {
            let mut statement = c.prepare_cached("SELECT id FROM jobs WHERE state IN ('queued', 'running')")?;
            let rows = statement.query_map([], |row| id::parse(&row.get::<_, String>(0)?))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }
}
