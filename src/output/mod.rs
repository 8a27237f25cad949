//! Where pictures go: the path rules of `-o`, the bytes from the daemon, the file, and the line about it.

mod deliver;
mod fetch;
mod line;
mod pattern;
mod report;
mod save;
mod target;

pub use deliver::Delivery;
pub use fetch::fetch;
pub use line::flat;
pub use report::{Origin, Report, absolute};
pub use save::write as write_whole;
pub use target::{Target, plan};
