//! The terminal itself: taken over and given back (`screen.rs`), and what comes from it (`input/`).

pub mod input;
pub mod screen;
