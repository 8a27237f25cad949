//! Where pictures go: the path rules of `-o`, the file, and the line about it.
//!
//! What a pattern means and how a file is written is the daemon's crate's `deliver`, for it does the same where it brings
//! pictures itself.

mod deliver;
mod line;
mod report;
mod special;
mod target;
mod whole;

pub use deliver::Delivery;
pub use line::flat;
pub use report::{Origin, Report, absolute};
pub use target::{Files, Made, Target, Wanted, plan};
pub use whole::write_whole;
