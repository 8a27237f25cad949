use std::collections::HashMap;

use darkroom_protocol::{Job, JobId, JobState};
use rusqlite::{Connection, OptionalExtension};

use super::row::{COLUMNS, RawJob};
use super::{Store, id, position};
use crate::Result;

/// Which part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Only jobs that come after this one.
    pub after: Option<JobId>,
    /// At most so many.
    pub limit: u32,
}

impl Store {
    /// Jobs in any of `states` (all when empty), newest first. Cleared ones, and rows of another version, are left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(&self, states: &[JobState], page: Page) -> Result<Vec<Job>> {
        let states = wanted(states);
        let raws = self.ask(move |c| {
            let mut seqs = Vec::new();
            for state in states {
                seqs.extend(newest(c, state, page)?);
            }
            seqs.sort_unstable_by(|a, b| b.cmp(a));
            seqs.truncate(page.limit as usize);
            Ok(rows(c, &seqs)?)
        });
        Ok(raws.await?.into_iter().filter_map(readable).collect())
    }

    /// Jobs in any of `states` (all when empty) in the order in which they run: those that run, then those that wait.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn line(&self, states: &[JobState], page: Page) -> Result<Vec<Job>> {
        let states = wanted(states);
        let raws = self.ask(move |c| {
            let mut seqs = Vec::new();
            if states.contains(&JobState::Running) {
                let sql = "SELECT seq FROM jobs WHERE state = 'running' ORDER BY seq";
                seqs.extend(numbers(c, sql)?);
            }
            if states.contains(&JobState::Queued) {
                let sql = "SELECT seq FROM jobs WHERE state = 'queued' ORDER BY priority DESC, place, seq";
                seqs.extend(numbers(c, sql)?);
            }
            let after = match page.after {
                Some(job) => seq(c, job)?
                    .and_then(|seq| seqs.iter().position(|s| *s == seq))
                    .map(|at| at + 1),
                None => Some(0),
            };
            let page = seqs
                .into_iter()
                .skip(after.unwrap_or(usize::MAX))
                .take(page.limit as usize);
            Ok(rows(c, &page.collect::<Vec<i64>>())?)
        });
        Ok(raws.await?.into_iter().filter_map(readable).collect())
    }
}

fn wanted(states: &[JobState]) -> Vec<JobState> {
    let all = states.is_empty();
    JobState::ALL
        .into_iter()
        .filter(|state| all || states.contains(state))
        .collect()
}

/// The numbers of the newest jobs in `state`.
fn newest(connection: &Connection, state: JobState, page: Page) -> rusqlite::Result<Vec<i64>> {
    let before = match page.after {
        Some(job) => seq(connection, job)?.unwrap_or(0),
        None => i64::MAX,
    };
    let mut statement = connection
        .prepare_cached("SELECT seq FROM jobs WHERE state = ? AND cleared = 0 AND seq < ? ORDER BY seq DESC LIMIT ?")?;
    let rows = statement.query_map((state.name(), before, page.limit), |row| row.get(0))?;
    rows.collect()
}

fn numbers(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<i64>> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| row.get(0))?;
    rows.collect()
}

fn seq(connection: &Connection, job: JobId) -> rusqlite::Result<Option<i64>> {
    let mut statement = connection.prepare_cached("SELECT seq FROM jobs WHERE id = ?")?;
    statement.query_row([id::text(job)], |row| row.get(0)).optional()
}

/// The jobs of these numbers, with pictures and positions.
fn rows(connection: &Connection, seqs: &[i64]) -> rusqlite::Result<Vec<RawJob>> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM jobs WHERE seq = ?"))?;
    let mut raws = Vec::with_capacity(seqs.len());
    for seq in seqs {
        raws.push(statement.query_row([seq], RawJob::read)?.with_pictures(connection)?);
    }
    let positions = if raws.iter().any(RawJob::is_in_line) {
        position::all(connection)?
    } else {
        HashMap::new()
    };
    let placed = raws.into_iter().map(|raw| {
        let position = positions.get(&raw.seq()).copied();
        raw.at(position)
    });
    Ok(placed.collect())
}

fn readable(raw: RawJob) -> Option<Job> {
    raw.job().inspect_err(|error| tracing::warn!("{error}")).ok()
}
