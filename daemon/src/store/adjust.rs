use darkroom_protocol::{JobId, Task};

use super::row::standing;
use super::transaction::Durability;
use super::{Store, id};
use crate::{Error, Result};

impl Store {
    /// Replaces the task of a running job: memory ran out, and pictures are made by this one from now on. No fsync: to lose it
    /// makes memory run out again. `false` when the job does not run any more.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`], or when the database fails.
    pub(crate) async fn adjust(&self, job: JobId, task: &Task) -> Result<bool> {
        let json = serde_json::to_string(task).map_err(|e| Error::Unstorable(e.to_string()))?;
        self.change(Durability::Relaxed, move |tx| {
            if !standing(tx, job)?.state.is_in_work() {
                return Ok(false);
            }
            let sql = "UPDATE jobs SET task = ? WHERE id = ?";
            tx.prepare_cached(sql)?.execute((&json, id::text(job)))?;
            Ok(true)
        })
        .await
    }
}
