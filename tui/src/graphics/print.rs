use std::io::{self, Cursor, Write};

use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat};

use super::fit::{self, Cells};
use super::terminal::Screen;
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

/// Prints a picture at the cursor of the terminal on standard output. Small pictures are enlarged, large ones reduced; the
/// cursor ends on the line below.
///
/// # Errors
/// [`Error::NoTerminal`] with the reason when standard output is no terminal or `DARKROOM_IMAGES` says off.
pub fn print_inline(picture: &DynamicImage, options: &Options) -> Result<Printed> {
    let found = options.found.clone().unwrap_or_else(detect);
    let screen = Screen::current().with_cell(found.cell);
    let limit = fit::limit(screen, options.columns, options.rows);
    let (width, height) = (picture.width(), picture.height());
    let cells = fit::cells(width, height, screen.cell, limit);
    let mut out = io::stdout().lock();
    match found.protocol {
        Protocol::Off => return Err(Error::NoTerminal(found.reason)),
        Protocol::Kitty => kitty::write(&mut out, &file(picture, cells, screen)?, cells)?,
        Protocol::Iterm => iterm::write(&mut out, &file(picture, cells, screen)?, cells)?,
        Protocol::Sixel => sixel::write(&mut out, picture, cells, screen.cell)?,
        Protocol::Blocks => {
            out.flush()?;
            drop(out);
            // A cell shows two pixels, one above the other: the shape is what counts, not the size of a cell.
            return blocks(picture, fit::cells(width, height, (5, 10), limit));
        }
    }
    Ok(Printed {
        protocol: found.protocol,
        columns: cells.columns,
        rows: cells.rows,
    })
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

fn blocks(picture: &DynamicImage, cells: Cells) -> Result<Printed> {
    let config = viuer::Config {
        absolute_offset: false,
        width: Some(cells.columns),
        height: Some(cells.rows),
        use_kitty: false,
        use_iterm: false,
        use_sixel: false,
        ..viuer::Config::default()
    };
    let (columns, rows) = viuer::print(picture, &config).map_err(|e| match e {
        viuer::ViuError::Io(e) => Error::Write(e),
        other => Error::Encode(other.to_string()),
    })?;
    Ok(Printed {
        protocol: Protocol::Blocks,
        columns,
        rows,
    })
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
