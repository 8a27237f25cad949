//! The control plane: queue, store, gallery, workers, socket.
//!
//! It owns the truth about jobs and pictures and never touches a tensor.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod events;
pub mod jobs;
pub mod lifecycle;
pub mod store;
pub mod workers;

mod error;
#[cfg(test)]
mod testing;

pub use error::Error;
pub use lifecycle::{Limits, RunOptions};

/// What every fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;
