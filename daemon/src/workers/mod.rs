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

pub(crate) use death::Death;
pub(crate) use keeper::Word;
pub(crate) use log::WorkerLog;
pub use program::Program;
pub(crate) use worker::{Ask, Worker};

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;
