//! Lists of jobs, a page at a time. A page is cut by count and by bytes before its rows are read: what is not on it is never
//! loaded. Each thing that a page says, rows, pictures, what became of outputs, is one question for all of its jobs, and where the
//! page begins and ends is read in indexes alone.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use darkroom_protocol::{Job, JobId, JobState};
use rusqlite::{Connection, OptionalExtension, Row};

use super::row::{COLUMNS, RawJob, complete, stored};
use super::{Store, id, position};
use crate::Result;

/// Bytes that a row or a picture takes beside its texts, about.
const ROW_BYTES: u64 = 512;

/// Which part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Only jobs that come after this place.
    pub after: Option<Cursor>,
    /// At most so many.
    pub limit: u32,
    /// At most about so many bytes of rows, but one job at least.
    pub bytes: u64,
}

/// A place in a list, right after a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// The job, wherever it stands now.
    Job(JobId),
    /// In the line, a job that ran: its number in the order of acceptance.
    Ran(i64),
    /// In the line, a job that waited, where it stood.
    Waited {
        /// Its priority.
        priority: i32,
        /// Its place among those of its priority.
        place: i64,
        /// Its number in the order of acceptance.
        seq: i64,
    },
    /// Among those that have ended, when one did.
    Ended {
        /// Milliseconds since 1970.
        ms: i64,
        /// Its number in the order of acceptance.
        seq: i64,
    },
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Job(job) => job.fmt(f),
            Self::Ran(seq) => write!(f, "ran:{seq}"),
            Self::Waited { priority, place, seq } => write!(f, "waited:{priority}:{place}:{seq}"),
            Self::Ended { ms, seq } => write!(f, "ended:{ms}:{seq}"),
        }
    }
}

impl FromStr for Cursor {
    type Err = ();

    /// As it was printed; a job by its whole id.
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split(':');
        let kind = parts.next().unwrap_or_default();
        let mut number = || parts.next().and_then(|part| part.parse::<i64>().ok()).ok_or(());
        let cursor = match kind {
            "ran" => Self::Ran(number()?),
            "waited" => Self::Waited {
                priority: number()?.try_into().map_err(drop)?,
                place: number()?,
                seq: number()?,
            },
            "ended" => Self::Ended {
                ms: number()?,
                seq: number()?,
            },
            id => Self::Job(id.parse().map_err(drop)?),
        };
        parts.next().is_none().then_some(cursor).ok_or(())
    }
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listed {
    /// Its jobs in order. Rows of another version are left out.
    pub jobs: Vec<Job>,
    /// Where the next page begins; `None` when the list ends here.
    pub next: Option<Cursor>,
}

impl Store {
    /// A page of the jobs in any of `states` (all when empty), newest first. Cleared ones are left out.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn list(&self, states: &[JobState], part: Part) -> Result<Listed> {
        let states = wanted(states);
        let page = self.read(move |c| {
            let mut spots = Vec::new();
            for state in states {
                spots.extend(newest(c, state, part)?);
            }
            spots.sort_unstable_by_key(|spot| std::cmp::Reverse(spot.seq));
            Ok(Raws::read(c, spots, part)?)
        });
        Ok(page.await?.listed())
    }

    /// A page of the jobs that have ended, in any of `states` (all ends when empty), the last to end first. Cleared ones are
    /// left out.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn ended(&self, states: &[JobState], part: Part) -> Result<Listed> {
        let states: Vec<JobState> = wanted(states).into_iter().filter(|state| state.is_final()).collect();
        let page = self.read(move |c| {
            let mut spots = Vec::new();
            for state in states {
                spots.extend(last_ended(c, state, part)?);
            }
            spots.sort_unstable_by_key(|(ms, spot)| std::cmp::Reverse((*ms, spot.seq)));
            let spots = spots.into_iter().map(|(_, spot)| spot).collect();
            Ok(Raws::read(c, spots, part)?)
        });
        Ok(page.await?.listed())
    }

    /// A page of the jobs in any of `states` (all when empty) in the order in which they run: those that run, then those that
    /// wait.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn line(&self, states: &[JobState], part: Part) -> Result<Listed> {
        let states = wanted(states);
        let page = self.read(move |c| {
            let after = place_of(c, part.after)?;
            // One more than the page holds tells whether there is another.
            let most = part.limit as usize + 1;
            let mut spots = Vec::new();
            let asked = match (
                states.contains(&JobState::Running),
                states.contains(&JobState::Cancelling),
            ) {
                (true, false) => Some(false),
                (false, true) => Some(true),
                (true, true) | (false, false) => None,
            };
            if states.contains(&JobState::Running) || asked.is_some() {
                spots.extend(running(c, asked, after, most)?);
            }
            if states.contains(&JobState::Queued) {
                spots.extend(waiting(c, after, most - spots.len())?);
            }
            Ok(Raws::read(c, spots, part)?)
        });
        Ok(page.await?.listed())
    }
}

/// A job of a list that has yet to be read.
struct Spot {
    seq: i64,
    /// Where it is in its list, where not its id says that.
    cursor: Option<Cursor>,
}

