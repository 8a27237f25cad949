//! Watching a job to its end: progress, pictures, Ctrl-C, and a daemon that dies on the way.

pub mod any;
mod follow;
mod interrupt;
mod summary;

pub use follow::Watch;
pub use interrupt::{Interrupts, OnInterrupt};
