use std::io::{self, Cursor, Write};

use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat};

use super::blocks::{self, Palette};
use super::fit::{self, Cells};
use super::terminal::{Screen, Stream};
use super::{Error, Found, Protocol, Result, detect, iterm, kitty, sixel};

/// How to print.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The terminal's protocol where it is known already; found out when absent.
    pub found: Option<Found>,
    /// At most so many columns; the terminal's width when absent.
    pub columns: Option<u32>,
    /// At most so many rows; 40 when absent, and never more than the terminal has, less two.
    pub rows: Option<u32>,
}

/// What was printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Printed {
    /// In which protocol.
    pub protocol: Protocol,
    /// Character cells in a row.
    pub columns: u32,
    /// Rows.
    pub rows: u32,
}

/// Where a picture goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// What it covers.
    pub cells: Cells,
    /// The terminal.
    pub screen: Screen,
    /// A number by which kitty knows it again.
    pub id: Option<u32>,
}

/// Prints a picture at the cursor of the terminal on standard output. Small pictures are enlarged, large ones reduced; the
/// cursor ends on the line below.
///
/// # Errors
/// [`Error::NoTerminal`] with the reason when standard output is no terminal or `DARKROOM_IMAGES` says off.
pub fn print_inline(picture: &DynamicImage, options: &Options) -> Result<Printed> {
    let found = options.found.clone().unwrap_or_else(detect);
    if found.protocol == Protocol::Off {
        return Err(Error::NoTerminal(found.reason));
    }
    let screen = Screen::of(Stream::Out).with_cell(found.cell);
    let limit = fit::limit(screen, options.columns, options.rows);
    let cells = cells(picture, found.protocol, screen, limit);
    let place = Place {
        cells,
        screen,
        id: None,
    };
    let mut out = io::stdout().lock();
    write(&mut out, picture, found.protocol, place)?;
    writeln!(out)?;
    Ok(Printed {
        protocol: found.protocol,
        columns: cells.columns,
        rows: cells.rows,
    })
}

/// The cells that a picture is to cover. In half blocks the shape is what counts, not the size of a cell: it shows two pixels,
/// one above the other.
pub(super) fn cells(picture: &DynamicImage, protocol: Protocol, screen: Screen, limit: Cells) -> Cells {
    let cell = match protocol {
        Protocol::Blocks => (5, 10),
        _ => screen.cell,
    };
    fit::cells(picture.width(), picture.height(), cell, limit)
}

/// Writes a picture at the cursor; nobody knows where the cursor is afterwards.
pub(super) fn write(out: &mut impl Write, picture: &DynamicImage, protocol: Protocol, place: Place) -> Result<()> {
    let Place { cells, screen, id } = place;
    match protocol {
        Protocol::Off => Ok(()),
        Protocol::Kitty => Ok(kitty::write(out, &file(picture, cells, screen)?, cells, id)?),
        Protocol::Iterm => Ok(iterm::write(out, &file(picture, cells, screen)?, cells)?),
        Protocol::Sixel => sixel::write(out, picture, cells, screen.cell),
        Protocol::Blocks => Ok(blocks::write(out, picture, cells, Palette::from_env())?),
    }
}

/// The picture as a PNG file of no more pixels than are shown.
fn file(picture: &DynamicImage, cells: Cells, screen: Screen) -> Result<Vec<u8>> {
    let (width, height) = (cells.columns * screen.cell.0, cells.rows * screen.cell.1);
    let mut bytes = Cursor::new(Vec::new());
    let shown = if picture.width() > width || picture.height() > height {
        &picture.resize(width, height, FilterType::Triangle)
    } else {
        picture
    };
    let shown = if shown.color().has_alpha() {
        DynamicImage::ImageRgba8(shown.to_rgba8())
    } else {
        DynamicImage::ImageRgb8(shown.to_rgb8())
    };
    shown
        .write_to(&mut bytes, ImageFormat::Png)
        .map_err(|e| Error::Encode(e.to_string()))?;
    Ok(bytes.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCREEN: Screen = Screen {
        columns: 80,
        rows: 24,
        cell: (10, 20),
    };

    #[test]
    fn no_more_pixels_are_sent_than_shown() {
        let cells = Cells { columns: 10, rows: 5 };
        let bytes = file(&DynamicImage::new_rgb8(512, 512), cells, SCREEN).unwrap();
        let sent = image::load_from_memory(&bytes).unwrap();
        assert_eq!((sent.width(), sent.height()), (100, 100));
        let bytes = file(&DynamicImage::new_rgb8(64, 64), cells, SCREEN).unwrap();
        assert_eq!(image::load_from_memory(&bytes).unwrap().width(), 64);
    }

    #[test]
    fn off_prints_nothing_and_says_why() {
        let found = Found {
            protocol: Protocol::Off,
            reason: "standard output is no terminal".into(),
            cell: None,
        };
        let options = Options {
            found: Some(found),
            ..Options::default()
        };
        let error = print_inline(&DynamicImage::new_rgb8(1, 1), &options).unwrap_err();
        assert_eq!(
            error.to_string(),
            "The picture is not shown: standard output is no terminal."
        );
    }
}
