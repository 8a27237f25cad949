//! Between daemon and worker, over a socketpair that the worker has as its standard input.

use serde::{Deserialize, Serialize};

use crate::{
    DeviceStatus, Dtype, Failure, JobId, KeepAlive, LoadId, ModelSource, Preview, Progress, Quant, Residency, Task,
};

/// What a worker is at: one thing at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assignment {
    /// A job.
    Job(JobId),
    /// A model to bring into memory.
    Load(LoadId),
}

/// What the daemon tells a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// First of all: where and how to work.
    Configure {
        /// Folder for finished pictures; the daemon takes them from there.
        staging: String,
        /// Folder of the pictures that tasks begin with, each a file named by its SHA-256.
        inputs: String,
        /// The device to work on; empty for the best there is.
        device: String,
        /// Folders of the person's models. Decoders for previews are in their subfolders `vae_approx`.
        models: Vec<String>,
        /// Bytes that models may take; `None` for what the device's memory allows.
        memory_budget: Option<u64>,
    },
    /// Do this. A worker runs one task at a time.
    Run {
        /// The job, for reports.
        job: JobId,
        /// What to do.
        task: Box<Task>,
        /// Pictures that are finished already: these are not made again.
        skip: Vec<u32>,
        /// How long its model stays in memory afterwards.
        keep_alive: KeepAlive,
    },
    /// End that job or load as soon as possible and stay warm.
    Cancel {
        /// What to end.
        of: Assignment,
        /// First finish the picture in the making, or those that are computed together with it.
        after_picture: bool,
    },
    /// Forget models in memory.
    Unload {
        /// The model's files; `None` for all.
        source: Option<ModelSource>,
    },
    /// Answer with the same number.
    Ping {
        /// Any.
        n: u64,
    },
    /// End.
    Shutdown {},
    /// What the most demanding reader of this worker's job wants to see of it from now on. Until it is told, a worker makes
    /// no previews: nobody looks.
    Previews {
        /// At most so many previews a second; 0 for none.
        max_fps: u32,
        /// At most so wide and high; 0 for as they are.
        max_px: u32,
    },
    /// Bring a model into memory. Told of as of a task: started, progress, ended; [`Order::Cancel`] ends it.
    Load {
        /// Its number, for reports.
        load: LoadId,
        /// Which.
        model: Box<Wanted>,
        /// How long it stays in memory when nobody uses it.
        keep_alive: KeepAlive,
        /// Whether it stays until it is unpinned. Fails where pinned models leave no room for it.
        pinned: bool,
    },
    /// Pinned no more: the model goes when its time is over or its room is needed.
    Unpin {
        /// The model's files.
        source: ModelSource,
    },
}

/// A model to bring into memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wanted {
    /// Its name, for people.
    pub name: String,
    /// Its files.
    pub source: ModelSource,
    /// The number format.
    pub dtype: Dtype,
    /// How the weights are quantised.
    pub quant: Quant,
}

/// What a worker tells the daemon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// In answer to [`Order::Configure`].
    Ready(Ready),
    /// It has begun.
    Started {
        /// What.
        of: Assignment,
    },
    /// How far it is.
    Progress {
        /// What.
        of: Assignment,
        /// How far.
        progress: Progress,
    },
    /// The picture in the making.
    Preview {
        /// The job.
        job: JobId,
        /// The picture.
        preview: Preview,
    },
    /// A picture is in the staging folder, complete.
    Staged(Staged),
    /// One line for the person.
    Notice {
        /// What it is about.
        of: Assignment,
        /// The line.
        text: String,
    },
    /// It has ended; the worker is free.
    Ended {
        /// What.
        of: Assignment,
        /// How.
        outcome: Outcome,
        /// What is in memory now.
        resident: Residency,
    },
    /// In answer to [`Order::Ping`].
    Pong {
        /// The number asked.
        n: u64,
    },
    /// What is in memory changed outside a task: a model was unloaded, pinned or expired.
    Resident(Residency),
    /// Memory ran out, and the task goes on as this one: pictures staged from now on are made by it.
    Adjusted {
        /// The job.
        job: JobId,
        /// The task as it is now.
        task: Box<Task>,
    },
}

/// What a worker is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ready {
    /// Release; must equal the daemon's.
    pub version: String,
    /// Process id.
    pub pid: u32,
    /// libtorch's version.
    pub libtorch: String,
    /// The folder it was loaded from.
    pub folder: String,
    /// The device it works on.
    pub device: String,
    /// Every device it can see.
    pub devices: Vec<DeviceStatus>,
    /// Features of the processor that matter, for instance `avx512_bf16`.
    pub cpu: Vec<String>,
    /// Task kinds it runs.
    pub capabilities: Vec<String>,
    /// Models inside it.
    pub embedded: Vec<String>,
    /// Physical cores that it may use.
    #[serde(default)]
    pub cores: u32,
    /// Threads that a loop of libtorch's really ran on when it was given so many cores.
    #[serde(default)]
    pub threads: u32,
}

/// A complete picture in the staging folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Staged {
    /// The job.
    pub job: JobId,
    /// Its place in the job, from 0.
    pub index: u32,
    /// The file's name within the staging folder.
    pub file: String,
    /// SHA-256 of the file, lower-case hexadecimal.
    pub sha256: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// The seed that makes this picture alone.
    pub seed: u64,
    /// Milliseconds it took.
    pub elapsed_ms: u64,
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every picture is staged.
    Done,
    /// Not so.
    Failed(Failure),
    /// As ordered.
    Cancelled,
}
