use darkroom_protocol::JobState;

use super::Store;
use super::thread::Durability;
use crate::Result;

impl Store {
    /// Takes the jobs in these states, which are ends, off the list: how many. Their rows and pictures stay. Durable when this
    /// is done.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn clear(&self, states: &[JobState]) -> Result<u64> {
        let ends: Vec<JobState> = states.iter().copied().filter(|state| state.is_final()).collect();
        self.change(Durability::Durable, move |tx| {
            let mut cleared = 0;
            for state in ends {
                let sql = "UPDATE jobs SET cleared = 1 WHERE state = ? AND cleared = 0";
                cleared += tx.prepare_cached(sql)?.execute([state.name()])?;
            }
            Ok(cleared as u64)
        })
        .await
    }
}
