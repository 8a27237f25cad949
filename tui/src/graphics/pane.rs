//! A picture made ready for a rectangle of a full-screen program: once, off the thread that draws, for a size in cells. What is drawn
//! with it depends on the protocol: cells of two colours, cells that stand for a picture which the terminal has, or bytes that are
//! written over empty cells after each frame. `app` keeps what is made here and says where it goes.

use image::DynamicImage;
use image::imageops::FilterType;

use super::fit::{self, Cells};
use super::iterm::Strips;
use super::kitty::{self, Put};
use super::placeholders::{self, Id};
use super::print::{self, Place};
use super::sixel;
use super::stripes::Pieces;
use super::terminal::{Screen, Stream};
use super::{Error, Found, Passthrough, Protocol, Result};

/// Two pixels, one above the other: 24-bit colours.
pub type HalfBlock = ([u8; 3], [u8; 3]);

/// A picture that is ready to be drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Ready {
    /// Half blocks, row by row.
    Blocks {
        /// Cells of a row.
        columns: u16,
        /// `columns` × rows of them.
        cells: Vec<HalfBlock>,
    },
    /// Text that stands for a picture which the terminal was given.
    Placeholders {
        /// Cells of a row.
        columns: u16,
        /// Rows.
        rows: u16,
        /// Its number.
        id: u32,
        /// Whether the text's colour says the number in 24 bits.
        true_colour: bool,
        /// Gives the terminal the picture: written once, and again where the terminal may have lost it.
        give: Vec<u8>,
    },
    /// Bytes that draw it with the cursor at its upper left cell.
    Over {
        /// Cells of a row.
        columns: u16,
        /// Rows.
        rows: u16,
        /// Its number, by which it is taken away; 0 where text over it does that.
        id: u32,
        /// What draws it.
        bytes: Vec<u8>,
    },
    /// What is drawn piece by piece; text over it takes it away.
    Pieces {
        /// Cells of a row.
        columns: u16,
        /// Rows.
        rows: u16,
        /// All of it.
        pieces: Pieces,
    },
}

impl Ready {
    /// Columns and rows that it covers.
    pub fn size(&self) -> (u16, u16) {
        match self {
            Self::Blocks { columns, cells } => (*columns, (cells.len() / usize::from(*columns).max(1)) as u16),
            Self::Placeholders { columns, rows, .. }
            | Self::Over { columns, rows, .. }
            | Self::Pieces { columns, rows, .. } => (*columns, *rows),
        }
    }
}

impl Ready {
    /// Its number; 0 where it has none.
    pub fn number(&self) -> u32 {
        match self {
            Self::Over { id, .. } | Self::Placeholders { id, .. } => *id,
            Self::Blocks { .. } | Self::Pieces { .. } => 0,
        }
    }

    /// Whether it is drawn over the cells of a frame, which are empty there.
    pub fn lies_over(&self) -> bool {
        matches!(self, Self::Over { .. } | Self::Pieces { .. })
    }

    /// The bytes that give it to the terminal; none where it is text or has pieces.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Over { bytes, .. } | Self::Placeholders { give: bytes, .. } => bytes,
            Self::Blocks { .. } | Self::Pieces { .. } => &[],
        }
    }
}

/// How each piece of a picture begins that kitty is given: as it is, or through tmux.
const BEGINNINGS: [&[u8]; 2] = [b"\x1b_G", b"\x1bPtmux;"];

/// How many bytes of `rest`, which begins with a piece, whole pieces of at most `room` bytes have; one piece in any case where `is_first`.
pub fn cut(rest: &[u8], room: usize, is_first: bool) -> usize {
    let Some(beginning) = BEGINNINGS.iter().find(|beginning| rest.starts_with(beginning)) else {
        return if is_first || rest.len() <= room { rest.len() } else { 0 };
    };
    let mut end = 0;
    loop {
        // The next piece begins after at least one byte of this one.
        let after = rest[end + 1..]
            .windows(beginning.len())
            .position(|window| window == *beginning);
        let next = after.map_or(rest.len(), |after| end + 1 + after);
        if next > room && !(is_first && end == 0) {
            return end;
        }
        end = next;
        if end == rest.len() {
            return end;
        }
    }
}

/// What ends a picture whose pieces were sent in part: the terminal throws them away.
pub fn break_off(ready: &Ready) -> Vec<u8> {
    kitty::break_off(ready.bytes().starts_with(BEGINNINGS[1]))
}

