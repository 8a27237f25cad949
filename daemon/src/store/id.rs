use darkroom_protocol::JobId;
use rusqlite::{Connection, OptionalExtension};
use uuid::{Builder, Uuid};

use crate::Error;

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
/// So ids rise with acceptance even when the clock is set back, and no two jobs share the time stamp that people see and that
/// names their pictures.
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
    let mut tail = [0; 10];
    tail.copy_from_slice(&Uuid::now_v7().as_bytes()[6..]);
    Ok(JobId(Builder::from_unix_timestamp_millis(ms, &tail).into_uuid()))
}

/// The time stamp of an id: its first 48 bits.
fn millis(job: JobId) -> u64 {
    (job.0.as_u128() >> 80) as u64
}

/// The range of stored ids that `prefix` may mean: hyphens, case and white space at the ends do not matter.
pub(super) fn range(prefix: &str) -> Result<(String, String), Error> {
    let digits: String = prefix
        .trim()
        .chars()
        .filter(|c| *c != '-')
        .take(33)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    if digits.is_empty() || digits.len() > 32 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Error::NoSuchJob { id: short(prefix) });
    }
    let end = format!("{digits}g");
    Ok((digits, end))
}

/// At most 60 characters of what a stranger sent.
pub(super) fn short(prefix: &str) -> String {
    match prefix.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &prefix[..end]),
        None => prefix.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("0198-AB", "0198ab")]
    #[case(" 0198ab12-0 ", "0198ab120")]
    fn prefixes_are_digits(#[case] prefix: &str, #[case] digits: &str) {
        assert_eq!(range(prefix).unwrap(), (digits.to_owned(), format!("{digits}g")));
    }

    #[rstest]
    #[case("")]
    #[case("--")]
    #[case("xyz")]
    #[case("0198%")]
    #[case("ä")]
    #[case("0123456789abcdef0123456789abcdef0")]
    fn other_prefixes_mean_no_job(#[case] prefix: &str) {
        assert!(matches!(range(prefix), Err(Error::NoSuchJob { .. })));
    }
}
