//! The daemon's life: one at a time, from its lock to its farewell.

mod collect;
mod files;
mod kept;
mod lock;
mod options;
mod run;
mod shed;
mod signals;
mod stop;
mod systemd;

pub use kept::Kept;
pub use options::RunOptions;
pub use run::run;
pub(crate) use stop::Stop;

#[cfg(test)]
mod life_tests;
#[cfg(test)]
pub(crate) use run::{Daemon, live};
