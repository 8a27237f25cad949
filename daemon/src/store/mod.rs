//! Jobs and pictures as rows of one SQLite file.
//!
//! One thread writes, and a few read beside it; a [`Store`] is a handle to them. Every transition is one function and one change,
//! written before its effect. Changes that wait at one time are committed together, each in a savepoint (`group`), and nobody has an
//! answer before the commit. What was committed is told in that order to one follower, the dispatcher (`news`): nobody else
//! publishes what rows say. Lists and lookups wait for no change and no change for them (`readers`); whoever was told of a change
//! sees it in whatever it reads afterwards.
//!
//! What a client was promised is durable before it is told: [`Store::accept`], [`Store::cancel`], [`Store::finish`],
//! [`Store::crash`], and whatever a person does to the queue cost one fsync, or share one. [`Store::start`],
//! [`Store::requeue`] and [`Store::add_picture`] cost none, because losing them to a power cut only runs the job again, which
//! gives the same pictures in the same files.

mod accept;
mod accord;
mod adjust;
mod cancel;
mod clear;
mod deliver;
mod fault;
mod file;
mod follow;
mod forget;
mod group;
mod history;
mod id;
mod list;
mod log;
mod lookup;
mod migrate;
mod news;
mod pace;
mod pause;
mod place;
mod position;
mod readers;
mod recover;
mod row;
mod thread;
mod transaction;
mod transition;
mod waiting;

pub(crate) use accept::Accepted;
pub(crate) use deliver::Undelivered;
pub(crate) use follow::Following;
pub(crate) use history::{Found, Taken, Trashed, Wish};
pub(crate) use list::{Cursor, Part};
pub(crate) use news::{Coming, Committed};
pub(crate) use place::Spot;
pub use thread::Store;
pub use transition::Start;
pub(crate) use waiting::Waiting;

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod trial;

/// Milliseconds since 1970; 0 before.
fn now_ms() -> i64 {
    crate::clock::now_ms().max(0)
}
