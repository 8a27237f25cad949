//! Rows that are asked for by name or by number: a job, what a person calls a job, and how many there are. Lists are in
//! `list`.

use darkroom_protocol::{Job, JobId, JobName, JobState};
use rusqlite::{Connection, OptionalExtension};

use super::row::{COLUMNS, RawJob, complete, stored};
use super::{Store, id, position};
use crate::{Error, Result};

/// How many jobs are in a state; in an index alone.
pub(super) const COUNT: &str = "SELECT count(*) FROM jobs WHERE state = ?";
/// The same for those that a worker has, which are few: those whose end was asked for, or the others.
const COUNT_RUNNING: &str = "SELECT count(*) FROM jobs WHERE state = ? AND cancel_requested = ?";

/// Candidates named when a name may mean several jobs.
const CANDIDATES: usize = 5;

impl Store {
    /// The job of that id with its pictures.
    ///
    /// # Errors
    /// When the database fails, or the row was written by another version.
    pub(crate) async fn job(&self, job: JobId) -> Result<Option<Job>> {
        let found = self.read(move |c| {
            let raw = one(c, job)?;
            Ok(raw
                .map(|raw| Ok::<_, rusqlite::Error>(raw.at(position::of(c, job)?)))
                .transpose()?)
        });
        found.await?.map(RawJob::job).transpose()
    }

    /// The job that `name` means: see [`JobName`]. Every request that names a job comes here.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`], or [`Error::AmbiguousJob`] with some of those it may mean.
    pub(crate) async fn find(&self, name: &str) -> Result<JobId> {
        let none = || Error::NoSuchJob { id: id::brief(name) };
        let parsed = JobName::parse(name).ok_or_else(none)?;
        let ids = self.read(move |c| Ok(meant(c, &parsed)?)).await?;
        match ids.as_slice() {
            [] => Err(none()),
            [job] => Ok(*job),
            _ => Err(Error::AmbiguousJob {
                name: id::brief(name),
                candidates: ids,
            }),
        }
    }

    /// How many jobs are in `state`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count(&self, state: JobState) -> Result<u64> {
        self.read(move |c| {
            Ok(match stored(state) {
                (name, None) => c.prepare_cached(COUNT)?.query_row([name], |row| row.get(0))?,
                running => c.prepare_cached(COUNT_RUNNING)?.query_row(running, |row| row.get(0))?,
            })
        })
        .await
    }

    /// Whether the task of some job or of a picture in history names the input of that hash; of jobs whose acceptance was asked for before as well. Reads every
    /// task.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn refers_to(&self, input: &str) -> Result<bool> {
        let input = input.to_owned();
        self.ask(|_| Ok(())).await?;
        self.read(move |c| {
            let mut statement = c.prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM jobs WHERE instr(task, ?1))
                 OR EXISTS (SELECT 1 FROM pictures WHERE instr(coalesce(task, ''), ?1))",
            )?;
            Ok(statement.query_row([input], |row| row.get(0))?)
        })
        .await
    }
}

pub(super) const BEGINNING: &str = "SELECT id FROM jobs WHERE id >= ? AND id < ? ORDER BY id LIMIT ?";
pub(super) const SHORT: &str = "SELECT id FROM jobs WHERE substr(id, 25) >= ? AND substr(id, 25) < ? LIMIT ?";

/// The jobs that `name` may mean, oldest first, at most [`CANDIDATES`]. Read in an index, however many jobs there are.
pub(super) fn meant(connection: &Connection, name: &JobName) -> rusqlite::Result<Vec<JobId>> {
    // After every digit that may follow.
    let end = |digits: &str| format!("{digits}g");
    match name {
        JobName::Beginning(digits) => ids(connection, BEGINNING, (digits, end(digits), CANDIDATES)),
        JobName::Short(digits) => ids(connection, SHORT, (digits, end(digits), CANDIDATES)),
        JobName::Newest(n) => ids(
            connection,
            "SELECT id FROM jobs ORDER BY seq DESC LIMIT 1 OFFSET ?",
            [n - 1],
        ),
        JobName::Running => {
            let sql = "SELECT id FROM jobs WHERE state = 'running' ORDER BY seq LIMIT ?";
            ids(connection, sql, [CANDIDATES])
        }
    }
}

fn ids(connection: &Connection, sql: &str, params: impl rusqlite::Params) -> rusqlite::Result<Vec<JobId>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut ids: Vec<JobId> = statement
        .query_map(params, |row| id::parse(&row.get::<_, String>(0)?))?
        .collect::<rusqlite::Result<_>>()?;
    ids.sort_unstable();
    Ok(ids)
}

/// That job, with its pictures and what became of its output.
fn one(connection: &Connection, job: JobId) -> rusqlite::Result<Option<RawJob>> {
    let raw = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM jobs WHERE id = ?"))?
        .query_row([id::text(job)], RawJob::read)
        .optional()?;
    let whole = complete(connection, raw.into_iter().collect())?;
    Ok(whole.into_iter().next())
}
