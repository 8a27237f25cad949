//! The daemon's log: lines in a file that never grows beyond bounds, filtered by part, the filter changeable while it runs; and
//! any log read again, through its earlier parts.

mod control;
mod filter;
mod line;
mod page;
mod parts;
mod rotate;
mod tail;
mod writer;

pub use control::{Control, flush, start};
pub use filter::Filter;
pub use page::{Way, page};
pub use parts::{Part, parts};
pub use rotate::open;
pub use tail::{Tail, tail};
