//! The daemon's life: one at a time, from its lock to its farewell.

mod lock;
mod log;
mod options;
mod socket;

pub use log::open as open_log;
pub use options::{Limits, RunOptions};
