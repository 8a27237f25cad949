//! The control plane: queue, store, gallery, workers, socket.
//!
//! It owns the truth about jobs and pictures and never touches a tensor.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod catalog;
pub mod clock;
pub mod deliver;
pub mod dispatch;
pub mod events;
pub mod expand;
pub mod forecast;
pub mod gallery;
pub mod jobs;
pub mod lifecycle;
pub mod metrics;
pub mod server;
pub mod settings;
pub mod store;
pub mod workers;

mod error;
#[cfg(test)]
mod testing;

pub use error::Error;
pub use lifecycle::{Limits, RunOptions, run};
pub use server::Kept;

/// What every fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;
