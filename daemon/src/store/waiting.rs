use darkroom_protocol::JobId;

use super::{Store, id};
use crate::Result;

/// What dispatch needs to know of a job that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The job.
    pub job: JobId,
    /// Higher runs first.
    pub priority: i64,
    /// Its model's name.
    pub model: String,
    /// The device it asks for; empty for the best there is.
    pub device: String,
}

impl Store {
    /// Every job that waits, in the order in which they run: by priority, then age. Tasks are not read whole.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn waiting(&self) -> Result<Vec<Waiting>> {
        self.ask(|c| {
            let mut statement = c.prepare(
                "SELECT id, priority, model, coalesce(json_extract(task, '$.image.device'), '')
                 FROM jobs WHERE state = 'queued' ORDER BY priority DESC, seq",
            )?;
            let rows = statement.query_map([], |row| {
                Ok(Waiting {
                    job: id::parse(&row.get::<_, String>(0)?)?,
                    priority: row.get(1)?,
                    model: row.get(2)?,
                    device: row.get(3)?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }
}