/// The rows of a page.
struct Raws {
    raws: Vec<RawJob>,
    next: Option<Cursor>,
}

impl Raws {
    /// Reads as many of `spots` as the page holds, with pictures and positions.
    fn read(connection: &Connection, mut spots: Vec<Spot>, part: Part) -> rusqlite::Result<Self> {
        let all = spots.len();
        let fitting = fitting(connection, &spots, part)?;
        spots.truncate(fitting);
        let raws = rows(connection, &spots)?;
        let last = spots.last().zip(raws.last()).filter(|_| fitting < all);
        let next = last.map(|(spot, raw)| spot.cursor.unwrap_or(Cursor::Job(raw.id())));
        Ok(Self { raws, next })
    }

    fn listed(self) -> Listed {
        Listed {
            jobs: self.raws.into_iter().filter_map(readable).collect(),
            next: self.next,
        }
    }
}

/// Bytes of jobs as they are told, by their lengths, for which no text is read.
pub(super) const LENGTHS: &str =
    "SELECT seq, octet_length(request) + octet_length(task) + coalesce(octet_length(failure_message), 0)
     + (SELECT coalesce(sum(octet_length(path) + ?2), 0) FROM pictures WHERE job_id = jobs.id)
     FROM jobs WHERE seq IN (SELECT value FROM json_each(?1))";

/// How many of `spots` fit the page.
fn fitting(connection: &Connection, spots: &[Spot], part: Part) -> rusqlite::Result<usize> {
    let most = spots.len().min(part.limit as usize);
    let mut statement = connection.prepare_cached(LENGTHS)?;
    let rows = statement.query_map((numbers(&spots[..most]), ROW_BYTES), |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    let lengths: HashMap<i64, u64> = rows.collect::<rusqlite::Result<_>>()?;
    let mut bytes = 0;
    for (at, spot) in spots[..most].iter().enumerate() {
        bytes += ROW_BYTES + lengths.get(&spot.seq).copied().unwrap_or(0);
        if bytes > part.bytes && at > 0 {
            return Ok(at);
        }
    }
    Ok(most)
}

/// The numbers of jobs as a list that one parameter holds.
fn numbers(spots: &[Spot]) -> String {
    let numbers: Vec<String> = spots.iter().map(|spot| spot.seq.to_string()).collect();
    format!("[{}]", numbers.join(","))
}

/// Where in the line the cursor is.
fn place_of(connection: &Connection, after: Option<Cursor>) -> rusqlite::Result<Option<Cursor>> {
    let Some(Cursor::Job(job)) = after else {
        return Ok(after);
    };
    let mut statement = connection.prepare_cached("SELECT state, priority, place, seq FROM jobs WHERE id = ?")?;
    let found = statement.query_row([id::text(job)], |row| {
        let state: String = row.get(0)?;
        let waited = Cursor::Waited {
            priority: row.get(1)?,
            place: row.get(2)?,
            seq: row.get(3)?,
        };
        let is_running = state == JobState::Running.name();
        Ok(if is_running { Cursor::Ran(row.get(3)?) } else { waited })
    });
    found.optional()
}

pub(super) const RUNNING: &str =
    "SELECT seq FROM jobs WHERE state = 'running' AND cleared = 0 AND (?1 IS NULL OR cancel_requested = ?1)
     AND seq > ?2 ORDER BY seq LIMIT ?3";

/// Jobs that a worker has, after the cursor: those that are `asked` to end or not, both when that is `None`.
fn running(
    connection: &Connection,
    asked: Option<bool>,
    after: Option<Cursor>,
    limit: usize,
) -> rusqlite::Result<Vec<Spot>> {
    let after = match after {
        Some(Cursor::Ran(seq)) => seq,
        Some(_) => return Ok(Vec::new()),
        None => 0,
    };
    let mut statement = connection.prepare_cached(RUNNING)?;
    let rows = statement.query_map((asked, after, limit as i64), |row| {
        let seq = row.get(0)?;
        let cursor = Some(Cursor::Ran(seq));
        Ok(Spot { seq, cursor })
    })?;
    rows.collect()
}

pub(super) const WAITING: &str =
    "SELECT priority, place, seq FROM jobs INDEXED BY jobs_waiting WHERE state = 'queued' AND priority <= ?1
     AND (priority < ?1 OR (place, seq) > (?2, ?3)) ORDER BY priority DESC, place, seq LIMIT ?4";

/// Jobs that wait, after the cursor. Reads no further than it must.
fn waiting(connection: &Connection, after: Option<Cursor>, limit: usize) -> rusqlite::Result<Vec<Spot>> {
    let (priority, place, seq) = match after {
        Some(Cursor::Waited { priority, place, seq }) => (priority, place, seq),
        _ => (i32::MAX, i64::MIN, i64::MIN),
    };
    let mut statement = connection.prepare_cached(WAITING)?;
    let rows = statement.query_map((priority, place, seq, limit as i64), |row| {
        let (priority, place, seq) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let cursor = Some(Cursor::Waited { priority, place, seq });
        Ok(Spot { seq, cursor })
    })?;
    rows.collect()
}

fn wanted(states: &[JobState]) -> Vec<JobState> {
    let all = states.is_empty();
    JobState::ALL
        .into_iter()
        .filter(|state| all || states.contains(state))
        .collect()
}

/// The last job before an id; ids rise with numbers.
pub(super) const BEFORE: &str = "SELECT seq FROM jobs WHERE id < ? ORDER BY id DESC LIMIT 1";
/// The newest jobs in a state.
pub(super) const NEWEST: &str =
    "SELECT seq FROM jobs WHERE state = ? AND cleared = 0 AND seq < ? ORDER BY seq DESC LIMIT ?";
/// The same of those that a worker has, which are few: those whose end was asked for, or the others.
const NEWEST_RUNNING: &str =
    "SELECT seq FROM jobs WHERE state = ? AND cleared = 0 AND seq < ? AND cancel_requested = ?4
     ORDER BY seq DESC LIMIT ?3";

/// The newest jobs in `state`, one more than the page holds. A job whose row has gone still has its place among ids.
fn newest(connection: &Connection, state: JobState, part: Part) -> rusqlite::Result<Vec<Spot>> {
    let before = match part.after {
        Some(Cursor::Job(job)) => connection
            .prepare_cached(BEFORE)?
            .query_row([id::text(job)], |row| row.get::<_, i64>(0))
            .optional()?
            .map_or(0, |seq| seq.saturating_add(1)),
        Some(Cursor::Ran(seq) | Cursor::Waited { seq, .. } | Cursor::Ended { seq, .. }) => seq,
        None => i64::MAX,
    };
    let limit = i64::from(part.limit) + 1;
    let spot = |row: &Row<'_>| {
        let (seq, cursor) = (row.get(0)?, None);
        Ok(Spot { seq, cursor })
    };
    match stored(state) {
        (name, None) => {
            let mut statement = connection.prepare_cached(NEWEST)?;
            statement.query_map((name, before, limit), spot)?.collect()
        }
        (name, asked) => {
            let mut statement = connection.prepare_cached(NEWEST_RUNNING)?;
            statement.query_map((name, before, limit, asked), spot)?.collect()
        }
    }
}

