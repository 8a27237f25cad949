//! Pictures on their way out of the gallery: what `-o` means, how files come to be there, and the daemon's part in it.
//!
//! [`Pattern`] reads the path, [`place()`] writes one file, [`check()`] finds out before any work is done whether it could.
//! The command uses these where it writes itself (`-o -`, pipes and devices, a daemon on another machine, `wait -o`);
//! everything else is brought by the [`Deliverer`], so that it arrives whether or not anybody waits. What is printed about it
//! is the command's affair.

mod check;
mod deliverer;
mod folder;
mod order;
mod pattern;
mod place;
mod seen;

pub use check::check;
pub(crate) use deliverer::Deliverer;
pub(crate) use order::agree;
pub use order::{Disagreement, agree_format};
pub use pattern::{Facts, Name, Pattern, PatternError, literal};
pub use place::{Placed, Same, Trouble, Wish, place};
pub use seen::look;

#[cfg(test)]
mod tests;
