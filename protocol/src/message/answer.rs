//! What the daemon's replies carry: lists, a model, a job that was accepted, a piece of a file, how everything stands. `client.rs` has the
//! replies themselves, and hands these on under its own name; what requests carry is there too.

use serde::{Deserialize, Serialize};

use crate::{Job, JobId, LoadId, ModelSource, Progress, WorkerStatus};

/// A part of a list of jobs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// The jobs, in the list's order.
    pub jobs: Vec<Job>,
    /// Where the next page begins, for `before`; `None` when the list ends here.
    pub next: Option<String>,
}

/// How long a prompt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenCount {
    /// Tokens. A chunk that is not the last counts as full, as its rest is padding.
    pub tokens: u32,
    /// Chunks in which the text encoder reads it, at least 1.
    pub chunks: u32,
    /// Tokens that a chunk holds: 75 of CLIP.
    pub room: u32,
}

impl TokenCount {
    /// Tokens up to which no other chunk begins.
    pub fn limit(&self) -> u32 {
        self.chunks.saturating_mul(self.room)
    }
}

/// A model that is being brought into memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loading {
    /// The number that its events have.
    pub load: LoadId,
    /// The model's name.
    pub model: String,
    /// Where it goes; empty for the best device there is.
    pub device: String,
}

/// A model on disk, or inside the worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoundModel {
    /// What to call it.
    pub name: String,
    /// Its files.
    pub source: ModelSource,
    /// Its family, for people; empty when it cannot be used.
    pub family: String,
    /// Bytes of its weights on disk.
    pub bytes: u64,
    /// Why it cannot be used; empty when it can.
    pub problem: String,
    /// Whether it is used when none is named.
    pub default: bool,
    /// The devices in whose memory it is.
    pub resident: Vec<String>,
}

/// An accepted job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Submitted {
    /// Its id.
    pub job: JobId,
    /// Jobs before it, those that run now included.
    pub position: u32,
    /// The model that was chosen.
    pub model: String,
    /// One line for the person about this job, for instance that the queue is paused.
    pub notice: Option<String>,
    /// For who begins: that no model is configured, so the embedded one is used, and which words it knows.
    pub hint: Option<String>,
    /// What is wrong with the settings file; those from before are used.
    pub complaint: Option<String>,
    /// Whether the daemon brings the pictures to the output that was named. Where it does not see that folder, being on another
    /// machine, they are left to whoever watches the job.
    pub delivers: bool,
}

/// A piece of a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Piece {
    /// Bytes of the whole.
    pub size: u64,
    /// At most 1 MiB; empty at the end; base64 in JSON.
    #[serde(with = "crate::codec::blob")]
    pub bytes: Vec<u8>,
}

/// What the daemon is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Release.
    pub version: String,
    /// Protocol version.
    pub protocol: u16,
    /// Process id.
    pub pid: u32,
    /// Seconds since it started.
    pub uptime_s: u64,
    /// Its socket.
    pub socket: String,
    /// Where pictures and jobs are kept.
    pub data: String,
    /// Jobs waiting.
    pub queued: u64,
    /// Jobs in progress, those that are being cancelled included.
    pub running: Vec<JobId>,
    /// How far each of them is whose worker has told.
    pub progress: Vec<JobProgress>,
    /// Of the jobs in progress, those whose end was asked for.
    pub cancelling: Vec<JobId>,
    /// Why nothing is started for now, and what to do: the disk is full, a folder cannot be written, … The queue goes on by itself.
    pub short: Option<String>,
    /// Its workers.
    pub workers: Vec<WorkerStatus>,
    /// Task kinds that some worker runs.
    pub capabilities: Vec<String>,
    /// Whether the queue is paused: no waiting job is started.
    pub paused: bool,
    /// Of the jobs waiting, those that are held back.
    pub held: u64,
}

/// How far a running job is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobProgress {
    /// The job.
    pub job: JobId,
    /// How far it is now.
    pub progress: Progress,
}
