//! How pictures come into history: from a job, and from a folder that is imported. Each row is written with its words; one that is
//! made anew, or found at another place, keeps its number.

use darkroom_protocol::history::{HistoryChange, ModelFile, What};
use darkroom_protocol::sampler::Named as _;
use darkroom_protocol::{GenerateRequest, ImageTask, Picture, Task};
use rusqlite::{Connection, OptionalExtension, named_params};

use super::words::{self, Fact};
use super::{free_moment, rows};
use crate::store::fault::Fault;
use crate::store::news::{Committed, Write};
use crate::store::transaction::Durability;
use crate::store::{Store, id};
use crate::{Error, Result, clock};

/// A picture that lies in a folder, as its file was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Found {
    /// Its absolute path.
    pub path: String,
    /// Of its file.
    pub sha256: String,
    /// Of its file.
    pub bytes: u64,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// When its file was written, in milliseconds since 1970.
    pub written_ms: i64,
    /// Who made it; empty where nothing is known.
    pub writer: String,
    /// What its file says of its making.
    pub request: GenerateRequest,
    /// The rest of that, in the writer's words.
    pub others: Vec<(String, String)>,
}

/// What became of a picture that was found in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is new.
    Added,
    /// It was missing, and its row says now where it is.
    Found,
    /// It is there already, here or at another place.
    Known,
}

impl Store {
    /// Takes pictures from a folder into history, all at one time. No fsync: to lose it takes them again.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn import(&self, found: Vec<Found>) -> Result<Vec<Taken>> {
        self.change(Durability::Relaxed, move |tx| {
            let (mut taken, mut added, mut changed) = (Vec::new(), Vec::new(), Vec::new());
            for one in &found {
                let (what, id) = import(tx, one)?;
                match what {
                    Taken::Added => added.push(id as u64),
                    Taken::Found => changed.push(id as u64),
                    Taken::Known => {}
                }
                taken.push(what);
            }
            tell(tx, What::Added, added);
            tell(tx, What::Changed, changed);
            Ok(taken)
        })
        .await
    }
}

/// Says what will have happened to rows.
pub(super) fn tell(tx: &Write<'_>, what: What, pictures: Vec<u64>) {
    for some in pictures.chunks(1000) {
        let pictures = some.to_vec();
        tx.tell(Committed::History(HistoryChange { what, pictures }));
    }
}

const INSERT: &str = "INSERT INTO pictures (job_id, place, path, sha256, bytes, width, height, seed, elapsed_ms, created_ms, task,
     model_file) VALUES (:job, :place, :path, :sha256, :bytes, :width, :height, :seed, :elapsed, :now, :task, :model) RETURNING id";
const REPLACE: &str = "UPDATE pictures SET path = :path, sha256 = :sha256, bytes = :bytes, width = :width, height = :height, seed = :seed,
     elapsed_ms = :elapsed, created_ms = :now, task = :task, model_file = :model, missing = 0 WHERE job_id = :job AND place = :place
     RETURNING id";

