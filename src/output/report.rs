//! What standard output gets: a path or a JSON object for each picture, an object for each event, or nothing. `deliver.rs`
//! reports pictures, `watch/follow.rs` events; `generate` and `wait` choose which by their flags. An event's line is made in
//! `line.rs`, and what `show --json` prints in `verbs/show/object.rs`.

use std::path::Path;

use darkroom_protocol::{Event, Job, Picture, Task};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::line as lines;
use crate::{Result, say};

/// What standard output gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// A path a picture.
    Paths,
    /// A JSON object a picture.
    Json,
    /// A JSON object an event.
    Events,
    /// Nothing: it takes the picture itself.
    Nothing,
}

/// A finished picture as `--json` prints it.
#[derive(Serialize)]
struct Line<'a> {
    job: String,
    index: u32,
    path: &'a str,
    width: u32,
    height: u32,
    seed: u64,
    model: &'a str,
    elapsed_ms: u64,
    sha256: &'a str,
    bytes: u64,
    /// What else it was made with, under the names of the request's fields, and when.
    #[serde(flatten)]
    parameters: Map<String, Value>,
}

/// What a picture comes from.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The model's name.
    pub model: String,
    /// The job, where all of it is to be told.
    pub job: Option<Job>,
}

impl Report {
    /// A picture is where it was asked for.
    pub fn picture(self, picture: &Picture, path: &Path, origin: &Origin) -> Result<()> {
        match self {
            Self::Paths => say::path(path),
            Self::Json => say::json(&line(picture, &absolute(path), origin)),
            Self::Events | Self::Nothing => Ok(()),
        }
    }

    /// Something happened.
    pub fn event(self, event: &Event) -> Result<()> {
        match self {
            Self::Events => say::json(&lines::flat(event)?),
            Self::Paths | Self::Json | Self::Nothing => Ok(()),
        }
    }
}

/// The path for programs, which may have another working directory.
pub fn absolute(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    absolute.to_string_lossy().into_owned()
}

fn line<'a>(picture: &'a Picture, path: &'a str, origin: &'a Origin) -> Line<'a> {
    Line {
        job: picture.job.to_string(),
        index: picture.index,
        path,
        width: picture.width,
        height: picture.height,
        seed: picture.seed,
        model: &origin.model,
        elapsed_ms: picture.elapsed_ms,
        sha256: &picture.sha256,
        bytes: picture.bytes,
        parameters: origin.job.as_ref().map(parameters).unwrap_or_default(),
    }
}

/// Every parameter of the task that the line has not said, and the job's times.
fn parameters(job: &Job) -> Map<String, Value> {
    let mut all = Map::new();
    let Task::Image(task) = &job.task;
    if let Ok(Value::Object(request)) = serde_json::to_value(task.to_request()) {
        all.extend(request);
    }
    // What a request leaves out where it is off.
    let compute = &task.compute;
    let quiet = json!({
        "quant": compute.quant, "vae_tiling": compute.vae_tiling, "offload": compute.offload, "threads": compute.threads,
        "micro_batch": compute.micro_batch, "model_source": task.what.source.place(),
    });
    if let Value::Object(quiet) = quiet {
        all.extend(quiet);
    }
    let times = json!({ "priority": job.priority, "created_ms": job.created_ms, "started_ms": job.started_ms });
    if let Value::Object(times) = times {
        all.extend(times);
    }
    all.retain(|name, value| {
        !value.is_null() && !["job", "index", "path", "width", "height", "seed", "model"].contains(&name.as_str())
    });
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_protocol::event::StateChange;
    use darkroom_protocol::{EventKind, Failure, FailureKind, JobId, JobState, Phase, Progress};

    fn job() -> JobId {
        "01990000-0000-7000-8000-000000000000".parse().unwrap()
    }

    fn picture() -> Picture {
        Picture {
            job: job(),
            index: 1,
            path: "/data/a.png".into(),
            sha256: "ba78".into(),
            bytes: 3,
            width: 64,
            height: 48,
            seed: 8,
            elapsed_ms: 1234,
        }
    }

    #[test]
    fn a_picture_line() {
        let picture = picture();
        let origin = Origin {
            model: "emoji".into(),
            job: None,
        };
        let json = serde_json::to_string(&line(&picture, "/home/me/a\u{1b}.png", &origin)).unwrap();
        insta::assert_snapshot!(json, @r#"{"job":"01990000-0000-7000-8000-000000000000","index":1,"path":"/home/me/a\u001b.png","width":64,"height":48,"seed":8,"model":"emoji","elapsed_ms":1234,"sha256":"ba78","bytes":3}"#);
    }

    #[test]
    fn event_lines() {
        let failure = Failure {
            kind: FailureKind::OutOfMemory,
            message: "no room".into(),
        };
        let kinds = [
            EventKind::State(StateChange {
                state: JobState::Failed,
                failure: Some(failure),
            }),
            EventKind::Progress(Progress {
                phase: Phase::Denoise,
                image: 0,
                images: 1,
                step: 5,
                steps: 20,
                sigma: Some(3.5),
                step_s: Some(0.25),
                eta_s: None,
            }),
            EventKind::Picture(picture()),
            EventKind::Notice("hello".into()),
        ];
        let lines: Vec<String> = kinds
            .into_iter()
            .map(|kind| {
                let event = Event {
                    seq: 3,
                    of: job().into(),
                    kind,
                };
                lines::flat(&event).unwrap().to_string()
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        {"event":"state","failure_kind":"out_of_memory","failure_message":"no room","job":"01990000-0000-7000-8000-000000000000","seq":3,"state":"failed"}
        {"eta_s":null,"event":"progress","image":0,"images":1,"job":"01990000-0000-7000-8000-000000000000","phase":"denoise","seq":3,"sigma":3.5,"step":5,"step_s":0.25,"steps":20}
        {"bytes":3,"elapsed_ms":1234,"event":"picture","height":48,"index":1,"job":"01990000-0000-7000-8000-000000000000","path":"/data/a.png","seed":8,"seq":3,"sha256":"ba78","width":64}
        {"event":"notice","job":"01990000-0000-7000-8000-000000000000","seq":3,"text":"hello"}
        "#);
    }
}
