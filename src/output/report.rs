use std::path::Path;

use darkroom_protocol::{Event, Picture};
use serde::Serialize;

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
}

impl Report {
    /// A picture is where it was asked for.
    pub fn picture(self, picture: &Picture, path: &Path, model: &str) -> Result<()> {
        match self {
            Self::Paths => say::path(path),
            Self::Json => say::json(&line(picture, &absolute(path), model)),
            Self::Events | Self::Nothing => Ok(()),
        }
    }

    /// Something happened.
    pub fn event(self, event: &Event) -> Result<()> {
        match self {
            Self::Events => say::json(event),
            Self::Paths | Self::Json | Self::Nothing => Ok(()),
        }
    }
}

/// The path for programs, which may have another working directory.
pub fn absolute(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    absolute.to_string_lossy().into_owned()
}

fn line<'a>(picture: &'a Picture, path: &'a str, model: &'a str) -> Line<'a> {
    Line {
        job: picture.job.to_string(),
        index: picture.index,
        path,
        width: picture.width,
        height: picture.height,
        seed: picture.seed,
        model,
        elapsed_ms: picture.elapsed_ms,
        sha256: &picture.sha256,
    }
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
        let json = serde_json::to_string(&line(&picture, "/home/me/a\u{1b}.png", "emoji")).unwrap();
        insta::assert_snapshot!(json, @r#"{"job":"01990000-0000-7000-8000-000000000000","index":1,"path":"/home/me/a\u001b.png","width":64,"height":48,"seed":8,"model":"emoji","elapsed_ms":1234,"sha256":"ba78"}"#);
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
                    job: job(),
                    kind,
                };
                serde_json::to_string(&event).unwrap()
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        {"seq":3,"job":"01990000-0000-7000-8000-000000000000","kind":{"state":{"state":"failed","failure":{"kind":"out_of_memory","message":"no room"}}}}
        {"seq":3,"job":"01990000-0000-7000-8000-000000000000","kind":{"progress":{"phase":"denoise","image":0,"images":1,"step":5,"steps":20,"sigma":3.5,"step_s":0.25,"eta_s":null}}}
        {"seq":3,"job":"01990000-0000-7000-8000-000000000000","kind":{"picture":{"job":"01990000-0000-7000-8000-000000000000","index":1,"path":"/data/a.png","sha256":"ba78","bytes":3,"width":64,"height":48,"seed":8,"elapsed_ms":1234}}}
        {"seq":3,"job":"01990000-0000-7000-8000-000000000000","kind":{"notice":"hello"}}
        "#);
    }
}
