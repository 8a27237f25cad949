//! A picture at the cursor, in the terminal's protocol: what is sent, and where the cursor ends. [`super::live`] draws with it too.

use std::io::{self, Cursor, Write};
use std::sync::atomic::{AtomicU32, Ordering};

use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat, RgbImage};

use super::blocks::{self, Palette};
use super::fit::{self, Cells, Side};
use super::kitty::Put;
use super::mux::wrap;
use super::palette::reduce;
use super::placeholders::Id;
use super::terminal::{Screen, Stream};
use super::{Error, Found, Passthrough, Protocol, Result, detect, iterm, kitty, placeholders, sixel};

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

/// Where a picture goes and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// What it covers.
    pub cells: Cells,
    /// The side by which kitty scales it.
    pub side: Side,
    /// The terminal.
    pub screen: Screen,
    /// A number by which kitty knows it again.
    pub id: Option<u32>,
    /// The way through tmux.
    pub passthrough: Option<Passthrough>,
    /// Whether it is one of many of which each is seen for a moment: small matters more than fine.
    pub is_draft: bool,
}

/// Prints a picture at the cursor of the terminal on standard output, at the beginning of a row. Small pictures are enlarged,
/// large ones reduced; the cursor ends on the line below.
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
    let (cells, side) = cells(picture, found.protocol, screen, limit);
    let place = Place {
        cells,
        side,
        screen,
        id: None,
        passthrough: found.passthrough,
        is_draft: false,
    };
    let mut out = io::stdout().lock();
    let mut text = Vec::new();
    if is_text(&found) {
        write(&mut text, picture, found.protocol, place)?;
        text.extend(b"\n");
    } else {
        // The rows are made first: whatever the terminal does at its lower edge happens now. Where its cursor is after a
        // picture, nobody knows.
        text.extend(std::iter::repeat_n(b'\n', cells.rows as usize));
        write!(text, "\x1b[{}A\x1b7", cells.rows)?;
        write(&mut text, picture, found.protocol, place)?;
        write!(text, "\x1b8\x1b[{}B\r", cells.rows)?;
    }
    out.write_all(&text)?;
    out.flush()?;
    Ok(Printed {
        protocol: found.protocol,
        columns: cells.columns,
        rows: cells.rows,
    })
}

/// Whether pictures are drawn as text.
fn is_text(found: &Found) -> bool {
    found.protocol == Protocol::Blocks || found.protocol == Protocol::Kitty && found.passthrough.is_some()
}

/// The cells that a picture is to cover, and the side that decides. In half blocks the shape is what counts, not the size of a
/// cell: it shows two pixels, one above the other.
pub(super) fn cells(picture: &DynamicImage, protocol: Protocol, screen: Screen, limit: Cells) -> (Cells, Side) {
    let (width, height) = (picture.width(), picture.height());
    match protocol {
        Protocol::Kitty => fit::unstretched(width, height, screen.cell, limit),
        _ => {
            let cell = if protocol == Protocol::Blocks {
                (5, 10)
            } else {
                screen.cell
            };
            let cells = fit::cells(width, height, cell, limit);
            (cells, Side::Columns(cells.columns))
        }
    }
}

/// Writes a picture at the cursor; nobody knows where the cursor is afterwards.
pub(super) fn write(out: &mut impl Write, picture: &DynamicImage, protocol: Protocol, place: Place) -> Result<()> {
    let Place { cells, screen, .. } = place;
    match (protocol, place.passthrough) {
        (Protocol::Off, _) => Ok(()),
        (Protocol::Blocks, _) => Ok(blocks::write(out, picture, cells, Palette::from_env())?),
        (Protocol::Kitty, None) => {
            let (side, id) = (place.side, place.id);
            Ok(kitty::write(
                out,
                &file(picture, cells, screen, place.is_draft)?,
                Put::Here { side, id },
            )?)
        }
        (Protocol::Kitty, Some(passthrough)) => {
            let id = placeholder_id(place.id, passthrough);
            let number = id.number();
            kitty::write(
                out,
                &file(picture, cells, screen, place.is_draft)?,
                Put::Virtual { cells, id: number },
            )?;
            Ok(out.write_all(placeholders::text(id, cells).as_bytes())?)
        }
        (Protocol::Iterm, passthrough) => {
            let mut sequence = Vec::new();
            iterm::write(&mut sequence, &file(picture, cells, screen, place.is_draft)?, cells)?;
            Ok(send(out, sequence, passthrough)?)
        }
        (Protocol::Sixel, passthrough) => {
            let mut sequence = Vec::new();
            sixel::write(&mut sequence, picture, cells, screen.cell, place.is_draft)?;
            Ok(send(out, sequence, passthrough)?)
        }
    }
}

fn send(out: &mut impl Write, sequence: Vec<u8>, passthrough: Option<Passthrough>) -> io::Result<()> {
    match passthrough {
        Some(_) => out.write_all(&wrap(&sequence)),
        None => out.write_all(&sequence),
    }
}

