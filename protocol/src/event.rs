//! What the daemon tells its subscribers.

use serde::{Deserialize, Serialize};

use crate::{Delivery, Failure, JobId, JobState, Picture};

/// Something that happened, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Rises by one an event, and a later daemon goes on above its forerunner. What a reader did not ask for, and progress
    /// and previews that a newer one replaced, leave gaps.
    pub seq: u64,
    /// The job concerned.
    pub job: JobId,
    /// What happened.
    pub kind: EventKind,
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
        }
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

/// The stages of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Reading weights.
    Load,
    /// Prompt to embeddings.
    Encode,
    /// The steps.
    Denoise,
    /// Latents to pixels.
    Decode,
    /// Pixels to a file.
    Save,
}

impl Phase {
    /// The word to print.
    pub fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Encode => "encode",
            Self::Denoise => "denoise",
            Self::Decode => "decode",
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
