//! Rows of jobs, pictures and deliveries as the protocol's types, and what a transition asks of a row first: how the job stands, and
//! whether the move is legal.

use std::collections::HashMap;

use darkroom_protocol::{Delivery, Failure, FailureKind, GenerateRequest, Job, JobId, JobState, Output, Picture, Task};
use rusqlite::{Connection, OptionalExtension, Row};

use super::id;
use crate::jobs::{Move, step};
use crate::{Error, Result};

/// The columns that [`RawJob::read`] reads, in its order.
pub(super) const COLUMNS: &str = "id, state, request, task, created_ms, started_ms, finished_ms, attempts, failure_kind, failure_message, \
     priority, held, seq, cancel_requested, output";
/// The columns that [`picture`] reads, in its order.
pub(super) const PICTURE_COLUMNS: &str = "job_id, place, path, sha256, bytes, width, height, seed, elapsed_ms";

/// A job's row and its pictures, before the JSON is parsed: that is the caller's thread's work.
pub(super) struct RawJob {
    id: JobId,
    state: String,
    request: String,
    task: String,
    created_ms: u64,
    started_ms: Option<u64>,
    finished_ms: Option<u64>,
    attempts: u32,
    failure: Option<(String, String)>,
    pictures: Vec<Picture>,
    priority: i32,
    held: bool,
    seq: i64,
    position: Option<u32>,
    output: Option<String>,
    deliveries: Vec<Delivery>,
}

impl RawJob {
    /// The row of [`COLUMNS`]; what other tables say of it is read by [`complete`].
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let kind: Option<String> = row.get(8)?;
        let message: Option<String> = row.get(9)?;
        Ok(Self {
            id: id::parse(&row.get::<_, String>(0)?)?,
            state: known(row.get(1)?, row.get(13)?),
            request: row.get(2)?,
            task: row.get(3)?,
            created_ms: row.get(4)?,
            started_ms: row.get(5)?,
            finished_ms: row.get(6)?,
            attempts: row.get(7)?,
            failure: kind.zip(message),
            pictures: Vec::new(),
            priority: row.get(10)?,
            held: row.get(11)?,
            seq: row.get(12)?,
            position: None,
            output: row.get(14)?,
            deliveries: Vec::new(),
        })
    }

    pub(super) fn id(&self) -> JobId {
        self.id
    }

    /// Its number in the order of acceptance.
    pub(super) fn seq(&self) -> i64 {
        self.seq
    }

    /// Whether it has a position: it waits and is not held back.
    pub(super) fn is_in_line(&self) -> bool {
        self.state == JobState::Queued.name() && !self.held
    }

    /// With the number of jobs before it.
    pub(super) fn at(mut self, position: Option<u32>) -> Self {
        self.position = position;
        self
    }

    /// The job.
    ///
    /// # Errors
    /// [`Error::UnreadableJob`] when another version wrote what this one does not know.
    pub(super) fn job(self) -> Result<Job> {
        let unreadable = |why: String| Error::UnreadableJob { job: self.id, why };
        let request: GenerateRequest = serde_json::from_str(&self.request).map_err(|e| unreadable(e.to_string()))?;
        let task: Task = serde_json::from_str(&self.task).map_err(|e| unreadable(e.to_string()))?;
        let output: Option<Output> = match &self.output {
            Some(output) => Some(serde_json::from_str(output).map_err(|e| unreadable(e.to_string()))?),
            None => None,
        };
        let state =
            JobState::from_name(&self.state).ok_or_else(|| unreadable(format!("a state named {}", self.state)))?;
        let failure = self.failure.map(|(kind, message)| Failure {
            kind: FailureKind::from_name(&kind).unwrap_or(FailureKind::Internal),
            message,
        });
        let failure = failure.map(Failure::bounded);
        Ok(Job {
            id: self.id,
            state,
            request,
            task,
            created_ms: self.created_ms,
            started_ms: self.started_ms,
            finished_ms: self.finished_ms,
            attempts: self.attempts,
            failure,
            pictures: self.pictures,
            priority: self.priority,
            held: self.held,
            position: self.position,
            progress: None,
            begins_s: None,
            output,
            deliveries: self.deliveries,
        })
    }
}

/// The name of a job's state. A running job whose end was asked for is `cancelling`; that is no state of the table's own, so
/// that an older release reads it too.
fn known(stored: String, cancel_requested: bool) -> String {
    if cancel_requested && stored == JobState::Running.name() {
        return JobState::Cancelling.name().to_owned();
    }
    stored
}

