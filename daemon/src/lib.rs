//! The control plane: queue, store, gallery, workers, socket.
//!
//! It owns the truth about jobs and pictures and never touches a tensor. ARCHITECTURE.md lists its rooms and which may import which.
//! Public is what the command uses, and what tests of other crates do; everything else is the daemon's own.
#![cfg_attr(test, allow(clippy::unwrap_used))]
// The documentation is for who works on it, and is always made with private items.
#![allow(rustdoc::private_intra_doc_links)]

pub mod catalog;
pub mod clock;
pub mod deliver;
pub mod expand;
pub mod pull;
pub mod settings;
pub mod store;
pub mod workers;

mod dispatch;
mod error;
mod events;
mod forecast;
mod gallery;
mod history;
mod jobs;
mod lifecycle;
mod limits;
mod logging;
mod metrics;
mod server;
mod slug;
#[cfg(test)]
mod testing;

pub use error::Error;
pub use lifecycle::{Kept, RunOptions, run};
pub use logging::{Part, Tail, parts, tail};

/// What every fallible function of this crate returns.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;
