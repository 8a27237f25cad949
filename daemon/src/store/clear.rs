//! Jobs that have ended are taken off the list. Their rows go later (`forget`), their pictures never.

use darkroom_protocol::JobState;
use rusqlite::Connection;

use super::transaction::Durability;
use super::{Committed, Store, now_ms};
use crate::Result;

impl Store {
    /// Takes the jobs in these states, which are ends, off the list: how many, and how many stay on it. Their pictures stay, their
    /// rows for as long as the settings say. Durable when this is done.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn clear(&self, states: &[JobState]) -> Result<(u64, u64)> {
        let ends = ends(states);
        self.change(Durability::Durable, move |tx| {
            let mut cleared = 0;
            for state in &ends {
                let sql = "UPDATE jobs SET cleared = 1, cleared_ms = ? WHERE state = ? AND cleared = 0";
                cleared += tx.prepare_cached(sql)?.execute((now_ms(), state.name()))?;
            }
            if cleared > 0 {
                tx.tell(Committed::Cleared);
            }
            Ok((cleared as u64, listed(tx, &JobState::ALL)?))
        })
        .await
    }

    /// How many jobs [`Self::clear`] would take off the list, and how many would stay.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn clearable(&self, states: &[JobState]) -> Result<(u64, u64)> {
        let ends = ends(states);
        self.read(move |c| {
            let cleared = listed(c, &ends)?;
            Ok((cleared, listed(c, &JobState::ALL)? - cleared))
        })
        .await
    }
}

fn ends(states: &[JobState]) -> Vec<JobState> {
    states.iter().copied().filter(|state| state.is_final()).collect()
}

pub(super) const LISTED: &str = "SELECT count(*) FROM jobs WHERE state = ? AND cleared = 0";

/// Jobs in these states that are on the list. Counted in an index.
fn listed(connection: &Connection, states: &[JobState]) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached(LISTED)?;
    let mut jobs = 0;
    for state in states {
        jobs += statement.query_row([state.name()], |row| row.get::<_, u64>(0))?;
    }
    Ok(jobs)
}