/// What a cell of [`Ready::Placeholders`] holds: its text, and the colour of the text, as 24 bits or as one of 256.
pub fn placeholder(id: u32, true_colour: bool, column: u16, row: u16) -> (String, Result<[u8; 3], u8>) {
    placeholders::cell(Id::numbered(id, true_colour), column.into(), row.into())
}

/// Makes `picture` ready for at most `room` (columns, rows), as large as it fits, its shape kept. `number` tells it from others that
/// are shown beside it; a later one of the same number takes its place. `draft`: it is shown for a moment only, and has at most so many
/// pixels a side.
///
/// # Errors
/// [`Error::NoTerminal`] where pictures are off; when it cannot be encoded.
pub fn ready(
    picture: &DynamicImage,
    found: &Found,
    room: (u16, u16),
    number: u32,
    draft: Option<u32>,
) -> Result<Ready> {
    let screen = Screen::of(Stream::Out).with_cell(found.cell);
    let is_large = |most: &u32| picture.width().max(picture.height()) > *most;
    match draft.filter(is_large) {
        Some(most) => {
            let small = picture.resize(most, most, FilterType::Triangle);
            ready_on(&small, found, screen, room, number, true)
        }
        None => ready_on(picture, found, screen, room, number, draft.is_some()),
    }
}

fn ready_on(
    picture: &DynamicImage,
    found: &Found,
    screen: Screen,
    room: (u16, u16),
    number: u32,
    is_draft: bool,
) -> Result<Ready> {
    let room = Cells {
        columns: u32::from(room.0.max(1)),
        rows: u32::from(room.1.max(1)),
    };
    let cells = fit::largest(picture.width(), picture.height(), dots_on(found, screen), room);
    let (columns, rows) = (cells.columns as u16, cells.rows as u16);
    match (found.protocol, found.passthrough) {
        (Protocol::Off, _) => Err(Error::NoTerminal(found.reason.clone())),
        (Protocol::Blocks, _) => Ok(Ready::Blocks {
            columns,
            cells: half_blocks(picture, cells),
        }),
        (Protocol::Kitty, Some(Passthrough { true_colour })) => {
            let id = Id::new(number, true_colour);
            let mut give = Vec::new();
            let put = Put::Virtual { cells, id: id.number() };
            kitty::write(&mut give, &print::file(picture, cells, screen, is_draft)?, put)?;
            Ok(Ready::Placeholders {
                columns,
                rows,
                id: id.number(),
                true_colour,
                give,
            })
        }
        (Protocol::Sixel, passthrough) => {
            let sixels = sixel::made(picture, cells, screen.cell, is_draft, passthrough.is_some());
            let pieces = Pieces::Sixels(sixels);
            Ok(Ready::Pieces { columns, rows, pieces })
        }
        // Strips fit where the size of a cell is known.
        (Protocol::Iterm, passthrough) if screen.is_told => {
            let whole = print::file(picture, cells, screen, is_draft)?;
            let strips = Strips::new(picture, whole, cells, screen.cell, is_draft, passthrough.is_some());
            let pieces = Pieces::Strips(strips);
            Ok(Ready::Pieces { columns, rows, pieces })
        }
        (protocol, passthrough) => {
            let side = fit::inside(picture.width(), picture.height(), screen.cell, cells);
            let id = (protocol == Protocol::Kitty).then_some(number.max(1));
            let place = Place {
                cells,
                side,
                screen,
                id,
                passthrough,
                is_draft,
            };
            let mut bytes = Vec::new();
            print::write(&mut bytes, picture, protocol, place)?;
            Ok(Ready::Over {
                columns,
                rows,
                id: id.unwrap_or(0),
                bytes,
            })
        }
    }
}

/// The dots of a cell, across and down, in which pictures are drawn: pixels of the screen, or the two halves of a block.
pub fn dots(found: &Found) -> (u32, u32) {
    dots_on(found, Screen::of(Stream::Out).with_cell(found.cell))
}

fn dots_on(found: &Found, screen: Screen) -> (u32, u32) {
    match found.protocol {
        Protocol::Blocks | Protocol::Off => (1, 2),
        _ => screen.cell,
    }
}

/// The columns and rows that a picture of that many pixels will cover where cells have so many dots, as [`ready`] makes it.
pub fn covered(size: (u32, u32), dots: (u32, u32), room: (u16, u16)) -> (u16, u16) {
    let room = Cells {
        columns: u32::from(room.0.max(1)),
        rows: u32::from(room.1.max(1)),
    };
    let cells = fit::largest(size.0, size.1, dots, room);
    (cells.columns as u16, cells.rows as u16)
}

