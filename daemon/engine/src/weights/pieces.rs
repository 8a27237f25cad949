//! How a file's tensors become the layers' ones: under another name, in part, turned, or several put together. A family says so for
//! each key of a single file (`Family::spell`); `files.rs` keeps it beside each tensor's place, so that a layer's tensor can be read
//! again and be called by the name that its file has.

use std::ops::Range;

/// What one tensor of a file is for the layers: one of their tensors, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The layers' name.
    pub name: String,
    /// Which rows of it, along its first axis as the file has it.
    pub rows: Rows,
    /// Whether its two axes change places.
    pub turned: bool,
    /// Which part of the layers' tensor it is: the nth of so many, one below the other.
    pub place: (usize, usize),
}

/// Rows of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Every one.
    All,
    /// The nth of so many equal parts.
    Part(usize, usize),
    /// From one to before another, as where parts differ in size.
    Range(Range<u64>),
}

impl Piece {
    /// All of the layers' tensor of that name.
    pub fn whole(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            rows: Rows::All,
            turned: false,
            place: (0, 1),
        }
    }

    /// The same from these rows alone.
    #[must_use]
    pub fn rows(self, rows: Rows) -> Self {
        Self { rows, ..self }
    }

    /// The same with its two axes exchanged.
    #[must_use]
    pub fn turned(self) -> Self {
        Self { turned: true, ..self }
    }

    /// The nth of `of` parts of it.
    #[must_use]
    pub fn placed(self, nth: usize, of: usize) -> Self {
        Self {
            place: (nth, of),
            ..self
        }
    }
}

impl Rows {
    /// Which of `all` rows; `None` where there are no such ones.
    pub fn of(&self, all: u64) -> Option<Range<u64>> {
        match self {
            Self::All => Some(0..all),
            Self::Part(nth, of) => {
                let (nth, of) = (*nth as u64, *of as u64);
                let fits = of > 0 && nth < of && all.is_multiple_of(of);
                fits.then(|| all / of * nth..all / of * (nth + 1))
            }
            Self::Range(rows) => (rows.start < rows.end && rows.end <= all).then(|| rows.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(Rows::All, 6, Some(0..6))]
    #[case(Rows::Part(1, 3), 6, Some(2..4))]
    #[case(Rows::Part(1, 4), 6, None)]
    #[case(Rows::Part(3, 3), 6, None)]
    #[case(Rows::Part(0, 0), 6, None)]
    #[case(Rows::Range(4..6), 6, Some(4..6))]
    #[case(Rows::Range(4..7), 6, None)]
    #[case(Rows::Range(4..4), 6, None)]
    fn rows_are_those_that_there_are(#[case] rows: Rows, #[case] all: u64, #[case] found: Option<Range<u64>>) {
        assert_eq!(rows.of(all), found);
    }
}
