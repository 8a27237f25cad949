//! The client's end of the socket, for the command, the terminal client and whoever else talks to a daemon.
//!
//! [`Client`] is one connection: cloned freely, with many requests in flight, each method of [`calls`] one request with the answer
//! it has, and the events that come between them. [`start`] finds a daemon or starts one, [`Following`] goes on with events where
//! a daemon was lost, [`fetch()`] brings a picture's bytes, [`upload()`] sends those that a request
//! names, [`course()`] tells what happened to a job, and [`words`] says sizes and times in one way. Nothing here prints or knows a
//! terminal.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod calls;
pub mod start;
pub mod words;

mod cache;
mod candidates;
mod connection;
mod course;
mod dial;
mod elsewhere;
mod error;
mod fetch;
mod follow;
mod kept_events;
mod line;
mod pieces;
mod upload;

pub use cache::Cache;
pub use candidates::{candidates, lock_record};
pub use connection::{Answer, Client, Here};
pub use course::{Moment, course};
pub use elsewhere::NO_DAEMON;
pub use error::{Error, is_lost};
pub use fetch::{Wanted, cached, cached_thumbnail, fetch, fetch_thumbnail, place_here};
pub use follow::{Following, Told, WhenGone, again};
pub use upload::{name_of, upload};

use std::time::Duration;

/// A connection and both Hellos take at most this long.
pub const CONNECT: Duration = Duration::from_secs(2);
/// A reply takes at most this long.
pub const REPLY: Duration = Duration::from_secs(30);
/// After so long without an event the daemon is asked whether it lives.
pub const SILENCE: Duration = Duration::from_secs(20);
/// A living daemon answers that within this time.
pub const PONG: Duration = Duration::from_secs(10);

/// What finding, starting, following and fetching return. A single request returns the wire's own error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[cfg(test)]
mod tests;
