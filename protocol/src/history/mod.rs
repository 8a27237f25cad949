//! The history of pictures as it travels: a picture as lists have it and all that is kept of one (`entry.rs`), how people name one
//! (`name.rs`), and what they search for.
//!
//! The language in which people search their history of pictures: `fox -blurry model:"dream shaper" after:yesterday`. The command,
//! the daemon's two doors and the terminal client read it here, and write help and documentation from [`KEYS`]. Nothing here
//! finds pictures: what a condition means for a row of the database is the store's.
//!
//! White space parts the terms, and all of them hold at once. A term is a word, a phrase in double quotes, or a key, a colon and
//! right after it a word or a phrase; `-` or `!` before it excludes what it finds. In a phrase `\"` is a quote and `\\` a
//! backslash; before anything else a backslash is itself. A term that begins with ASCII letters and a colon has a key, whether
//! one exists or not, unless `//` follows as in `http://x`; every other colon is text, as in `(storm:1.2)` and `<lora:x:0.8>`.

mod dates;
mod entry;
mod error;
mod keys;
mod name;
mod parse;
mod query;
#[cfg(test)]
mod tests;

pub use dates::TIMES;
pub use entry::{Entry, EntryDetail, HistoryChange, ModelFile, PROMPT_SHOWN, What};
pub use error::QueryError;
pub use keys::{FORMS, KEYS, Key};
pub use name::PictureName;
pub use query::{Condition, Mark, Query, Term};

/// The longest text of a query, in bytes.
pub const MAX_TEXT: usize = 4096;
/// The most terms of a query.
pub const MAX_TERMS: usize = 64;
/// The longest word or phrase of a term, in characters.
pub const MAX_PHRASE: usize = 1024;
