//! Models on their way into memory without a job, as `darkroom models load` and `pin` ask for. A load is no job: it has a number of
//! its own, is in no list, and is told of by events alone.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Failure;

/// The number of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LoadId(pub Uuid);

impl LoadId {
    /// A new number, later than all before it in this process.
    pub fn new() -> Self {
        Self(crate::id::fresh())
    }
}

impl Default for LoadId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for LoadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// How far a load is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadState {
    /// A worker reads the model.
    Loading,
    /// The model is in memory.
    Loaded,
    /// It will not be, with a reason.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

impl LoadState {
    /// Whether nothing more is told of the load.
    pub fn is_final(self) -> bool {
        self != Self::Loading
    }
}

/// A load's new state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadChange {
    /// The model's name.
    pub model: String,
    /// Where it goes; empty for the best device there is.
    pub device: String,
    /// The state that it has now.
    pub state: LoadState,
    /// Why, when that is `failed`.
    pub failure: Option<Failure>,
}
