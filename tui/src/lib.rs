//! The terminal side: pictures inline.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod graphics;
