//! The picture in the making: drawn again and again in one place, above the cursor, by the command's progress display.

use std::io::Write;

use image::DynamicImage;

use super::fit::{self, Cells};
use super::print::{self, Place};
use super::terminal::{Screen, Stream};
use super::{Error, Found, Protocol, Result, kitty, sixel};

/// A live picture is no higher than this, in rows.
const MAX_ROWS: u32 = 20;

/// Terminals that scale a picture themselves get at most so many pixels along a side: a frame stays below 70 kB.
const ENOUGH: u32 = 256;

/// A picture on the terminal that is drawn again in place. It stands in the rows above the cursor, which is at the beginning of a
/// row before and after each call.
#[derive(Debug)]
pub struct Live {
    stream: Stream,
    found: Found,
    /// Told to kitty, so that a new picture takes the place of the old one.
    id: u32,
    /// What is on the terminal.
    drawn: Option<Drawn>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Drawn {
    cells: Cells,
    screen: Screen,
}

impl Live {
    /// Nothing drawn yet, on a terminal that was found so.
    pub fn new(stream: Stream, found: Found) -> Self {
        Self {
            stream,
            found,
            id: std::process::id().max(1),
            drawn: None,
        }
    }

    /// The most pixels that a picture here has along a side: more would not be seen.
    pub fn max_px(&self) -> u32 {
        let screen = self.screen();
        let limit = limit(screen);
        match self.found.protocol {
            Protocol::Blocks | Protocol::Off => limit.columns.max(2 * limit.rows),
            // Each of its pixels is drawn as a square of so many: see there.
            Protocol::Sixel => (limit.rows * screen.cell.1 / sixel::BAND).max(16),
            Protocol::Kitty | Protocol::Iterm => {
                let seen = (limit.columns * screen.cell.0).max(limit.rows * screen.cell.1);
                seen.min(ENOUGH)
            }
        }
    }

    /// Draws a picture in the place of the last one.
    ///
    /// # Errors
    /// [`Error::NoTerminal`] where pictures are off; [`Error::Write`].
    pub fn draw(&mut self, picture: &DynamicImage) -> Result<()> {
        let screen = self.screen();
        let stream = self.stream;
        stream.with(|out| self.draw_on(out, picture, screen))
    }

    /// Takes the picture away; the rows below it move up.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn erase(&mut self) -> Result<()> {
        let screen = self.screen();
        let stream = self.stream;
        stream.with(|out| self.erase_on(out, screen))
    }

    fn screen(&self) -> Screen {
        Screen::of(self.stream).with_cell(self.found.cell)
    }

    fn draw_on(&mut self, out: &mut dyn Write, picture: &DynamicImage, screen: Screen) -> Result<()> {
        if self.found.protocol == Protocol::Off {
            return Err(Error::NoTerminal(self.found.reason.clone()));
        }
        let (cells, side) = print::cells(picture, self.found.protocol, screen, limit(screen));
        let mut text = Vec::new();
        match self.drawn {
            Some(drawn) if drawn == (Drawn { cells, screen }) => write!(text, "\x1b[{}A", cells.rows)?,
            _ => {
                self.erase_on(&mut text, screen)?;
                // The rows are made first: whatever the terminal does at its lower edge happens now.
                text.extend(std::iter::repeat_n(b'\n', cells.rows as usize));
                write!(text, "\x1b[{}A", cells.rows)?;
            }
        }
        text.extend(b"\x1b7");
        let place = Place {
            cells,
            side,
            screen,
            id: Some(self.id),
            passthrough: self.found.passthrough,
            is_draft: true,
        };
        print::write(&mut text, picture, self.found.protocol, place)?;
        write!(text, "\x1b8\x1b[{}B\r", cells.rows)?;
        self.drawn = Some(Drawn { cells, screen });
        out.write_all(&text)?;
        Ok(out.flush()?)
    }

    fn erase_on(&mut self, out: &mut dyn Write, screen: Screen) -> Result<()> {
        let Some(drawn) = self.drawn.take() else { return Ok(()) };
        if self.found.protocol == Protocol::Kitty {
            let passthrough = self.found.passthrough;
            let number = passthrough.map_or(self.id, |way| print::placeholder_id(Some(self.id), way).number());
            out.write_all(&kitty::delete(number, passthrough.is_some()))?;
        }
        // After a change of its size nobody knows where the rows went: they stay.
        if drawn.screen == screen {
            write!(out, "\x1b[{}A\r\x1b[J", drawn.cells.rows)?;
        }
        Ok(out.flush()?)
    }
}

