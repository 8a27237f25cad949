//! What several rooms' tests need: tasks, a daemon with a worker that is fake, a client.

mod client;
mod rig;
mod task;

pub use client::{Client, ping};
pub use rig::{Rig, SOON};
pub use task::task;
