//! The local socket: who may come in, how they are understood, and what each request does.
//!
//! One task a connection, and one more while its submits wait for the disk. Nothing that a peer sends, however wrong, large or
//! slow, costs more than the stated caps or ends the daemon.

mod accept;
mod answer;
mod budget;
mod connection;
mod context;
mod door;
mod input;
mod pipeline;
mod session;
mod socket;
mod uploads;
pub(crate) mod verbs;
mod wire;

pub use accept::accept;
pub use context::Context;
pub use socket::{Socket, is_listening, path_of};
pub use uploads::Uploads;

#[cfg(test)]
mod pipeline_tests;
#[cfg(test)]
mod tests;