/// A live picture keeps its number; each other one has another.
pub(super) fn placeholder_id(id: Option<u32>, passthrough: Passthrough) -> Id {
    static PRINTED: AtomicU32 = AtomicU32::new(0);
    let seed = id.unwrap_or_else(|| {
        let printed = PRINTED.fetch_add(1, Ordering::Relaxed);
        std::process::id().wrapping_add(printed.wrapping_mul(0x0101_0107))
    });
    Id::new(seed, passthrough.true_colour)
}

/// The picture as a PNG file of no more pixels than are shown. A draft has few colours: noise, of which pictures in the making are full,
/// takes a quarter of the bytes so.
pub(super) fn file(picture: &DynamicImage, cells: Cells, screen: Screen, is_draft: bool) -> Result<Vec<u8>> {
    let (width, height) = (cells.columns * screen.cell.0, cells.rows * screen.cell.1);
    let shown = if picture.width() > width || picture.height() > height {
        &picture.resize(width, height, FilterType::Triangle)
    } else {
        picture
    };
    if is_draft {
        return draft(&shown.to_rgb8());
    }
    let shown = if shown.color().has_alpha() {
        DynamicImage::ImageRgba8(shown.to_rgba8())
    } else {
        DynamicImage::ImageRgb8(shown.to_rgb8())
    };
    let mut bytes = Cursor::new(Vec::new());
    shown
        .write_to(&mut bytes, ImageFormat::Png)
        .map_err(|e| Error::Encode(e.to_string()))?;
    Ok(bytes.into_inner())
}

/// Colours of a draft.
const DRAFT_COLOURS: usize = 64;
/// And the share of an error that neighbours get.
const DRAFT_DIFFUSION: f32 = 0.5;

fn draft(picture: &RgbImage) -> Result<Vec<u8>> {
    let failed = |e: png::EncodingError| Error::Encode(e.to_string());
    let reduced = reduce(picture, DRAFT_COLOURS, DRAFT_DIFFUSION);
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(reduced.palette.concat());
    // A neighbour's number says nothing of a pixel's.
    encoder.set_filter(png::Filter::NoFilter);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&reduced.indices).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCREEN: Screen = Screen {
        columns: 80,
        rows: 24,
        cell: (10, 20),
        is_told: true,
    };

    #[test]
    fn no_more_pixels_are_sent_than_shown() {
        let cells = Cells { columns: 10, rows: 5 };
        let bytes = file(&DynamicImage::new_rgb8(512, 512), cells, SCREEN, false).unwrap();
        let sent = image::load_from_memory(&bytes).unwrap();
        assert_eq!((sent.width(), sent.height()), (100, 100));
        let bytes = file(&DynamicImage::new_rgb8(64, 64), cells, SCREEN, false).unwrap();
        assert_eq!(image::load_from_memory(&bytes).unwrap().width(), 64);
    }

    #[test]
    fn a_draft_of_noise_is_small_and_looks_the_same() {
        let mut state = 7_u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let picture = RgbImage::from_fn(128, 128, |_, _| image::Rgb([noise(), noise(), noise()]));
        let picture = DynamicImage::from(picture);
        let cells = Cells { columns: 40, rows: 20 };
        let (fine, small) = (
            file(&picture, cells, SCREEN, false).unwrap(),
            file(&picture, cells, SCREEN, true).unwrap(),
        );
        assert!(3 * small.len() < fine.len(), "{} of {}", small.len(), fine.len());
        // Five a second over 150 kB/s, in kitty's base64.
        assert!(small.len() * 4 / 3 * 5 < 150_000, "{}", small.len());
        let (seen, meant) = (image::load_from_memory(&small).unwrap().to_rgb8(), picture.to_rgb8());
        let squares = seen
            .as_raw()
            .iter()
            .zip(meant.as_raw())
            .map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2));
        let error = (squares.sum::<f64>() / meant.as_raw().len() as f64).sqrt();
        assert!(error < 40.0, "{error}");
    }

    #[test]
    fn off_prints_nothing_and_says_why() {
        let options = Options {
            found: Some(Found::new(Protocol::Off, "standard output is no terminal")),
            ..Options::default()
        };
        let error = print_inline(&DynamicImage::new_rgb8(1, 1), &options).unwrap_err();
        assert_eq!(
            error.to_string(),
            "The picture is not shown: standard output is no terminal."
        );
    }

    #[test]
    fn sequences_are_wrapped_for_tmux() {
        let picture = DynamicImage::new_rgb8(16, 16);
        let passthrough = Some(Passthrough { true_colour: true });
        for protocol in [Protocol::Kitty, Protocol::Sixel, Protocol::Iterm] {
            let (cells, side) = cells(&picture, protocol, SCREEN, Cells { columns: 20, rows: 5 });
            let place = Place {
                cells,
                side,
                screen: SCREEN,
                id: Some(7),
                passthrough,
                is_draft: false,
            };
            let mut out = Vec::new();
            write(&mut out, &picture, protocol, place).unwrap();
            let text = String::from_utf8_lossy(&out);
            assert!(text.starts_with("\x1bPtmux;\x1b\x1b"), "{text:?}");
            assert_eq!(text.contains('\u{10eeee}'), protocol == Protocol::Kitty);
        }
    }
}
