//! Why a search was not understood, and the picture of where: the text with a caret under the place. The terminal shows both; a
//! JSON-RPC caller gets the place as a number.

use unicode_width::UnicodeWidthStr as _;

use crate::text::escape_line;

/// The fewest columns that a caret line is made for.
const FEWEST: usize = 20;
/// What stands for the part of a long text that is not shown.
const CUT: &str = "…";

/// Why a text is no query. It displays as one sentence that may be printed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct QueryError {
    /// The character of the text at which it goes wrong, from 0; the number of characters where something is missing at its end.
    pub at: usize,
    /// What is wrong and what to do.
    pub message: String,
}

impl QueryError {
    /// `text`, which this is about, on a line of at most so many columns, and below it a line with a caret under the place. Both
    /// may be printed; of a long text what is around the place is shown. Fewer than 20 columns count as 20.
    pub fn pointed(&self, text: &str, columns: usize) -> String {
        let most = columns.max(FEWEST) - CUT.width();
        let room = most - CUT.width();
        let split = text.char_indices().nth(self.at).map_or(text.len(), |(byte, _)| byte);
        let (before, after) = text.split_at(split);
        let (next, _) = fitting(after.chars(), room / 3);
        let (mut left, is_cut) = fitting(before.chars().rev(), room.saturating_sub(next.concat().width()));
        if is_cut {
            left.push(CUT.to_owned());
        }
        left.reverse();
        let left = left.concat();
        let (right, is_cut) = fitting(after.chars(), most.saturating_sub(left.width()));
        let end = if is_cut { CUT } else { "" };
        format!("{left}{}{end}\n{}^", right.concat(), " ".repeat(left.width()))
    }
}

/// The first of `chars` that fit into so many columns, each escaped, and whether some do not. One without a width counts as one
/// column, so that no number of them fits.
fn fitting(chars: impl Iterator<Item = char>, columns: usize) -> (Vec<String>, bool) {
    let mut left = columns;
    let mut fit = Vec::new();
    for c in chars {
        let shown = escape_line(c.encode_utf8(&mut [0; 4])).into_owned();
        match left.checked_sub(shown.width().max(1)) {
            Some(rest) => left = rest,
            None => return (fit, true),
        }
        fit.push(shown);
    }
    (fit, false)
}
