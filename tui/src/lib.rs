//! The terminal side: pictures inline, and what must be undone on the terminal when a signal comes.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod app;
pub mod graphics;
pub mod locale;
pub mod plain;
pub mod restore;
