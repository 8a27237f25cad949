//! The client's end of the socket: binary frames, one request at a time, events in between.
//!
//! Everything has a deadline, so that a daemon that hangs never hangs the person in front of it. Made for a current-thread
//! runtime: nothing is spawned.

mod calls;
mod candidates;
mod connection;
mod dial;
mod queue;

pub use candidates::{candidates, lock_record};
pub use connection::{Answer, Client, Here};

use std::time::Duration;

/// A connection and both Hellos take at most this long.
pub const CONNECT: Duration = Duration::from_secs(2);
/// A reply takes at most this long.
pub const REPLY: Duration = Duration::from_secs(30);
/// After so long without an event the daemon is asked whether it lives.
pub const SILENCE: Duration = Duration::from_secs(20);
/// A living daemon answers that within this time.
pub const PONG: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
