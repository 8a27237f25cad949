//! Pictures in half blocks, doled out: they are cells of the frame, some forty bytes each, and all of a large one at once would keep
//! every key waiting over a slow link. As many cells of two colours change in a frame as there is room for (`pacing.rs`), from the top;
//! the others stay as the terminal has them, and go with the next frames. Text is never held back. `run.rs` asks; pure.

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::Color;

/// What a cell of two colours takes on its way, at most: `ESC[38;2;r;g;b;48;2;r;g;bm▀`.
pub const CELL_BYTES: usize = 40;

/// What a frame changes of pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Doled {
    /// Cells of pictures that it changes.
    pub changed: usize,
    /// Whether some are left for the next.
    pub is_behind: bool,
}

/// The frame that the terminal has.
#[derive(Debug, Default)]
pub struct Frames {
    last: Option<Buffer>,
}

impl Frames {
    /// The terminal shows nothing that is known.
    pub fn forget(&mut self) {
        self.last = None;
    }

    /// Lets at most `most` cells of pictures in `frame` differ from those that the terminal has.
    pub fn dole(&mut self, frame: &mut Buffer, most: usize) -> Doled {
        let empty = || Buffer::empty(frame.area);
        let last = self
            .last
            .take()
            .filter(|last| last.area == frame.area)
            .unwrap_or_else(empty);
        let mut doled = Doled::default();
        for (now, before) in frame.content.iter_mut().zip(&last.content) {
            if !is_picture(now) || now == before {
                continue;
            }
            if doled.changed < most {
                doled.changed += 1;
                continue;
            }
            doled.is_behind = true;
            // What was text there would be read as a part of the picture.
            *now = match is_picture(before) {
                true => before.clone(),
                false => Cell::default(),
            };
        }
        self.last = Some(frame.clone());
        doled
    }
}

/// Whether it is a part of a picture: two pixels, one above the other.
fn is_picture(cell: &Cell) -> bool {
    cell.symbol() == "▀" && matches!((cell.fg, cell.bg), (Color::Rgb(..), Color::Rgb(..)))
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    use super::*;

    /// A frame of 4×3 whose lower two rows are a picture of one colour.
    fn frame(text: &str, red: u8) -> Buffer {
        let mut frame = Buffer::empty(Rect::new(0, 0, 4, 3));
        frame.set_string(0, 0, text, Style::new());
        for (x, y) in (1..3).flat_map(|y| (0..4).map(move |x| (x, y))) {
            frame[(x, y)]
                .set_symbol("▀")
                .set_fg(Color::Rgb(red, 0, 0))
                .set_bg(Color::Rgb(red, 9, 9));
        }
        frame
    }

    fn reds(frame: &Buffer) -> Vec<Option<u8>> {
        let red = |cell: &Cell| match cell.fg {
            Color::Rgb(red, _, _) => Some(red),
            _ => None,
        };
        frame.content[4..].iter().map(red).collect()
    }

    #[test]
    fn a_picture_comes_from_the_top_in_frames_of_few_cells() {
        let mut frames = Frames::default();
        let mut first = frame("abcd", 1);
        assert_eq!(
            frames.dole(&mut first, 5),
            Doled {
                changed: 5,
                is_behind: true
            }
        );
        assert_eq!(
            reds(&first),
            [Some(1), Some(1), Some(1), Some(1), Some(1), None, None, None]
        );
        assert_eq!(first.content[9], Cell::default(), "nothing is there yet");
        let mut second = frame("abcd", 1);
        assert_eq!(
            frames.dole(&mut second, 5),
            Doled {
                changed: 3,
                is_behind: false
            }
        );
        assert_eq!(second, frame("abcd", 1));
        assert_eq!(frames.dole(&mut second, 0), Doled::default(), "it is there");
    }

    #[test]
    fn the_last_picture_stays_until_the_next_comes_and_text_goes_at_once() {
        let mut frames = Frames::default();
        frames.dole(&mut frame("abcd", 1), usize::MAX);
        let mut next = frame("efgh", 2);
        assert!(frames.dole(&mut next, 2).is_behind);
        assert_eq!(reds(&next)[..3], [Some(2), Some(2), Some(1)]);
        assert_eq!(next[(0, 0)].symbol(), "e");
        // A popup over it is text, and where one was the picture comes again.
        let mut popup = frame("efgh", 2);
        popup.set_string(0, 2, "popu", Style::new().fg(Color::White));
        frames.dole(&mut popup, usize::MAX);
        let mut without = frame("efgh", 2);
        assert_eq!(
            frames.dole(&mut without, 3),
            Doled {
                changed: 3,
                is_behind: true
            }
        );
        assert_eq!(without[(3, 2)], Cell::default(), "no text is left in the picture");
    }

    #[test]
    fn what_the_terminal_lost_is_sent_again() {
        let mut frames = Frames::default();
        frames.dole(&mut frame("abcd", 1), usize::MAX);
        frames.forget();
        assert_eq!(frames.dole(&mut frame("abcd", 1), usize::MAX).changed, 8);
        let mut larger = Buffer::empty(Rect::new(0, 0, 5, 3));
        assert_eq!(frames.dole(&mut larger, 0), Doled::default());
    }
}
