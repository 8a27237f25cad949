use darkroom_protocol::{Job, JobId, JobState};
use rusqlite::{Connection, OptionalExtension};

use super::row::{COLUMNS, RawJob, stored};
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

    /// Jobs that have ended, in any of `states` (all ends when empty), the last to end first. Cleared ones are left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ended(&self, states: &[JobState], page: Page) -> Result<Vec<Job>> {
        let states: Vec<JobState> = wanted(states).into_iter().filter(|state| state.is_final()).collect();
        let raws = self.ask(move |c| {
            let mut ends = Vec::new();
            for state in states {
                ends.extend(last_ended(c, state, page)?);
            }
            ends.sort_unstable_by(|a, b| b.cmp(a));
            ends.truncate(page.limit as usize);
            let seqs: Vec<i64> = ends.into_iter().map(|(_, seq)| seq).collect();
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
            let mut open = match page.after {
                Some(job) => Gate::Shut(seq(c, job)?.unwrap_or(0)),
                None => Gate::Open,
            };
            let in_order = [JobState::Running, JobState::Cancelling, JobState::Queued].into_iter();
            for state in in_order.filter(|state| states.contains(state)) {
                seqs.extend(in_line(c, state, &mut open, page.limit as usize - seqs.len())?);
            }
            Ok(rows(c, &seqs)?)
        });
        Ok(raws.await?.into_iter().filter_map(readable).collect())
    }
}

/// Whether the page has begun.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gate {
    Open,
    /// It begins after the job of that number.
    Shut(i64),
}

impl Gate {
    /// Whether the job of that number is on the page.
    fn passes(&mut self, seq: i64) -> bool {
        let open = *self == Self::Open;
        if *self == Self::Shut(seq) {
            *self = Self::Open;
        }
        open
    }
}

/// The numbers of at most `limit` jobs in `state`, which runs or waits, in the order in which they run. Reads no further
/// than it must.
fn in_line(connection: &Connection, state: JobState, gate: &mut Gate, limit: usize) -> rusqlite::Result<Vec<i64>> {
    let sql = match state {
        JobState::Running => "SELECT seq FROM jobs WHERE state = 'running' AND cancel_requested = 0 ORDER BY seq",
        JobState::Cancelling => "SELECT seq FROM jobs WHERE state = 'running' AND cancel_requested = 1 ORDER BY seq",
        _ => "SELECT seq FROM jobs WHERE state = 'queued' ORDER BY priority DESC, place, seq",
    };
    let mut statement = connection.prepare_cached(sql)?;
    let numbers = statement.query_map([], |row| row.get(0))?;
    let on_page = numbers.filter(|seq| seq.as_ref().map_or(true, |seq| gate.passes(*seq)));
    on_page.take(limit).collect()
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
    let mut statement = connection.prepare_cached(
        "SELECT seq FROM jobs WHERE state = ?1 AND (?2 IS NULL OR cancel_requested = ?2) AND cleared = 0 AND seq < ?3
         ORDER BY seq DESC LIMIT ?4",
    )?;
    let (name, asked) = stored(state);
    let rows = statement.query_map((name, asked, before, page.limit), |row| row.get(0))?;
    rows.collect()
}

/// Ends and numbers of the jobs in `state`, which is an end, that ended last.
fn last_ended(connection: &Connection, state: JobState, page: Page) -> rusqlite::Result<Vec<(i64, i64)>> {
    let before = match page.after {
        Some(job) => connection
            .prepare_cached("SELECT finished_ms, seq FROM jobs WHERE id = ? AND finished_ms IS NOT NULL")?
            .query_row([id::text(job)], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?
            .unwrap_or((i64::MIN, 0)),
        None => (i64::MAX, i64::MAX),
    };
    let mut statement = connection.prepare_cached(
        "SELECT finished_ms, seq FROM jobs
         WHERE state = ? AND cleared = 0 AND finished_ms IS NOT NULL AND (finished_ms, seq) < (?, ?)
         ORDER BY finished_ms DESC, seq DESC LIMIT ?",
    )?;
    let rows = statement.query_map((state.name(), before.0, before.1, page.limit), |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
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
    let in_line = raws.iter().filter(|raw| raw.is_in_line()).map(RawJob::seq);
    let positions = position::some(connection, in_line.collect())?;
    let placed = raws.into_iter().map(|raw| {
        let position = positions.get(&raw.seq()).copied();
        raw.at(position)
    });
    Ok(placed.collect())
}

fn readable(raw: RawJob) -> Option<Job> {
    raw.job().inspect_err(|error| tracing::warn!("{error}")).ok()
}
