//! kitty's Unicode placeholders: text that stands for the cells of a picture, so that a multiplexer moves it like any other text.
//!
//! See "Unicode placeholders" in the documentation of kitty's graphics protocol. The colour of the text is the picture's number.

use std::fmt::Write as _;

use super::fit::Cells;

const PLACEHOLDER: char = '\u{10eeee}';

/// A picture's number, and whether colours of 24 bits reach the terminal: else only its lowest byte is a colour, and its highest
/// stands in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id {
    number: u32,
    is_colour: bool,
}

impl Id {
    /// A number of which the terminal sees all, made from `seed`; pictures of other seeds hardly ever share it.
    pub fn new(seed: u32, true_colour: bool) -> Self {
        let mixed = seed.wrapping_mul(0x9e37_79b1) >> 8;
        // No byte is zero: kitty takes a number below 256 for one of 256 colours.
        let [_, a, b, c] = (mixed | 0x0001_0101).to_be_bytes();
        // The first 16 of 256 colours have names of their own, which a multiplexer may use.
        let bytes = if true_colour {
            [0, a, b, c]
        } else {
            [a, 0, 0, 16 + c % 240]
        };
        Self {
            number: u32::from_be_bytes(bytes),
            is_colour: true_colour,
        }
    }

    /// One that [`Self::new`] made before.
    pub fn numbered(number: u32, true_colour: bool) -> Self {
        Self {
            number,
            is_colour: true_colour,
        }
    }

    /// As kitty is told it.
    pub fn number(self) -> u32 {
        self.number
    }
}

/// The text of the cells, row by row; a cell says its row and column only where that does not follow from its left neighbour.
pub(super) fn text(id: Id, cells: Cells) -> String {
    let [high, r, g, b] = id.number.to_be_bytes();
    let mut out = String::new();
    for row in 0..cells.rows {
        if row > 0 {
            out.push_str("\r\n");
        }
        if id.is_colour {
            write!(out, "\x1b[38;2;{r};{g};{b}m").unwrap_or_default();
        } else {
            write!(out, "\x1b[38;5;{b}m").unwrap_or_default();
        }
        out.push(PLACEHOLDER);
        out.push(mark(row));
        out.push(mark(0));
        if high > 0 {
            out.push(mark(high.into()));
        }
        out.extend(std::iter::repeat_n(
            PLACEHOLDER,
            cells.columns.saturating_sub(1) as usize,
        ));
        out.push_str("\x1b[39m");
    }
    out
}

/// The text of one cell, which says its column and row itself, and its colour: in 24 bits, or one of 256.
pub(super) fn cell(id: Id, column: u32, row: u32) -> (String, Result<[u8; 3], u8>) {
    let [high, r, g, b] = id.number.to_be_bytes();
    let mut text = String::from_iter([PLACEHOLDER, mark(row), mark(column)]);
    if high > 0 {
        text.push(mark(high.into()));
    }
    (text, if id.is_colour { Ok([r, g, b]) } else { Err(b) })
}

fn mark(number: u32) -> char {
    let code = MARKS.get(number as usize).copied().unwrap_or(MARKS[0]);
    char::from_u32(code).unwrap_or('\u{305}')
}