/// A few rows stay for what is written below.
fn limit(screen: Screen) -> Cells {
    let rows = screen.rows.saturating_sub(4).clamp(1, MAX_ROWS);
    fit::limit(screen, None, Some(rows))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const SCREEN: Screen = Screen {
        columns: 80,
        rows: 9,
        cell: (10, 20),
        is_told: true,
    };

    fn live(protocol: Protocol) -> Live {
        Live {
            id: 7,
            ..Live::new(Stream::Err, Found::new(protocol, "so"))
        }
    }

    fn text(work: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> String {
        let mut out = Vec::new();
        work(&mut out).unwrap();
        String::from_utf8_lossy(&out).into_owned()
    }

    #[rstest]
    fn the_second_picture_takes_the_place_of_the_first(
        #[values(Protocol::Kitty, Protocol::Iterm, Protocol::Sixel, Protocol::Blocks)] protocol: Protocol,
    ) {
        let mut live = live(protocol);
        let picture = DynamicImage::new_rgb8(16, 16);
        let first = text(|out| live.draw_on(out, &picture, SCREEN));
        assert!(first.starts_with("\n\n\n\n\n\x1b[5A\x1b7"), "{first:?}");
        assert!(first.ends_with("\x1b8\x1b[5B\r"), "{first:?}");
        let second = text(|out| live.draw_on(out, &picture, SCREEN));
        assert_eq!(second, first.trim_start_matches('\n'));
        let gone = text(|out| live.erase_on(out, SCREEN));
        assert!(gone.ends_with("\x1b[5A\r\x1b[J"), "{gone:?}");
        assert_eq!(text(|out| live.erase_on(out, SCREEN)), "");
    }

    #[test]
    fn another_shape_and_another_terminal_size_begin_anew() {
        let mut live = live(Protocol::Blocks);
        text(|out| live.draw_on(out, &DynamicImage::new_rgb8(16, 16), SCREEN));
        let wide = text(|out| live.draw_on(out, &DynamicImage::new_rgb8(160, 10), SCREEN));
        assert!(wide.starts_with("\x1b[5A\r\x1b[J\n"), "{wide:?}");
        let resized = Screen { columns: 70, ..SCREEN };
        let text = text(|out| live.draw_on(out, &DynamicImage::new_rgb8(16, 16), resized));
        assert!(text.starts_with('\n'), "{text:?}");
    }

    #[test]
    fn kitty_replaces_by_number_and_forgets() {
        let mut live = live(Protocol::Kitty);
        let drawn = text(|out| live.draw_on(out, &DynamicImage::new_rgb8(4, 4), SCREEN));
        assert!(drawn.contains("i=7,p=1"), "{drawn:?}");
        assert!(text(|out| live.erase_on(out, SCREEN)).starts_with("\x1b_Ga=d,d=I,i=7"));
    }

    #[test]
    fn no_more_pixels_are_asked_for_than_are_seen() {
        let (blocks, kitty) = (live(Protocol::Blocks), live(Protocol::Kitty));
        assert!(blocks.max_px() < kitty.max_px());
    }

    /// Pixels that differ each from each, as of a latent that is all noise.
    fn noise(side: u32) -> DynamicImage {
        let pixel = |x: u32, y: u32| {
            let mixed = (x * 73 + y * 179 + 11).wrapping_mul(0x9e37_79b1);
            image::Rgb([(mixed >> 24) as u8, (mixed >> 16) as u8, (mixed >> 8) as u8])
        };
        image::RgbImage::from_fn(side, side, pixel).into()
    }

    #[rstest]
    #[case(Protocol::Sixel, 16, 12_000)]
    #[case(Protocol::Sixel, 64, 70_000)]
    #[case(Protocol::Kitty, 16, 3_000)]
    #[case(Protocol::Kitty, 64, 20_000)]
    fn a_frame_is_as_small_as_the_latent_allows(#[case] protocol: Protocol, #[case] side: u32, #[case] most: usize) {
        let screen = Screen {
            columns: 120,
            rows: 40,
            cell: (10, 20),
            is_told: true,
        };
        let mut live = live(protocol);
        let frame = text(|out| live.draw_on(out, &noise(side), screen));
        assert!(frame.len() <= most, "{} bytes", frame.len());
    }
}
