//! The local socket: who may come in, how they are understood, and what each request does.
//!
//! One task a connection, and one more while its submits wait for the disk. Nothing that a peer sends, however wrong, large or slow, costs more than the stated caps or ends the
//! daemon.

mod accept;
mod answer;
mod budget;
mod connection;
mod context;
mod door;
mod input;
mod kept;
mod pipeline;
mod session;
mod uploads;
mod verbs;
mod wire;

pub use accept::accept;
pub use context::Context;
pub use kept::Kept;
pub use uploads::Uploads;

#[cfg(test)]
mod pipeline_tests;
#[cfg(test)]
mod socket_tests;
#[cfg(test)]
mod tests;
