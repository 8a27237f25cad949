//! What the daemon tells its subscribers: everything that a screen shows, so that nobody need ask again and again. `daemon/events`
//! numbers events and hands them out; which kinds may be dropped is said with each.

use serde::{Deserialize, Serialize};

use crate::history::HistoryChange;
use crate::{Delivery, Failure, JobId, JobState, LoadChange, LoadId, Picture, WorkerStatus};

/// Something that happened, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Rises by one an event, and a later daemon goes on above its forerunner. What a reader did not ask for, and what a newer
    /// event replaced, leave gaps.
    pub seq: u64,
    /// What it is about.
    pub of: Subject,
    /// What happened.
    pub kind: EventKind,
}

impl Event {
    /// The job that it is about, if it is about one.
    pub fn job(&self) -> Option<JobId> {
        self.of.job()
    }

    /// Whether `older` is worthless now: the same kind about the same, of progress in the same phase, so that every phase is told.
    /// Never of what must arrive. Whoever keeps events for a slow reader goes by this.
    pub fn replaces(&self, older: &Self) -> bool {
        let alike = match (&older.kind, &self.kind) {
            (EventKind::Progress(older), EventKind::Progress(newer)) => older.phase == newer.phase,
            (older, newer) => older.name() == newer.name() && (newer.is_transient() || newer.is_standing()),
        };
        alike && older.of == self.of
    }
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A job.
    Job(JobId),
    /// A model on its way into memory without a job.
    Load(LoadId),
    /// A worker, by its place in [`Status::workers`](crate::message::client::Status::workers).
    Worker(u32),
    /// The queue as a whole.
    Queue,
    /// The models on disk.
    Models,
    /// The settings.
    Settings,
    /// The history of pictures.
    History,
}

impl Subject {
    /// The job, if it is one.
    pub fn job(self) -> Option<JobId> {
        match self {
            Self::Job(job) => Some(job),
            _ => None,
        }
    }
}

impl From<JobId> for Subject {
    fn from(job: JobId) -> Self {
        Self::Job(job)
    }
}

impl From<LoadId> for Subject {
    fn from(load: LoadId) -> Self {
        Self::Load(load)
    }
}

/// The kinds of event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The job changed its state. Never dropped.
    State(StateChange),
    /// How far it is. Latest wins within a phase.
    Progress(Progress),
    /// The picture in the making. Latest wins.
    Preview(Preview),
    /// A picture is on disk. Never dropped.
    Picture(Picture),
    /// One line for the person, for instance that a scheduler was replaced. Never dropped.
    Notice(String),
    /// A waiting job has another place, or is held back or let go. Never dropped.
    Queue(QueueChange),
    /// A line about what went wrong and is being mended, for instance that the worker died and the job is tried again: for whoever
    /// wants no notices too. Never dropped.
    Warning(String),
    /// A picture was brought to where its job's output says, or could not be. Never dropped.
    Delivery(Delivery),
    /// A model that somebody wants in memory is on its way there, is there, or will not be. Never dropped.
    Load(LoadChange),
    /// How a worker stands now: its state, its devices' memory, the models that it holds. Latest wins.
    Worker(WorkerStatus),
    /// How the queue as a whole stands now. Latest wins.
    Line(LineStatus),
    /// Models on disk were added, changed or removed: `models` lists them as they are. Latest wins.
    Models {},
    /// The settings were read again. Latest wins.
    Settings(SettingsChange),
    /// Pictures came into history, changed there or left it. Never dropped.
    History(HistoryChange),
}

impl EventKind {
    /// Its name.
    pub fn name(&self) -> EventName {
        match self {
            Self::State(_) => EventName::State,
            Self::Progress(_) => EventName::Progress,
            Self::Preview(_) => EventName::Preview,
            Self::Picture(_) => EventName::Picture,
            Self::Notice(_) => EventName::Notice,
            Self::Warning(_) => EventName::Warning,
            Self::Queue(_) => EventName::Queue,
            Self::Delivery(_) => EventName::Delivery,
            Self::Load(_) => EventName::Load,
            Self::Worker(_) => EventName::Worker,
            Self::Line(_) => EventName::Line,
            Self::Models {} => EventName::Models,
            Self::Settings(_) => EventName::Settings,
            Self::History(_) => EventName::History,
        }
    }

