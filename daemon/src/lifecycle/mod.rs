//! The daemon's life: one at a time, from its lock to its farewell.

mod alive;
mod collect;
mod files;
mod lock;
pub mod log;
mod options;
mod run;
mod shed;
mod signals;
mod socket;
mod stop;
mod systemd;

pub(crate) use files::prepare;
pub(crate) use lock::Lock;
pub use log::open as open_log;
pub use options::{Limits, RunOptions};
pub(crate) use run::recover;
pub use run::run;
pub use socket::Socket;
pub(crate) use stop::Stop;

#[cfg(test)]
pub(crate) use run::{Daemon, live};
