use darkroom_protocol::{GenerateRequest, JobId, Task};
use rusqlite::{Connection, OptionalExtension, Transaction, named_params};
use uuid::Uuid;

use super::fault::Fault;
use super::thread::Durability;
use super::{Store, id, now_ms};
use crate::{Error, Result};

/// A job that the store has promised to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its id.
    pub job: JobId,
    /// Whether this call made it; `false` when the same request was accepted before.
    pub fresh: bool,
    /// Jobs that come before it, those that run now included; 0 when it no longer waits.
    pub position: u32,
}

impl Store {
    /// Puts a job into the queue: durable when this returns, at the price of one fsync. The same `request_id` twice is one job.
    ///
    /// # Errors
    /// When the disk is full or fails; nothing is stored then.
    pub async fn accept(&self, request_id: Uuid, request: &GenerateRequest, task: &Task) -> Result<Accepted> {
        let new = NewJob::of(request_id, request, task)?;
        self.change(Durability::Durable, move |tx| new.accept(tx)).await
    }
}

/// A row to be.
struct NewJob {
    request_id: String,
    kind: &'static str,
    model: String,
    request: String,
    task: String,
}

impl NewJob {
    fn of(request_id: Uuid, request: &GenerateRequest, task: &Task) -> Result<Self> {
        let kind = task.kind();
        let model = match task {
            Task::Image(image) => image.model.clone(),
            Task::Upscale(_) | Task::Caption(_) | Task::Train(_) => String::new(),
        };
        Ok(Self {
            request_id: request_id.simple().to_string(),
            kind,
            model,
            request: json(request)?,
            task: json(task)?,
        })
    }

    fn accept(&self, tx: &Transaction<'_>) -> Result<Accepted, Fault> {
        if let Some(known) = known(tx, &self.request_id)? {
            return Ok(known);
        }
        let now = now_ms();
        let job = id::next(tx, now)?;
        tx.prepare_cached(
            "INSERT INTO jobs (id, request_id, state, kind, model, request, task, created_ms)
             VALUES (:id, :request_id, 'queued', :kind, :model, :request, :task, :now)",
        )?
        .execute(named_params! {
            ":id": id::text(job), ":request_id": self.request_id, ":kind": self.kind, ":model": self.model,
            ":request": self.request, ":task": self.task, ":now": now,
        })?;
        Ok(Accepted {
            job,
            fresh: true,
            position: position(tx, job)?,
        })
    }
}

/// The job that this request made before.
fn known(connection: &Connection, request_id: &str) -> Result<Option<Accepted>, Fault> {
    let id: Option<String> = connection
        .prepare_cached("SELECT id FROM jobs WHERE request_id = ?")?
        .query_row([request_id], |row| row.get(0))
        .optional()?;
    let Some(id) = id else { return Ok(None) };
    let job = id::parse(&id)?;
    Ok(Some(Accepted {
        job,
        fresh: false,
        position: position(connection, job)?,
    }))
}

/// Jobs that run now or will run before `job`.
fn position(connection: &Connection, job: JobId) -> rusqlite::Result<u32> {
    connection
        .prepare_cached(
            "SELECT count(*) FROM jobs me JOIN jobs other ON other.state = 'running' OR (other.state = 'queued'
             AND (other.priority > me.priority OR (other.priority = me.priority AND other.seq < me.seq)))
             WHERE me.id = ? AND me.state = 'queued'",
        )?
        .query_row([id::text(job)], |row| row.get(0))
}

fn json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::Unstorable(e.to_string()))
}
