//! The whole product through its real doors: the command, the socket, killed processes. Every test has a home of its own.
#![allow(clippy::unwrap_used)]

mod attack;
mod bench;
#[cfg(target_os = "linux")]
mod caller;
mod cancel;
mod crash;
mod daemon;
mod disk;
mod environment;
mod files;
mod flood;
mod history;
mod homes;
mod inputs;
mod interrupt;
mod kept;
mod kills;
mod looking;
mod lora;
mod memory;
mod models;
mod names;
mod order;
mod output;
mod picture;
#[cfg(target_os = "linux")]
mod pull;
mod queue;
mod queue_crash;
mod recipes;
mod refusals;
#[cfg(target_os = "linux")]
mod remote;
mod show;
#[cfg(target_os = "linux")]
mod soak;
#[cfg(unix)]
mod subscribers;
mod support;
#[cfg(target_os = "linux")]
mod terminal;
#[cfg(target_os = "linux")]
mod tui;
#[cfg(target_os = "linux")]
mod tui_faults;
#[cfg(target_os = "linux")]
mod tui_hostile;
#[cfg(target_os = "linux")]
mod tui_own;
#[cfg(target_os = "linux")]
mod tui_terminals;
mod wire;
