//! The daemon's log: lines in a file that never grows beyond bounds, filtered by part, the filter changeable while it runs.

mod control;
mod filter;
mod line;
mod rotate;
mod writer;

pub use control::{Control, flush, start};
pub use filter::Filter;
pub use rotate::open;
