//! Lines of a log as values: the daemon's taken apart, which of them a filter passes, and where a page of them begins. The daemon
//! filters with this, the terminal client colours with it, `darkroom logs --json` prints it. The daemon writes the format in its
//! `logging/line.rs`. Nothing here reads a file.

mod cursor;
mod filter;
mod line;

pub use cursor::{Cursor, NotACursor};
pub use filter::{Filter, NoLevel};
pub use line::{Level, Line, parse};