/// The combining characters that stand for 0, 1, 2 …: the beginning of kitty's rowcolumn-diacritics.txt.
#[rustfmt::skip]
const MARKS: [u32; 256] = [
    0x0305, 0x030d, 0x030e, 0x0310, 0x0312, 0x033d, 0x033e, 0x033f, 0x0346, 0x034a, 0x034b, 0x034c, 0x0350, 0x0351,
    0x0352, 0x0357, 0x035b, 0x0363, 0x0364, 0x0365, 0x0366, 0x0367, 0x0368, 0x0369, 0x036a, 0x036b, 0x036c, 0x036d,
    0x036e, 0x036f, 0x0483, 0x0484, 0x0485, 0x0486, 0x0487, 0x0592, 0x0593, 0x0594, 0x0595, 0x0597, 0x0598, 0x0599,
    0x059c, 0x059d, 0x059e, 0x059f, 0x05a0, 0x05a1, 0x05a8, 0x05a9, 0x05ab, 0x05ac, 0x05af, 0x05c4, 0x0610, 0x0611,
    0x0612, 0x0613, 0x0614, 0x0615, 0x0616, 0x0617, 0x0657, 0x0658, 0x0659, 0x065a, 0x065b, 0x065d, 0x065e, 0x06d6,
    0x06d7, 0x06d8, 0x06d9, 0x06da, 0x06db, 0x06dc, 0x06df, 0x06e0, 0x06e1, 0x06e2, 0x06e4, 0x06e7, 0x06e8, 0x06eb,
    0x06ec, 0x0730, 0x0732, 0x0733, 0x0735, 0x0736, 0x073a, 0x073d, 0x073f, 0x0740, 0x0741, 0x0743, 0x0745, 0x0747,
    0x0749, 0x074a, 0x07eb, 0x07ec, 0x07ed, 0x07ee, 0x07ef, 0x07f0, 0x07f1, 0x07f3, 0x0816, 0x0817, 0x0818, 0x0819,
    0x081b, 0x081c, 0x081d, 0x081e, 0x081f, 0x0820, 0x0821, 0x0822, 0x0823, 0x0825, 0x0826, 0x0827, 0x0829, 0x082a,
    0x082b, 0x082c, 0x082d, 0x0951, 0x0953, 0x0954, 0x0f82, 0x0f83, 0x0f86, 0x0f87, 0x135d, 0x135e, 0x135f, 0x17dd,
    0x193a, 0x1a17, 0x1a75, 0x1a76, 0x1a77, 0x1a78, 0x1a79, 0x1a7a, 0x1a7b, 0x1a7c, 0x1b6b, 0x1b6d, 0x1b6e, 0x1b6f,
    0x1b70, 0x1b71, 0x1b72, 0x1b73, 0x1cd0, 0x1cd1, 0x1cd2, 0x1cda, 0x1cdb, 0x1ce0, 0x1dc0, 0x1dc1, 0x1dc3, 0x1dc4,
    0x1dc5, 0x1dc6, 0x1dc7, 0x1dc8, 0x1dc9, 0x1dcb, 0x1dcc, 0x1dd1, 0x1dd2, 0x1dd3, 0x1dd4, 0x1dd5, 0x1dd6, 0x1dd7,
    0x1dd8, 0x1dd9, 0x1dda, 0x1ddb, 0x1ddc, 0x1ddd, 0x1dde, 0x1ddf, 0x1de0, 0x1de1, 0x1de2, 0x1de3, 0x1de4, 0x1de5,
    0x1de6, 0x1dfe, 0x20d0, 0x20d1, 0x20d4, 0x20d5, 0x20d6, 0x20d7, 0x20db, 0x20dc, 0x20e1, 0x20e7, 0x20e9, 0x20f0,
    0x2cef, 0x2cf0, 0x2cf1, 0x2de0, 0x2de1, 0x2de2, 0x2de3, 0x2de4, 0x2de5, 0x2de6, 0x2de7, 0x2de8, 0x2de9, 0x2dea,
    0x2deb, 0x2dec, 0x2ded, 0x2dee, 0x2def, 0x2df0, 0x2df1, 0x2df2, 0x2df3, 0x2df4, 0x2df5, 0x2df6, 0x2df7, 0x2df8,
    0x2df9, 0x2dfa, 0x2dfb, 0x2dfc, 0x2dfd, 0x2dfe, 0x2dff, 0xa66f, 0xa67c, 0xa67d, 0xa6f0, 0xa6f1, 0xa8e0, 0xa8e1,
    0xa8e2, 0xa8e3, 0xa8e4, 0xa8e5,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_as_text() {
        let cells = Cells { columns: 3, rows: 2 };
        let id = Id {
            number: 0x0002_0304,
            is_colour: true,
        };
        insta::assert_snapshot!(text(id, cells).escape_default().to_string(), @r"\u{1b}[38;2;2;3;4m\u{10eeee}\u{305}\u{305}\u{10eeee}\u{10eeee}\u{1b}[39m\r\n\u{1b}[38;2;2;3;4m\u{10eeee}\u{30d}\u{305}\u{10eeee}\u{10eeee}\u{1b}[39m");
        let id = Id {
            number: 0x0200_0004,
            is_colour: false,
        };
        insta::assert_snapshot!(text(id, Cells { columns: 2, rows: 1 }).escape_default().to_string(), @r"\u{1b}[38;5;4m\u{10eeee}\u{305}\u{305}\u{30e}\u{10eeee}\u{1b}[39m");
    }

    #[test]
    fn the_terminal_sees_the_whole_number() {
        for seed in 0..5000 {
            let [high, r, _, b] = Id::new(seed, true).number().to_be_bytes();
            assert!(high == 0 && r > 0 && b > 0);
            let [high, r, g, b] = Id::new(seed, false).number().to_be_bytes();
            assert!(high > 0 && b >= 16 && r == 0 && g == 0);
        }
    }
}
