//! The history of pictures: every one that was made or imported, for good. A row of `pictures` holds all that made it, so that it
//! outlives its job's; `picture_words` beside it is what a search reads. Both change in one transaction, here alone: `change.rs` has
//! what people do to pictures, `keep.rs` how they come, `list.rs` how they are found. Files are the gallery's and `daemon/src/history`'s.
//!
//! A picture's moment is its place in every list and its row in the index: when it was made, and below that what tells it from
//! others of the same millisecond. It rises with time, so that a search yields the newest first without sorting, a time is a range
//! of rows, and a page begins after a moment whatever has come in the meantime.

mod change;
mod compile;
mod fill;
mod folders;
mod keep;
mod list;
mod named;
mod rows;
mod words;

pub(crate) use change::Trashed;
pub(super) use fill::fill;
pub(super) use keep::keep;
pub(crate) use keep::{Found, Taken};
pub(crate) use list::Wish;

#[cfg(test)]
mod tests;

use rusqlite::Connection;

/// Bits of a moment below its milliseconds.
const BELOW: u32 = 20;
/// The latest time that has a moment, in milliseconds since 1970: it is after the year 2200.
const LATEST: i64 = 1 << 43;

/// The first moment of a millisecond since 1970.
fn moment_of(ms: i64) -> i64 {
    ms.clamp(0, LATEST - 1) << BELOW
}

/// A moment for picture `id` that no other has.
fn free_moment(connection: &Connection, ms: i64, id: i64) -> rusqlite::Result<i64> {
    let mut moment = moment_of(ms) + id % (1 << BELOW);
    let mut taken = connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM pictures WHERE moment = ? AND id != ?)")?;
    while taken.query_row((moment, id), |row| row.get::<_, bool>(0))? {
        moment += 1;
    }
    Ok(moment)
}
