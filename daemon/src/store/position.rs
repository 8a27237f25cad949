//! How many jobs come before a job: those that run, and those that wait ahead of it and are not held back.

use std::collections::{HashMap, HashSet};

use darkroom_protocol::JobId;
use rusqlite::{Connection, OptionalExtension};

use super::id;

/// The position of the job that was accepted last, which is the last of its `priority`. Its cost does not grow with the line.
pub(super) fn newest(connection: &Connection, priority: i32) -> rusqlite::Result<u32> {
    let ahead: u32 = connection
        .prepare_cached("SELECT coalesce(sum(jobs), 0) FROM waiting WHERE priority >= ?")?
        .query_row([priority], |row| row.get(0))?;
    Ok(running(connection)? + ahead.saturating_sub(1))
}

pub(super) const AHEAD: &str =
    "SELECT (SELECT count(*) FROM jobs INDEXED BY jobs_waiting WHERE state = 'queued' AND held = 0
     AND priority >= me.priority AND (priority > me.priority OR (place, seq) < (me.place, me.seq)))
     FROM jobs me WHERE me.id = ? AND me.state = 'queued' AND me.held = 0";
pub(super) const LINE: &str = "SELECT seq FROM jobs INDEXED BY jobs_waiting WHERE state = 'queued' AND held = 0
     ORDER BY priority DESC, place, seq";

/// The position of any job; `None` when it does not wait or is held back. Counts the line up to it, in the index alone.
pub(super) fn of(connection: &Connection, job: JobId) -> rusqlite::Result<Option<u32>> {
    let ahead: Option<u32> = connection
        .prepare_cached(AHEAD)?
        .query_row([id::text(job)], |row| row.get(0))
        .optional()?;
    ahead.map(|ahead| Ok(running(connection)? + ahead)).transpose()
}

/// The positions of jobs that wait and are not held back, named by their number in the order of acceptance. The line is read up
/// to the last of them, in the index alone.
pub(super) fn some(connection: &Connection, mut wanted: HashSet<i64>) -> rusqlite::Result<HashMap<i64, u32>> {
    let mut found = HashMap::new();
    if wanted.is_empty() {
        return Ok(found);
    }
    let running = running(connection)?;
    let mut statement = connection.prepare_cached(LINE)?;
    for (seq, position) in statement.query_map([], |row| row.get(0))?.zip(running..) {
        let seq = seq?;
        if wanted.remove(&seq) {
            found.insert(seq, position);
        }
        if wanted.is_empty() {
            break;
        }
    }
    Ok(found)
}

fn running(connection: &Connection) -> rusqlite::Result<u32> {
    connection
        .prepare_cached("SELECT count(*) FROM jobs WHERE state = 'running'")?
        .query_row([], |row| row.get(0))
}