    /// Whether a newer event of its kind about the same makes it worthless, and nobody misses it who comes later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Progress(_) | Self::Preview(_))
    }

    /// Whether it says how something stands from now on: a newer one replaces it, and who comes later is told it first.
    pub fn is_standing(&self) -> bool {
        matches!(
            self,
            Self::Worker(_) | Self::Line(_) | Self::Models {} | Self::Settings(_)
        )
    }
}

/// The name of a kind of event, by which a subscriber chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventName {
    /// [`EventKind::State`].
    State,
    /// [`EventKind::Progress`].
    Progress,
    /// [`EventKind::Preview`].
    Preview,
    /// [`EventKind::Picture`].
    Picture,
    /// [`EventKind::Notice`].
    Notice,
    /// [`EventKind::Queue`].
    Queue,
    /// [`EventKind::Warning`].
    Warning,
    /// [`EventKind::Delivery`].
    Delivery,
    /// [`EventKind::Load`].
    Load,
    /// [`EventKind::Worker`].
    Worker,
    /// [`EventKind::Line`].
    Line,
    /// [`EventKind::Models`].
    Models,
    /// [`EventKind::Settings`].
    Settings,
    /// [`EventKind::History`].
    History,
}

/// A job's new state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StateChange {
    /// The state it has now.
    pub state: JobState,
    /// Why, when that is `failed`.
    pub failure: Option<Failure>,
}

/// How a waiting job stands in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueChange {
    /// Higher runs first.
    pub priority: i32,
    /// Whether it is held back.
    pub held: bool,
    /// Jobs before it, those that run now included; `None` while it is held back.
    pub position: Option<u32>,
}

/// How the queue as a whole stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineStatus {
    /// Jobs waiting, those that are held back included.
    pub queued: u64,
    /// Of these, those that are held back.
    pub held: u64,
    /// Whether no waiting job is started.
    pub paused: bool,
    /// Why nothing is started for now, and what to do: the disk is full, a folder cannot be written, … The queue goes on by itself.
    pub short: Option<String>,
    /// Rises when all waiting jobs were given other places, and when ended jobs were cleared: whoever keeps a list of jobs asks for
    /// it again.
    pub lists: u64,
}

/// The settings were read again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsChange {
    /// What is wrong with their file; those from before are used. `None` when they are in use.
    pub complaint: Option<String>,
}

/// The stages of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Reading weights.
    Load,
    /// Prompt to embeddings.
    Encode,
    /// The picture to begin with to latents.
    Prepare,
    /// The steps.
    Denoise,
    /// Latents to pixels.
    Decode,
    /// Pixels to more of them.
    Upscale,
    /// Pixels to a file.
    Save,
}

impl Phase {
    /// The word to print.
    pub fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Encode => "encode",
            Self::Prepare => "prepare",
            Self::Denoise => "denoise",
            Self::Decode => "decode",
            Self::Upscale => "upscale",
            Self::Save => "save",
        }
    }
}

/// How far a task is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The stage.
    pub phase: Phase,
    /// The picture being made, from 0.
    pub image: u32,
    /// Pictures in the task.
    pub images: u32,
    /// Work done in this phase: steps while denoising, else parts (components loaded, pictures decoded or saved).
    pub step: u32,
    /// Work in this phase in all.
    pub steps: u32,
    /// The noise level that the step left, while denoising.
    pub sigma: Option<f64>,
    /// Seconds the last step took, while denoising.
    pub step_s: Option<f64>,
    /// Seconds until the task is done, once that can be told.
    pub eta_s: Option<f64>,
}

/// A small picture of the estimate so far. Of pictures that are computed together it shows the first one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preview {
    /// The picture it shows, from 0.
    pub image: u32,
    /// The step it was taken after.
    pub step: u32,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// 8-bit RGB, row by row: `3 × width × height` bytes; base64 in JSON.
    #[serde(with = "crate::codec::blob")]
    pub rgb: Vec<u8>,
}
