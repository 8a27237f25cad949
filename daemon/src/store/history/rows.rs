//! Rows of pictures read and written: what lists show, all that is kept of one, what the index is made of, and the few columns that
//! change later.

use std::collections::HashMap;

use darkroom_protocol::history::{Entry, EntryDetail, PROMPT_SHOWN};
use darkroom_protocol::{GenerateRequest, Task};
use rusqlite::{Connection, OptionalExtension, Row};

use super::keep::{index, unindex};
use crate::store::fault::Fault;
use crate::store::id;

/// The columns that [`entry`] reads, in its order.
const COLUMNS: &str =
    "id, job_id, place, path, sha256, bytes, width, height, created_ms, substr(prompt, 1, ?1), model, seed, starred,
     trashed_ms, missing, writer";

/// What the index holds of a picture.
pub(super) struct Words {
    pub(super) moment: i64,
    pub(super) prompt: String,
    pub(super) negative: String,
    pub(super) model: String,
    pub(super) sampler: String,
    pub(super) seed: Option<u64>,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) job: Option<String>,
    pub(super) starred: bool,
    pub(super) trashed: bool,
    pub(super) missing: bool,
}

impl Words {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            moment: row.get(0)?,
            prompt: row.get(1)?,
            negative: row.get(2)?,
            model: row.get(3)?,
            sampler: row.get(4)?,
            seed: row.get(5)?,
            width: row.get(6)?,
            height: row.get(7)?,
            job: row.get(8)?,
            starred: row.get(9)?,
            trashed: row.get(10)?,
            missing: row.get(11)?,
        })
    }
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let job: Option<String> = row.get(1)?;
    Ok(Entry {
        id: row.get(0)?,
        job: job.map(|job| id::parse(&job)).transpose()?,
        index: row.get(2)?,
        path: row.get(3)?,
        sha256: row.get(4)?,
        bytes: row.get(5)?,
        width: row.get(6)?,
        height: row.get(7)?,
        // A clock may have stood before 1970.
        created_ms: row.get::<_, i64>(8)?.max(0) as u64,
        prompt: row.get(9)?,
        model: row.get(10)?,
        seed: row.get(11)?,
        starred: row.get(12)?,
        tags: Vec::new(),
        trashed_ms: row.get(13)?,
        missing: row.get(14)?,
        writer: row.get(15)?,
    })
}

/// The rows of a page.
pub(super) fn page() -> String {
    format!("SELECT {COLUMNS} FROM pictures WHERE moment IN (SELECT value FROM json_each(?2)) ORDER BY moment DESC")
}

/// The tags of a page's pictures.
pub(super) const TAGS: &str =
    "SELECT picture, tag FROM picture_tags WHERE picture IN (SELECT value FROM json_each(?)) ORDER BY picture, tag";

/// The pictures of these moments, the newest first.
pub(super) fn at(connection: &Connection, moments: &[i64]) -> rusqlite::Result<Vec<Entry>> {
    let mut statement = connection.prepare_cached(&page())?;
    let rows = statement.query_map((PROMPT_SHOWN as i64, list(moments)), entry)?;
    let mut entries = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let ids: Vec<i64> = entries.iter().map(|entry| entry.id as i64).collect();
    let mut tags: HashMap<u64, Vec<String>> = HashMap::new();
    let mut statement = connection.prepare_cached(TAGS)?;
    for row in statement.query_map([list(&ids)], |row| Ok((row.get(0)?, row.get(1)?)))? {
        let (picture, tag) = row?;
        tags.entry(picture).or_default().push(tag);
    }
    for entry in &mut entries {
        entry.tags = tags.remove(&entry.id).unwrap_or_default();
    }
    Ok(entries)
}

/// Numbers as a list that one parameter holds.
fn list(numbers: &[i64]) -> String {
    let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
    format!("[{}]", numbers.join(","))
}

/// All that is kept of a picture.
pub(super) fn detail(connection: &Connection, id: i64) -> Result<Option<EntryDetail>, Fault> {
    let sql = format!("SELECT {COLUMNS}, task, request, others, model_file, elapsed_ms FROM pictures WHERE id = ?2");
    let read = |row: &Row<'_>| {
        Ok((
            entry(row)?,
            row.get::<_, Option<String>>(16)?,
            row.get::<_, Option<String>>(17)?,
            row.get::<_, Option<String>>(18)?,
            row.get::<_, Option<String>>(19)?,
            row.get::<_, Option<u64>>(20)?,
        ))
    };
    let found = connection
        .prepare_cached(&sql)?
        .query_row((i64::MAX, id), read)
        .optional()?;
    let Some((mut entry, task, request, others, model_file, elapsed_ms)) = found else {
        return Ok(None);
    };
    entry.tags = tags_of(connection, id)?;
    let task = task.and_then(|task| serde_json::from_str::<Task>(&task).ok());
    let made = task
        .as_ref()
        .map(|Task::Image(task)| task.alone(entry.index).to_request());
    let again = task.map(|Task::Image(task)| task.again(entry.index).to_request());
    let said = request.and_then(|request| serde_json::from_str::<GenerateRequest>(&request).ok());
    let mut request = made.or(said).unwrap_or_default();
    // One picture, whatever was made beside it.
    request.batch = None;
    Ok(Some(EntryDetail {
        again: again.unwrap_or_else(|| request.clone()),
        request,
        others: others
            .and_then(|others| serde_json::from_str(&others).ok())
            .unwrap_or_default(),
        model_file: model_file.and_then(|file| serde_json::from_str(&file).ok()),
        elapsed_ms,
        entry,
    }))
}

/// A picture's tags, in order of the alphabet.
pub(super) fn tags_of(connection: &Connection, id: i64) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare_cached("SELECT tag FROM picture_tags WHERE picture = ? ORDER BY tag")?;
    let rows = statement.query_map([id], |row| row.get(0))?;
    rows.collect()
}

/// The picture's file is there.
pub(super) fn put_at(connection: &Connection, id: i64, path: &str) -> rusqlite::Result<()> {
    let same = connection
        .prepare_cached("SELECT path = ? AND missing = 0 FROM pictures WHERE id = ?")?
        .query_row((path, id), |row| row.get(0))?;
    if same {
        return Ok(());
    }
    unindex(connection, id)?;
    connection
        .prepare_cached("UPDATE pictures SET path = ?, missing = 0 WHERE id = ?")?
        .execute((path, id))?;
    index(connection, id)
}

/// The picture's file is away. Where another lies in its place, no path may lead to that: it is said what it was.
pub(super) fn lose(connection: &Connection, id: i64, replaced: bool) -> rusqlite::Result<()> {
    unindex(connection, id)?;
    let path = if replaced {
        "path || ' (replaced, #' || id || ')'"
    } else {
        "path"
    };
    connection
        .prepare_cached(&format!("UPDATE pictures SET missing = 1, path = {path} WHERE id = ?"))?
        .execute([id])?;
    index(connection, id)
}
