//! Jobs: requests that the daemon has promised to finish.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::text::bounded;
use crate::{GenerateRequest, Picture, Progress, Task};

/// A job's name: a UUIDv7, so that ids sort by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub Uuid);

impl JobId {
    /// A new id, later than all before it in this process.
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// What is shown of it and is enough to name it: 8 lower-case letters, which a double click takes. The daemon gives no two
    /// jobs the same.
    pub fn short(&self) -> String {
        crate::job_name::short(self)
    }

    /// Its time stamp, 12 digits and a hyphen, which names files so that they sort by time.
    pub fn stamp(&self) -> String {
        self.0.hyphenated().to_string()[..13].to_owned()
    }
}

impl Default for JobId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for JobId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::from_str(text).map(Self)
    }
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waiting for a worker.
    Queued,
    /// A worker has it.
    Running,
    /// A worker has it and somebody has asked for its end.
    Cancelling,
    /// Every picture is on disk.
    Done,
    /// It ended with a reason.
    Failed,
    /// Somebody ended it.
    Cancelled,
}

impl JobState {
    /// Every state, in the order of a life.
    pub const ALL: [Self; 6] = [
        Self::Queued,
        Self::Running,
        Self::Cancelling,
        Self::Done,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The name in JSON and on the terminal, and but for `cancelling` in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether it stays so.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }

    /// Whether a worker has it.
    pub fn is_in_work(self) -> bool {
        matches!(self, Self::Running | Self::Cancelling)
    }
}

/// What kind of thing went wrong: this decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The request itself cannot be met.
    Usage,
    /// There is no such model.
    ModelNotFound,
    /// The model's files are damaged or of an unknown kind.
    BadModel,
    /// The device has no room.
    OutOfMemory,
    /// The computation gave values that are not numbers.
    NotANumber,
    /// Reading or writing files failed.
    Disk,
    /// The worker died.
    Crash,
    /// Anything else.
    Internal,
}

impl FailureKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Usage,
        Self::ModelNotFound,
        Self::BadModel,
        Self::OutOfMemory,
        Self::NotANumber,
        Self::Disk,
        Self::Crash,
        Self::Internal,
    ];

    /// The name in the store and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::ModelNotFound => "model_not_found",
            Self::BadModel => "bad_model",
            Self::OutOfMemory => "out_of_memory",
            Self::NotANumber => "not_a_number",
            Self::Disk => "disk",
            Self::Crash => "crash",
            Self::Internal => "internal",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Why a job failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The kind, for programs.
    pub kind: FailureKind,
    /// What was wrong and what to do, for people.
    pub message: String,
}

/// The longest message of a failure, in bytes. A model's file may hold names of megabytes that an error quotes.
pub const MAX_FAILURE: usize = 4096;

impl Failure {
    /// With a message of at most [`MAX_FAILURE`] bytes.
    pub fn bounded(self) -> Self {
        Self {
            message: bounded(self.message, MAX_FAILURE),
            ..self
        }
    }
}

/// A job as the store has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Where it stands.
    pub state: JobState,
    /// What was asked.
    pub request: GenerateRequest,
    /// What that came to.
    pub task: Task,
    /// Milliseconds since 1970 at which it was accepted.
    pub created_ms: u64,
    /// When a worker last took it.
    pub started_ms: Option<u64>,
    /// When it ended.
    pub finished_ms: Option<u64>,
    /// How often a worker took it.
    pub attempts: u32,
    /// Why it failed, when it did.
    pub failure: Option<Failure>,
    /// The pictures finished so far.
    pub pictures: Vec<Picture>,
    /// From −100 to 100: higher runs first.
    pub priority: i32,
    /// Whether it is held back while it waits.
    pub held: bool,
    /// Jobs before it, those that run now included; `None` when it is held back or does not wait.
    pub position: Option<u32>,
    /// How far it is, while it runs and its worker has told.
    pub progress: Option<Progress>,
    /// About so many seconds until it begins, while it waits and that can be told from what earlier jobs took.
    pub begins_s: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_their_own_inverse() {
        assert!(JobState::ALL.iter().all(|s| JobState::from_name(s.name()) == Some(*s)));
        assert!(
            FailureKind::ALL
                .iter()
                .all(|k| FailureKind::from_name(k.name()) == Some(*k))
        );
    }

    #[test]
    fn json_spells_states_as_the_store_does() {
        for state in JobState::ALL {
            assert_eq!(serde_json::to_string(&state).unwrap(), format!("\"{}\"", state.name()));
        }
        for kind in FailureKind::ALL {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.name()));
        }
    }

    #[test]
    fn ids_sort_by_time() {
        let (a, b) = (JobId::new(), JobId::new());
        assert!(a < b && a.to_string().starts_with(&a.stamp()));
    }
}
