//! Which picture a name means.

use darkroom_protocol::JobName;
use darkroom_protocol::history::PictureName;
use rusqlite::Connection;

use super::words::Fact;
use crate::Error;
use crate::store::fault::Fault;
use crate::store::{id, lookup};

/// Pictures and jobs that are named where several may be meant.
const CANDIDATES: usize = 6;

/// The number of the picture that `name` means.
///
/// # Errors
/// [`Error::NoSuchPicture`], [`Error::AmbiguousPicture`] with some of those that it may mean.
pub(super) fn one(connection: &Connection, name: &str) -> Result<i64, Fault> {
    let none = || Error::NoSuchPicture { name: id::brief(name) };
    let ids = match PictureName::parse(name).ok_or_else(none)? {
        PictureName::Id(id) => numbers(connection, "SELECT id FROM pictures WHERE id = ?", [id as i64])?,
        // Copies of one file are one picture as good as another.
        PictureName::Hash(sha256) => {
            let sql = "SELECT id FROM pictures WHERE sha256 = ? ORDER BY missing, moment DESC LIMIT 1";
            numbers(connection, sql, [sha256])?
        }
        PictureName::OfJob(job, index) => match (job_of(connection, &job, name)?, index) {
            (None, _) => vec![],
            (Some(job), Some(index)) => {
                let sql = "SELECT id FROM pictures WHERE job_id = ? AND place = ?";
                numbers(connection, sql, (job, index))?
            }
            (Some(job), None) => {
                let sql = "SELECT id FROM pictures WHERE job_id = ? ORDER BY place LIMIT ?";
                numbers(connection, sql, (job, CANDIDATES))?
            }
        },
    };
    match ids.as_slice() {
        [] => Err(none().into()),
        [one] => Ok(*one),
        several => Err(Error::AmbiguousPicture {
            name: id::brief(name),
            candidates: several.iter().map(|id| *id as u64).collect(),
        }
        .into()),
    }
}

/// The one job that `name` means, as rows spell it; `typed` is how somebody wrote it. One whose own row has gone is found by its
/// pictures.
fn job_of(connection: &Connection, name: &JobName, typed: &str) -> Result<Option<String>, Fault> {
    let mut jobs: Vec<String> = lookup::meant(connection, name)?.into_iter().map(id::text).collect();
    if let Some(asked) = fact(name) {
        let sql = "SELECT DISTINCT job_id FROM pictures WHERE moment IN (
                     SELECT rowid FROM picture_words WHERE picture_words MATCH ? LIMIT 100) AND job_id IS NOT NULL LIMIT ?";
        let mut statement = connection.prepare_cached(sql)?;
        let rows = statement.query_map((asked, CANDIDATES), |row| row.get::<_, String>(0))?;
        for job in rows {
            let job = job?;
            if !jobs.contains(&job) {
                jobs.push(job);
            }
        }
    }
    match jobs.as_slice() {
        [] => Ok(None),
        [job] => Ok(Some(job.clone())),
        several => Err(Error::AmbiguousJob {
            name: id::brief(typed),
            candidates: several.iter().filter_map(|job| id::parse(job).ok()).collect(),
        }
        .into()),
    }
}

/// What the index is asked for a job by that name; `None` for a name that says nothing about its id.
pub(super) fn fact(name: &JobName) -> Option<String> {
    match name {
        JobName::Beginning(digits) => Some(Fact::Job(digits).asked(true)),
        JobName::Short(digits) => Some(Fact::JobsEnd(digits).asked(true)),
        JobName::Newest(_) | JobName::Running => None,
    }
}

fn numbers(connection: &Connection, sql: &str, params: impl rusqlite::Params) -> rusqlite::Result<Vec<i64>> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params, |row| row.get(0))?;
    rows.collect()
}
