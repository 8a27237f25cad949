//! The whole product through its real doors: the command, the socket, killed processes. Every test has a home of its own.
#![allow(clippy::unwrap_used)]

mod bench;
mod cancel;
mod crash;
mod daemon;
mod disk;
mod kills;
mod models;
mod output;
mod picture;
mod refusals;
mod support;
mod wire;
