//! Ids of jobs: how rows spell them, and how the next one is made.

use darkroom_protocol::JobId;
use rusqlite::{Connection, OptionalExtension};
use uuid::Builder;

/// An id as the store has it: 32 hexadecimal digits.
pub(super) fn text(job: JobId) -> String {
    job.0.simple().to_string()
}

/// The id that the store's `text` spells.
pub(super) fn parse(text: &str) -> rusqlite::Result<JobId> {
    let wrong = |e| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(e));
    text.parse().map_err(wrong)
}

/// An id for the next job: a UUIDv7 of this millisecond, or of the one after the last job's where that is not over.
///
/// So ids rise with acceptance even when the clock is set back, and no two jobs share the time stamp that names their pictures,
/// nor the short id that people see.
pub(super) fn next(connection: &Connection, now_ms: i64) -> rusqlite::Result<JobId> {
    let last: Option<String> = connection
        .prepare_cached("SELECT id FROM jobs ORDER BY id DESC LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let last_ms = match last {
        Some(id) => millis(parse(&id)?),
        None => 0,
    };
    let ms = u64::try_from(now_ms).unwrap_or(0).max(last_ms + 1);
    loop {
        let mut tail = [0; 10];
        tail.copy_from_slice(&darkroom_protocol::id::fresh().as_bytes()[6..]);
        let job = JobId(Builder::from_unix_timestamp_millis(ms, &tail).into_uuid());
        if !is_taken(connection, job)? {
            return Ok(job);
        }
    }
}

/// Whether another job has its short id.
fn is_taken(connection: &Connection, job: JobId) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM jobs WHERE substr(id, 25) = ?)")?
        .query_row([&text(job)[24..]], |row| row.get(0))
}

/// The time stamp of an id: its first 48 bits.
fn millis(job: JobId) -> u64 {
    (job.0.as_u128() >> 80) as u64
}

/// At most 60 characters of what a stranger sent.
pub(super) fn brief(name: &str) -> String {
    match name.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}
