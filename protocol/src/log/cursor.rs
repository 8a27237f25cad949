//! Where a page of a log begins or ends, as text that stays right while lines are added and the log is set aside: the file, how far
//! in it, and a mark of how it begins, since a file that is removed may leave its number to the next. `daemon/src/logging/page.rs`
//! finds the file.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A place in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// Before the oldest line that is kept. Written `start`.
    Start,
    /// Between two lines.
    At {
        /// The file's number in its file system.
        file: u64,
        /// Bytes before the place.
        offset: u64,
        /// Made of the first of these bytes.
        mark: u64,
    },
}

/// It is no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("is no place in a log: give one that an answer named, or start")]
pub struct NotACursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("start"),
            Self::At { file, offset, mark } => write!(f, "{file:x}-{offset:x}-{mark:x}"),
        }
    }
}

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        if text == "start" {
            return Ok(Self::Start);
        }
        let number = |text: &str| {
            let is_written_so = !text.starts_with('+') && (text == "0" || !text.starts_with('0'));
            let is_lower = !text.contains(|c: char| c.is_ascii_uppercase());
            let number = u64::from_str_radix(text, 16).ok();
            number.filter(|_| is_written_so && is_lower).ok_or(NotACursor)
        };
        let mut parts = text.split('-');
        let (Some(file), Some(offset), Some(mark), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NotACursor);
        };
        Ok(Self::At {
            file: number(file)?,
            offset: number(offset)?,
            mark: number(mark)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn one_spelling_a_place(file: u64, offset: u64, mark: u64) {
            let cursor = Cursor::At { file, offset, mark };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn whatever_is_read_is_written_the_same(text in "(start|[0-9a-fA-F+.-]{0,60}|.{0,60})") {
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert_eq!(cursor.to_string(), text);
            }
        }
    }

    #[test]
    fn what_is_none_is_told() {
        for text in [
            "",
            "START",
            "1-2",
            "1-2-3-4",
            "-1-2-3",
            "1-2-g",
            "01-2-3",
            "1-+2-3",
            "1-2-10000000000000000",
        ] {
            assert_eq!(text.parse::<Cursor>(), Err(NotACursor), "{text}");
        }
        assert_eq!("start".parse(), Ok(Cursor::Start));
    }
}
