//! A worker as the daemon sees it and tells others.

use serde::{Deserialize, Serialize};

use crate::{DeviceStatus, Residency};

/// A worker as the daemon sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerStatus {
    /// Its device, for instance `cuda:0`.
    pub device: String,
    /// Process id; 0 while there is none.
    pub pid: u32,
    /// What it does.
    pub state: WorkerState,
    /// How often it was started again after a death.
    pub restarts: u32,
    /// libtorch's version; empty until it has told.
    pub libtorch: String,
    /// Every device it can see.
    pub devices: Vec<DeviceStatus>,
    /// What it keeps in memory.
    pub resident: Residency,
}

/// What a worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerState {
    /// Its process is not ready yet, or is started again in a moment.
    Starting,
    /// It waits for work.
    Idle,
    /// It works on a job.
    Busy,
    /// It brings a model into memory.
    Loading,
    /// It cannot be started; the next job tries again.
    Stopped,
}

impl WorkerState {
    /// The word to print.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Idle => "idle",
            Self::Busy => "busy",
            Self::Loading => "loading",
            Self::Stopped => "stopped",
        }
    }
}