pub(super) const LAST_ENDED: &str = "SELECT finished_ms, seq FROM jobs
     WHERE state = ? AND cleared = 0 AND finished_ms IS NOT NULL AND (finished_ms, seq) < (?, ?)
     ORDER BY finished_ms DESC, seq DESC LIMIT ?";

/// The jobs in `state`, which is an end, that ended last, and when: one more than the page holds.
fn last_ended(connection: &Connection, state: JobState, part: Part) -> rusqlite::Result<Vec<(i64, Spot)>> {
    let before = match part.after {
        Some(Cursor::Ended { ms, seq }) => (ms, seq),
        Some(Cursor::Job(job)) => connection
            .prepare_cached("SELECT finished_ms, seq FROM jobs WHERE id = ? AND finished_ms IS NOT NULL")?
            .query_row([id::text(job)], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?
            .unwrap_or((i64::MIN, 0)),
        Some(Cursor::Ran(_) | Cursor::Waited { .. }) | None => (i64::MAX, i64::MAX),
    };
    let mut statement = connection.prepare_cached(LAST_ENDED)?;
    let rows = statement.query_map((state.name(), before.0, before.1, i64::from(part.limit) + 1), |row| {
        let (ms, seq) = (row.get(0)?, row.get(1)?);
        let cursor = Some(Cursor::Ended { ms, seq });
        Ok((ms, Spot { seq, cursor }))
    })?;
    rows.collect()
}

/// The rows of several jobs.
pub(super) fn rows_of() -> String {
    format!("SELECT {COLUMNS} FROM jobs WHERE seq IN (SELECT value FROM json_each(?))")
}

/// The jobs of these spots, with all that is kept of them, and positions.
fn rows(connection: &Connection, spots: &[Spot]) -> rusqlite::Result<Vec<RawJob>> {
    let mut statement = connection.prepare_cached(&rows_of())?;
    let mut found = HashMap::with_capacity(spots.len());
    for raw in statement.query_map([numbers(spots)], RawJob::read)? {
        let raw = raw?;
        found.insert(raw.seq(), raw);
    }
    let raws: Vec<RawJob> = spots.iter().filter_map(|spot| found.remove(&spot.seq)).collect();
    let in_line = raws.iter().filter(|raw| raw.is_in_line()).map(RawJob::seq);
    let positions = position::some(connection, in_line.collect())?;
    let raws = complete(connection, raws)?;
    let placed = raws.into_iter().map(|raw| {
        let position = positions.get(&raw.seq()).copied();
        raw.at(position)
    });
    Ok(placed.collect())
}

fn readable(raw: RawJob) -> Option<Job> {
    raw.job().inspect_err(|error| tracing::warn!("{error}")).ok()
}
