//! What a search asks for, and how it is written down again. [`Query::parse`] is the only way from text into these types that
//! people meet; the grammar is in `parse.rs`, and what each key takes in `keys.rs`.

use std::fmt;
use std::ops::Range;

use jiff::{Timestamp, ZonedDateTime};

use super::parse::{Reader, key_of};
use super::{MAX_TEXT, QueryError};
use crate::sampler::{Named, Sampler};
use crate::{JobName, text};

/// What is searched for: all terms hold at once. Without terms it finds everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// In the order of the text.
    pub terms: Vec<Term>,
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// Whether pictures that meet the condition are left out.
    pub excluded: bool,
    /// What a picture must meet.
    pub condition: Condition,
    /// Where the term stands in the text, its sign included, in characters.
    pub at: Range<usize>,
}

/// What a picture must meet. Words and phrases are as they were typed and not empty; upper and lower case are the same to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Somewhere in the prompt or the negative prompt.
    Text(String),
    /// Somewhere in the prompt.
    Prompt(String),
    /// Somewhere in the negative prompt.
    Negative(String),
    /// Made with the model of this name.
    Model(String),
    /// Made with this sampler.
    Sampler(Sampler),
    /// Made with this seed.
    Seed(u64),
    /// Exactly this large.
    Size {
        /// Pixels, at least 1.
        width: u32,
        /// Pixels, at least 1.
        height: u32,
    },
    /// This many pixels wide.
    Width(u32),
    /// This many pixels high.
    Height(u32),
    /// Has this tag.
    Tag(String),
    /// Is of this job.
    Job(JobName),
    /// Made at this moment or later, in milliseconds since 1970.
    After(i64),
    /// Made before this moment, in milliseconds since 1970.
    Before(i64),
    /// Made within a time that is not empty.
    On {
        /// Its first moment, in milliseconds since 1970.
        from: i64,
        /// The first moment after it, in milliseconds since 1970.
        until: i64,
    },
    /// Has this mark.
    Is(Mark),
}

/// What a picture can be besides how it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Somebody gave it a star.
    Starred,
    /// It lies in the trash.
    Trashed,
    /// Its file is gone.
    Missing,
    /// It came from outside.
    Imported,
}

impl Named for Mark {
    const NAMES: &'static [(Self, &'static str, &'static [&'static str])] = &[
        (Self::Starred, "starred", &[]),
        (Self::Trashed, "trashed", &[]),
        (Self::Missing, "missing", &[]),
        (Self::Imported, "imported", &[]),
    ];
}

impl Query {
    /// What `text` asks for. `now` says what "yesterday" is, and its zone where days begin.
    ///
    /// # Errors
    /// The first place at which it goes wrong.
    pub fn parse(text: &str, now: &ZonedDateTime) -> Result<Self, QueryError> {
        if text.len() > MAX_TEXT {
            let fits = |(byte, c): &(usize, char)| byte + c.len_utf8() <= MAX_TEXT;
            let at = text.char_indices().take_while(fits).count();
            let message = format!(
                "The search has {} bytes, the most is {MAX_TEXT}: shorten it.",
                text.len()
            );
            return Err(QueryError { at, message });
        }
        let terms = Reader::new(text, now).terms()?;
        Ok(Self { terms })
    }
}

/// The text that means the same in any zone and at any time, as long as it stays within [`MAX_TEXT`]. Not escaped for terminals.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, term) in self.terms.iter().enumerate() {
            let space = if n == 0 { "" } else { " " };
            write!(f, "{space}{term}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.excluded { "-" } else { "" };
        write!(f, "{sign}{}", self.condition)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) if is_text(text) => f.write_str(text),
            Self::Text(text) => write!(f, "{}", Quoted(text)),
            Self::Prompt(text) => write!(f, "prompt:{}", Value(text)),
            Self::Negative(text) => write!(f, "negative:{}", Value(text)),
            Self::Model(name) => write!(f, "model:{}", Value(name)),
            Self::Sampler(sampler) => write!(f, "sampler:{}", Value(sampler.name())),
            Self::Seed(seed) => write!(f, "seed:{seed}"),
            Self::Size { width, height } => write!(f, "size:{width}x{height}"),
            Self::Width(width) => write!(f, "width:{width}"),
            Self::Height(height) => write!(f, "height:{height}"),
            Self::Tag(tag) => write!(f, "tag:{}", Value(tag)),
            Self::Job(name) => write!(f, "job:{name}"),
            Self::After(at) => write!(f, "after:{}", moment(*at)),
            Self::Before(at) => write!(f, "before:{}", moment(*at)),
            Self::On { from, until } => write!(f, "on:{}..{}", moment(*from), moment(*until)),
            Self::Is(mark) => write!(f, "is:{}", mark.name()),
        }
    }
}

/// The moment in UTC, the nearest that can be written.
fn moment(ms: i64) -> Timestamp {
    let nearest = if ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(ms).unwrap_or(nearest)
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('"') && !text.contains(char::is_whitespace)
}

/// Whether `text` alone is read as the text that it is.
fn is_text(text: &str) -> bool {
    is_word(text) && !text.starts_with(['-', '!']) && key_of(text).is_none()
}

/// What stands after a key and its colon.
pub(super) struct Value<'a>(pub &'a str);

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_word(self.0) && !self.0.starts_with("//") {
            f.write_str(self.0)
        } else {
            write!(f, "{}", Quoted(self.0))
        }
    }
}

/// A phrase. A backslash is doubled only where it would escape something, so that no phrase grows beyond how it was typed.
pub(super) struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        let mut chars = self.0.chars().peekable();
        while let Some(c) = chars.next() {
            let escapes = c == '\\' && matches!(chars.peek(), None | Some('"' | '\\'));
            if c == '"' || escapes {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        f.write_str("\"")
    }
}

/// `text` as a message names it: on one line, and not all of a long one.
pub(super) fn told(text: &str) -> String {
    text::escape_line(&text::shorten(text)).into_owned()
}
