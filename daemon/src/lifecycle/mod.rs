//! The daemon's life: one at a time, from its lock to its farewell.

mod files;
mod lock;
mod log;
mod options;
mod run;
mod signals;
mod socket;

pub use log::open as open_log;
pub use options::{Limits, RunOptions};
pub use run::run;
pub use socket::Socket;

#[cfg(test)]
pub(crate) use run::{Daemon, live};