/// What takes a picture off the terminal and lets it forget the picture.
pub fn forget(ready: &Ready, found: &Found) -> Vec<u8> {
    match ready {
        Ready::Placeholders { id, .. } => forget_number(*id, found),
        Ready::Over { id, .. } if *id > 0 => forget_number(*id, found),
        _ => Vec::new(),
    }
}

/// The same by its number.
pub fn forget_number(id: u32, found: &Found) -> Vec<u8> {
    kitty::delete(id, found.passthrough.is_some())
}

fn half_blocks(picture: &DynamicImage, Cells { columns, rows }: Cells) -> Vec<HalfBlock> {
    let pixels = picture
        .resize_exact(columns, 2 * rows, FilterType::Triangle)
        .into_rgb8();
    let cell = |row: u32, column: u32| {
        let at = |y| pixels.get_pixel(column, y).0;
        (at(2 * row), at(2 * row + 1))
    };
    (0..rows)
        .flat_map(|row| (0..columns).map(move |column| (row, column)))
        .map(|(r, c)| cell(r, c))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const SCREEN: Screen = Screen {
        columns: 80,
        rows: 24,
        cell: (10, 20),
        is_told: true,
    };

    fn found(protocol: Protocol) -> Found {
        Found::new(protocol, "so")
    }

    fn made(found: &Found, size: (u32, u32), room: (u16, u16)) -> Ready {
        let picture = DynamicImage::new_rgb8(size.0, size.1);
        ready_on(&picture, found, SCREEN, room, 7, false).unwrap()
    }

    #[rstest]
    #[case((512, 512), (40, 20), (40, 20))]
    #[case((64, 64), (40, 30), (40, 20))]
    #[case((1024, 512), (40, 20), (40, 10))]
    #[case((512, 1024), (40, 20), (20, 20))]
    fn it_is_as_large_as_it_fits(#[case] size: (u32, u32), #[case] room: (u16, u16), #[case] cells: (u16, u16)) {
        for protocol in [Protocol::Blocks, Protocol::Sixel, Protocol::Kitty, Protocol::Iterm] {
            assert_eq!(made(&found(protocol), size, room).size(), cells, "{protocol:?}");
            let dots = dots_on(&found(protocol), SCREEN);
            assert_eq!(covered(size, dots, room), cells, "{protocol:?}");
        }
    }

    #[test]
    fn a_terminal_around_tmux_is_given_the_picture_once() {
        let with = Found {
            passthrough: Some(Passthrough { true_colour: true }),
            ..found(Protocol::Kitty)
        };
        let Ready::Placeholders { give, id, .. } = made(&with, (64, 64), (10, 5)) else {
            panic!("placeholders");
        };
        assert!(give.starts_with(b"\x1bPtmux;"));
        let (text, colour) = placeholder(id, true, 2, 1);
        assert!(text.starts_with('\u{10eeee}') && text.chars().count() == 3);
        let [_, r, g, b] = id.to_be_bytes();
        assert_eq!(colour.unwrap(), [r, g, b]);
    }

    #[test]
    fn a_terminal_without_is_drawn_over_and_a_kitty_takes_it_away_by_number() {
        let kitty = found(Protocol::Kitty);
        let over = made(&kitty, (64, 64), (10, 5));
        assert!(matches!(&over, Ready::Over { id: 7, .. }));
        assert!(forget(&over, &kitty).starts_with(b"\x1b_Ga=d,d=I,i=7"));
        let sixel = found(Protocol::Sixel);
        assert!(forget(&made(&sixel, (64, 64), (10, 5)), &sixel).is_empty());
    }

    #[test]
    fn half_blocks_have_the_colours_of_their_halves() {
        let mut picture = image::RgbImage::from_pixel(2, 2, image::Rgb([200, 0, 0]));
        (0..2).for_each(|x| picture.put_pixel(x, 1, image::Rgb([0, 0, 200])));
        let ready = ready_on(&picture.into(), &found(Protocol::Blocks), SCREEN, (2, 1), 1, false).unwrap();
        assert_eq!(
            ready,
            Ready::Blocks {
                columns: 2,
                cells: vec![([200, 0, 0], [0, 0, 200]); 2]
            }
        );
    }
}
