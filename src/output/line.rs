//! The lines of `--events`: flat objects that say what they are. docs/events.md describes them for programs.

use darkroom_protocol::{Event, EventKind, Subject};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{Error, Result};

/// An event as one flat object: `event`, `seq`, what it is about (`job`, `load` or `place` of a worker, where it is one of these), and
/// the fields of its kind.
///
/// # Errors
/// When JSON cannot hold it.
pub fn flat(event: &Event) -> Result<Value> {
    let mut line = Map::new();
    line.insert("event".to_owned(), value(&event.kind.name())?);
    line.insert("seq".to_owned(), event.seq.into());
    match &event.of {
        Subject::Job(job) => drop(line.insert("job".to_owned(), value(job)?)),
        Subject::Load(load) => drop(line.insert("load".to_owned(), value(load)?)),
        Subject::Worker(place) => drop(line.insert("place".to_owned(), value(place)?)),
        Subject::Queue | Subject::Models | Subject::Settings | Subject::History => {}
    }
    let fields = match &event.kind {
        EventKind::State(change) => match &change.failure {
            None => json!({ "state": change.state }),
            Some(failure) => json!({
                "state": change.state, "failure_kind": failure.kind, "failure_message": failure.message,
            }),
        },
        EventKind::Progress(progress) => value(progress)?,
        EventKind::Preview(preview) => value(preview)?,
        EventKind::Picture(picture) => value(picture)?,
        EventKind::Notice(text) | EventKind::Warning(text) => json!({ "text": text }),
        EventKind::Queue(change) => value(change)?,
        EventKind::Delivery(delivery) => value(delivery)?,
        EventKind::Load(change) => match &change.failure {
            None => json!({ "model": change.model, "device": change.device, "state": change.state }),
            Some(failure) => json!({
                "model": change.model, "device": change.device, "state": change.state,
                "failure_kind": failure.kind, "failure_message": failure.message,
            }),
        },
        EventKind::Worker(worker) => value(worker)?,
        EventKind::Line(status) => value(status)?,
        EventKind::Models {} => json!({}),
        EventKind::Settings(change) => value(change)?,
        EventKind::History(change) => value(change)?,
    };
    if let Value::Object(fields) = fields {
        line.extend(fields);
    }
    Ok(Value::Object(line))
}

fn value(of: &impl Serialize) -> Result<Value> {
    serde_json::to_value(of).map_err(|e| Error::Failed(format!("No JSON could be made: {e}.")))
}
