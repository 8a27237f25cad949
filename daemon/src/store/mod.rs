//! Jobs and pictures as rows of one SQLite file.
//!
//! One thread owns the connection; a [`Store`] is a handle to it. Every transition is one function and one transaction,
//! written before its effect. What a client was promised is durable before it is told: [`Store::accept`], [`Store::cancel`],
//! [`Store::finish`] and [`Store::crash`] cost one fsync each. [`Store::start`], [`Store::requeue`] and
//! [`Store::add_picture`] cost none, because losing them to a power cut only runs the job again, which gives the same
//! pictures in the same files.

mod accept;
mod adjust;
mod fault;
mod file;
mod id;
mod log;
mod lookup;
mod migrate;
mod recover;
mod row;
mod thread;
mod transition;
mod waiting;

pub use accept::Accepted;
pub use thread::Store;
pub use transition::Cancelled;
pub use waiting::Waiting;

#[cfg(test)]
mod tests;

/// Milliseconds since 1970.
fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}
