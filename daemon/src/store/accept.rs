//! A job comes into the queue: once for each request id, durable before anybody is told.

use darkroom_protocol::output::Output as Destination;
use darkroom_protocol::{GenerateRequest, JobId, Task};
use rusqlite::{Connection, OptionalExtension, named_params};
use uuid::Uuid;

use super::fault::Fault;
use super::news::{Coming, Committed, Write};
use super::transaction::Durability;
use super::{Store, Waiting, id, now_ms, place, position};
use crate::forecast::work;
use crate::{Error, Result};

/// A job that the store has promised to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its id.
    pub job: JobId,
    /// Whether this call made it; `false` when the same request was accepted before.
    pub fresh: bool,
    /// Its place in the line, among jobs of its priority.
    pub place: i64,
    /// Jobs that come before it, those that run now included; 0 when it no longer waits.
    pub position: u32,
}

impl Store {
    /// Puts a job into the queue: durable when this is done, at the price of one fsync, which jobs that come at the same time
    /// share. The same `request_id` twice is one job. Jobs are accepted in the order of the calls, whenever the futures are
    /// awaited.
    ///
    /// # Errors
    /// [`Error::OtherRequest`] when that id came with another request before; when the disk is full or fails. Nothing is stored
    /// then.
    pub fn accept(
        &self,
        request_id: Uuid,
        request: &GenerateRequest,
        task: &Task,
    ) -> impl Future<Output = Result<Accepted>> + Send + use<> {
        self.accept_for(request_id, request, task, None)
    }

    /// The same for a job whose pictures go to an output besides the gallery.
    ///
    /// # Errors
    /// As [`Self::accept`].
    pub(crate) fn accept_for(
        &self,
        request_id: Uuid,
        request: &GenerateRequest,
        task: &Task,
        output: Option<&Destination>,
    ) -> impl Future<Output = Result<Accepted>> + Send + use<> {
        let new = NewJob::of(request_id, request, task, output);
        let accepting = new.map(|new| self.change(Durability::Durable, move |tx| new.accept(tx)));
        async move { accepting?.await }
    }
}

/// A row to be.
pub(super) struct NewJob {
    request_id: String,
    kind: &'static str,
    model: String,
    device: String,
    priority: i32,
    request: String,
    task: String,
    output: Option<String>,
    work: f64,
}

impl NewJob {
    pub(super) fn of(
        request_id: Uuid,
        request: &GenerateRequest,
        task: &Task,
        output: Option<&Destination>,
    ) -> Result<Self> {
        let kind = task.kind();
        let Task::Image(image) = task;
        Ok(Self {
            request_id: request_id.simple().to_string(),
            kind,
            model: image.what.model.clone(),
            device: image.compute.device.clone(),
            priority: request.priority.unwrap_or(0),
            request: json(request)?,
            task: json(task)?,
            output: output.map(json).transpose()?,
            work: work(task),
        })
    }

    pub(super) fn accept(self, tx: &Write<'_>) -> Result<Accepted, Fault> {
        if let Some(known) = self.known(tx)? {
            return Ok(known);
        }
        let now = now_ms();
        let job = id::next(tx, now)?;
        let place = place::last(tx)?;
        tx.prepare_cached(
            "INSERT INTO jobs (id, request_id, state, kind, model, priority, place, request, task, created_ms, device, work, output)
             VALUES (:id, :request_id, 'queued', :kind, :model, :priority, :place, :request, :task, :now, :device, :work, :output)",
        )?
        .execute(named_params! {
            ":id": id::text(job), ":request_id": self.request_id, ":kind": self.kind, ":model": self.model,
            ":request": self.request, ":task": self.task, ":now": now, ":priority": self.priority, ":place": place,
            ":device": self.device, ":work": self.work, ":output": self.output,
        })?;
        let accepted = Accepted {
            job,
            fresh: true,
            place,
            position: position::newest(tx, self.priority)?,
        };
        let waiting = Waiting {
            job,
            priority: self.priority,
            place,
            held: false,
            model: self.model,
            device: self.device,
        };
        tx.tell(Committed::Waits(waiting, Coming::Accepted));
        Ok(accepted)
    }

    /// The job that this request made before.
    fn known(&self, connection: &Connection) -> Result<Option<Accepted>, Fault> {
        let found: Option<(String, i64, String)> = connection
            .prepare_cached("SELECT id, place, request FROM jobs WHERE request_id = ?")?
            .query_row([&self.request_id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let Some((id, place, request)) = found else {
            return Ok(None);
        };
        let job = id::parse(&id)?;
        if !is_same(&request, &self.request) {
            return Err(Error::OtherRequest { job }.into());
        }
        Ok(Some(Accepted {
            job,
            fresh: false,
            place,
            position: position::of(connection, job)?.unwrap_or(0),
        }))
    }
}

/// Whether two requests as the store has them ask for the same. A row of an earlier version may spell it otherwise.
fn is_same(stored: &str, given: &str) -> bool {
    let read = |text| serde_json::from_str::<GenerateRequest>(text).ok();
    stored == given || read(stored).is_some_and(|stored| read(given) == Some(stored))
}

fn json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::Unstorable(e.to_string()))
}