/// The name under which jobs in `state` are stored, and whether their end was asked for where that tells them apart.
pub(super) fn stored(state: JobState) -> (&'static str, Option<bool>) {
    match state {
        JobState::Running => (state.name(), Some(false)),
        JobState::Cancelling => (JobState::Running.name(), Some(true)),
        other => (other.name(), None),
    }
}

/// A row of `pictures`.
pub(super) fn picture(row: &Row<'_>) -> rusqlite::Result<Picture> {
    Ok(Picture {
        job: id::parse(&row.get::<_, String>(0)?)?,
        index: row.get(1)?,
        path: row.get(2)?,
        sha256: row.get(3)?,
        bytes: row.get(4)?,
        width: row.get(5)?,
        height: row.get(6)?,
        seed: row.get(7)?,
        elapsed_ms: row.get(8)?,
    })
}

/// What a transition needs to know of a job.
pub(super) struct Standing {
    pub(super) state: JobState,
    pub(super) crashes: u32,
    pub(super) held: bool,
}

/// How `job` stands.
///
/// # Errors
/// [`Error::NoSuchJob`].
pub(super) fn standing(connection: &Connection, job: JobId) -> Result<Standing, super::fault::Fault> {
    let row = connection
        .prepare_cached("SELECT state, cancel_requested, crashes, held FROM jobs WHERE id = ?")?
        .query_row([id::text(job)], |row| {
            Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    let (state, cancel_requested, crashes, held) = row.ok_or_else(|| Error::NoSuchJob { id: job.to_string() })?;
    let state = known(state, cancel_requested);
    let state = JobState::from_name(&state).ok_or_else(|| Error::UnreadableJob {
        job,
        why: format!("a state named {state}"),
    })?;
    Ok(Standing { state, crashes, held })
}

/// The state after the move `wanted`.
///
/// # Errors
/// [`Error::IllegalMove`].
pub(super) fn legal(job: JobId, state: JobState, wanted: Move) -> Result<JobState, Error> {
    step(state, wanted).ok_or(Error::IllegalMove { job, state, wanted })
}

/// The jobs with their pictures and what became of their outputs: one question each, however many jobs there are.
pub(super) fn complete(connection: &Connection, mut raws: Vec<RawJob>) -> rusqlite::Result<Vec<RawJob>> {
    let mut pictures: HashMap<JobId, Vec<Picture>> = HashMap::new();
    let mut statement = connection.prepare_cached(&pictures_of())?;
    for row in statement.query_map([ids(raws.iter())], picture)? {
        let picture = row?;
        pictures.entry(picture.job).or_default().push(picture);
    }
    let mut deliveries: HashMap<JobId, Vec<Delivery>> = HashMap::new();
    let with_output = ids(raws.iter().filter(|raw| raw.output.is_some()));
    let mut statement = connection.prepare_cached(DELIVERIES)?;
    for row in statement.query_map([with_output], delivery)? {
        let (job, delivery) = row?;
        deliveries.entry(job).or_default().push(delivery);
    }
    for raw in &mut raws {
        raw.pictures = pictures.remove(&raw.id).unwrap_or_default();
        raw.deliveries = deliveries.remove(&raw.id).unwrap_or_default();
    }
    Ok(raws)
}

/// The pictures of several jobs, each job's in their order.
pub(super) fn pictures_of() -> String {
    format!(
        "SELECT {PICTURE_COLUMNS} FROM pictures WHERE job_id IN (SELECT value FROM json_each(?)) ORDER BY job_id, place"
    )
}

/// What became of the pictures of several jobs, each job's in their order.
pub(super) const DELIVERIES: &str = "SELECT job_id, place, path, taken, problem FROM deliveries
     WHERE job_id IN (SELECT value FROM json_each(?)) ORDER BY job_id, place";

/// Ids as a list that one parameter holds.
fn ids<'a>(raws: impl Iterator<Item = &'a RawJob>) -> String {
    let ids: Vec<String> = raws.map(|raw| format!("\"{}\"", id::text(raw.id))).collect();
    format!("[{}]", ids.join(","))
}

/// A row of `deliveries`, and whose.
fn delivery(row: &Row<'_>) -> rusqlite::Result<(JobId, Delivery)> {
    let delivery = Delivery {
        index: row.get(1)?,
        path: row.get(2)?,
        taken: row.get(3)?,
        problem: row.get(4)?,
    };
    Ok((id::parse(&row.get::<_, String>(0)?)?, delivery))
}
