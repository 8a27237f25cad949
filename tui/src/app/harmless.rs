//! The last look at a frame before it is drawn: no cell holds anything that a terminal obeys or that turns its neighbours, nor more marks
//! than a terminal should be sent for one character. Screens escape what they are told; what a person writes is shown as it is, and this is
//! the net below both. `view.rs` calls it.

use darkroom_protocol::text::escape_line;
use ratatui::buffer::{Buffer, Cell};
use unicode_width::UnicodeWidthStr as _;

use crate::app::own::theme::Theme;

/// The most code points of a cell; flags and families have fewer.
const MOST: usize = 16;

/// Makes every cell harmless; none becomes wider or narrower.
pub fn make_harmless(buffer: &mut Buffer, theme: Theme) {
    buffer.content.iter_mut().for_each(|cell| mend(cell, theme));
}

fn mend(cell: &mut Cell, theme: Theme) {
    let symbol = cell.symbol();
    let is_plain = |byte: &u8| (b' '..=b'~').contains(byte);
    if symbol.as_bytes().iter().all(is_plain) {
        return;
    }
    let is_obeyed = escape_line(symbol) != symbol;
    let end = symbol.char_indices().nth(MOST).map(|(end, _)| end);
    let mended = match (is_obeyed, end) {
        (false, None) => return,
        (true, _) => theme.sign("\u{fffd}", "?").repeat(symbol.width()),
        (false, Some(end)) => {
            let cut = symbol[..end].to_owned();
            match cut.width() == symbol.width() {
                true => cut,
                false => theme.sign("\u{fffd}", "?").repeat(symbol.width()),
            }
        }
    };
    cell.set_symbol(&mended);
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use rstest::rstest;

    #[rstest]
    #[case("a", "a")]
    #[case("夜", "夜")]
    #[case("👩‍👩‍👧‍👦", "👩‍👩‍👧‍👦")]
    #[case("\u{2028}", "\u{fffd}")]
    #[case("\x1b", "\u{fffd}")]
    #[case("e\u{301}\u{202e}", "\u{fffd}")]
    fn a_cell(#[case] symbol: &str, #[case] expected: &str) {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 1, 1));
        buffer[(0, 0)].set_symbol(symbol);
        make_harmless(&mut buffer, Theme::of(&|_| None, true));
        assert_eq!(buffer[(0, 0)].symbol(), expected);
    }

    #[test]
    fn marks_beyond_count_are_left_out() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 1, 1));
        buffer[(0, 0)].set_symbol(&format!("z{}", "\u{301}".repeat(1000)));
        make_harmless(&mut buffer, Theme::of(&|_| None, true));
        assert_eq!(buffer[(0, 0)].symbol(), format!("z{}", "\u{301}".repeat(15)));
    }
}
