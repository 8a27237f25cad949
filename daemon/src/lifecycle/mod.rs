//! The daemon's life: one at a time, from its lock to its farewell; and what answers in its stead where none runs (`kept`). It is the
//! roof: it opens every other room and hands each what it needs, and none of them knows it.

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
mod tell_changes;

pub use kept::Kept;
pub use options::RunOptions;
pub use run::run;
pub(crate) use stop::Stop;

#[cfg(test)]
mod life_tests;
#[cfg(test)]
pub(crate) use run::{Daemon, live};
