//! Worker processes: started, configured, listened to, ended.
//!
//! A [`Worker`] is one process. Its standard input is a socketpair that carries orders and reports in frames; what it prints
//! goes to the log of the job it works on. It ends itself when the socketpair closes, so that none outlives its daemon.

mod death;
mod keeper;
mod log;
mod oom;
mod program;
mod worker;

pub use death::Death;
pub use log::WorkerLog;
pub use program::Program;
pub use worker::{Ask, Word, Worker};

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;