/// Keeps a picture of a job. One that is made anew keeps its number.
pub(in crate::store) fn keep(tx: &Write<'_>, picture: &Picture, model: Option<&ModelFile>) -> Result<(), Fault> {
    let job = id::text(picture.job);
    let known = tx
        .prepare_cached("SELECT id FROM pictures WHERE job_id = ? AND place = ?")?
        .query_row((&job, picture.index), |row| row.get::<_, i64>(0))
        .optional()?;
    if let Some(id) = known {
        unindex(tx, id)?;
    }
    give_way(tx, &picture.path)?;
    let (task, request): (String, String) = tx
        .prepare_cached("SELECT task, request FROM jobs WHERE id = ?")?
        .query_row([&job], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let sql = match known {
        Some(_) => REPLACE,
        None => INSERT,
    };
    let id: i64 = tx.prepare_cached(sql)?.query_row(
        named_params! {
            ":job": job, ":place": picture.index, ":path": picture.path, ":sha256": picture.sha256, ":bytes": picture.bytes,
            ":width": picture.width, ":height": picture.height, ":seed": picture.seed, ":elapsed": picture.elapsed_ms,
            ":now": clock::now_ms(), ":task": task, ":model": model.map(json).transpose()?,
        },
        |row| row.get(0),
    )?;
    let task: Option<Task> = serde_json::from_str(&task).ok();
    settle(tx, id, task.as_ref().map(|Task::Image(task)| task))?;
    let tags = serde_json::from_str::<GenerateRequest>(&request)
        .ok()
        .and_then(|request| request.tags);
    for tag in tags.unwrap_or_default() {
        tx.prepare_cached("INSERT OR IGNORE INTO picture_tags (picture, tag) VALUES (?, ?)")?
            .execute((id, tag))?;
    }
    index(tx, id)?;
    tell(tx, What::Added, vec![id as u64]);
    Ok(())
}

/// A file of the gallery that was taken for a stranger's before its row came: that row goes.
fn give_way(tx: &Write<'_>, path: &str) -> Result<(), Fault> {
    let stranger = tx
        .prepare_cached("SELECT id FROM pictures WHERE path = ? AND job_id IS NULL")?
        .query_row([path], |row| row.get::<_, i64>(0))
        .optional()?;
    if let Some(id) = stranger {
        unindex(tx, id)?;
        tx.prepare_cached("DELETE FROM pictures WHERE id = ?")?.execute([id])?;
        tell(tx, What::Removed, vec![id as u64]);
    }
    Ok(())
}

/// Writes what the row of a picture says beside its task: its moment, and what the task says.
pub(super) fn settle(connection: &Connection, id: i64, task: Option<&ImageTask>) -> rusqlite::Result<()> {
    let created: i64 = connection
        .prepare_cached("SELECT created_ms FROM pictures WHERE id = ?")?
        .query_row([id], |row| row.get(0))?;
    let moment = free_moment(connection, created, id)?;
    connection
        .prepare_cached("UPDATE pictures SET moment = ? WHERE id = ?")?
        .execute((moment, id))?;
    let Some(task) = task else { return Ok(()) };
    connection
        .prepare_cached("UPDATE pictures SET prompt = ?, negative = ?, model = ?, sampler = ? WHERE id = ?")?
        .execute((
            &task.what.prompt,
            &task.what.negative,
            &task.what.model,
            task.sampling.sampler.name(),
            id,
        ))?;
    Ok(())
}

fn import(tx: &Write<'_>, found: &Found) -> Result<(Taken, i64), Fault> {
    let at_path = tx
        .prepare_cached("SELECT id, sha256, missing FROM pictures WHERE path = ?")?
        .query_row([&found.path], known)
        .optional()?;
    let by_hash = tx
        .prepare_cached(
            "SELECT id, sha256, missing FROM pictures WHERE sha256 = ? ORDER BY missing DESC, moment DESC LIMIT 1",
        )?
        .query_row([&found.sha256], known)
        .optional()?;
    match (at_path, by_hash) {
        (Some((id, sha256, missing)), _) if sha256 == found.sha256 => {
            rows::put_at(tx, id, &found.path)?;
            Ok((if missing { Taken::Found } else { Taken::Known }, id))
        }
        (None, Some((id, _, true))) => {
            rows::put_at(tx, id, &found.path)?;
            Ok((Taken::Found, id))
        }
        (_, Some((id, ..))) => Ok((Taken::Known, id)),
        // Another picture lies where one was: that one is away, and its row keeps what it was.
        (Some((id, ..)), None) => {
            rows::lose(tx, id, true)?;
            add(tx, found)
        }
        (None, None) => add(tx, found),
    }
}

fn known(row: &rusqlite::Row<'_>) -> rusqlite::Result<(i64, String, bool)> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

fn add(tx: &Write<'_>, found: &Found) -> Result<(Taken, i64), Fault> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let request = &found.request;
    let id: i64 = tx
        .prepare_cached(
            "INSERT INTO pictures (place, path, sha256, bytes, width, height, seed, created_ms, prompt, negative, model, sampler,
             request, others, writer) VALUES (0, :path, :sha256, :bytes, :width, :height, :seed, :created, :prompt, :negative, :model,
             :sampler, :request, :others, :writer) RETURNING id",
        )?
        .query_row(
            named_params! {
                ":path": found.path, ":sha256": found.sha256, ":bytes": found.bytes, ":width": found.width, ":height": found.height,
                ":seed": request.seed.filter(|seed| *seed >= 0), ":created": found.written_ms, ":prompt": text(&request.prompt),
                ":negative": text(&request.negative_prompt), ":model": text(&request.model),
                ":sampler": request.sampler.map(|sampler| sampler.name()).unwrap_or_default(),
                ":request": json(request)?, ":others": json(&found.others)?, ":writer": found.writer,
            },
            |row| row.get(0),
        )?;
    settle(tx, id, None)?;
    index(tx, id)?;
    Ok((Taken::Added, id))
}

/// Puts a picture's words into the index.
pub(super) fn index(connection: &Connection, id: i64) -> rusqlite::Result<()> {
    let row = connection
        .prepare_cached(
            "SELECT moment, prompt, negative, model, sampler, seed, width, height, job_id, starred, trashed_ms IS NOT NULL, missing
             FROM pictures WHERE id = ?",
        )?
        .query_row([id], rows::Words::read)?;
    let model = match row.model.is_empty() {
        true => None,
        false => Some(model(connection, &row.model)?),
    };
    let tags = rows::tags_of(connection, id)?;
    let mut facts = vec![Fact::Any, Fact::Width(row.width), Fact::Height(row.height)];
    facts.extend(model.map(Fact::Model));
    facts.extend((!row.sampler.is_empty()).then_some(Fact::Sampler(&row.sampler)));
    facts.extend(row.seed.map(Fact::Seed));
    facts.extend(tags.iter().map(|tag| Fact::Tag(tag)));
    match &row.job {
        Some(job) => facts.extend([Fact::Job(job), Fact::JobsEnd(job.get(24..).unwrap_or_default())]),
        None => facts.push(Fact::Imported),
    }
    facts.extend(row.starred.then_some(Fact::Starred));
    facts.extend(row.trashed.then_some(Fact::Trashed));
    facts.extend(row.missing.then_some(Fact::Missing));
    let (prompt, negative) = (words::wholes(&row.prompt), words::wholes(&row.negative));
    facts.extend(prompt.iter().map(|whole| Fact::Prompt(whole)));
    facts.extend(negative.iter().map(|whole| Fact::Negative(whole)));
    connection
        .prepare_cached(
            "INSERT INTO picture_words (rowid, prompt, negative, prompt_short, negative_short, facts) VALUES (?, ?, ?, ?, ?, ?)",
        )?
        .execute((
            row.moment,
            words::long(&row.prompt),
            words::long(&row.negative),
            words::short(&row.prompt),
            words::short(&row.negative),
            words::facts(&facts),
        ))?;
    Ok(())
}

/// Takes a picture's words out of the index, before its row changes.
pub(super) fn unindex(connection: &Connection, id: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM picture_words WHERE rowid = (SELECT moment FROM pictures WHERE id = ?)")?
        .execute([id])?;
    Ok(())
}

/// The number of the model called `name`.
fn model(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO picture_models (name) VALUES (?)")?
        .execute([name])?;
    connection
        .prepare_cached("SELECT id FROM picture_models WHERE name = ?")?
        .query_row([name], |row| row.get(0))
}

fn json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::Unstorable(e.to_string()))
}
