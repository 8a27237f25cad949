//! The control plane: queue, store, gallery, workers, socket.
//!
//! It owns the truth about jobs and pictures and never touches a tensor.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod events;
pub mod jobs;
pub mod store;

mod error;

pub use error::Error;

/// What every fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;
