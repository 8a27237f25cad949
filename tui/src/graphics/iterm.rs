//! iTerm2's inline images: a file in one sequence, drawn at the cursor. What is printed is one; what the client draws is cut into strips
//! of whole cells, each a file of its own, so that keys need not wait for all of it (`stripes.rs` says why).

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::imageops::{self, FilterType};
use image::{DynamicImage, RgbaImage};

use super::fit::Cells;
use super::mux::wrap;
use super::stripes::{At, LEAST, Piece};

/// Writes a picture file's bytes so that it covers `cells`; the terminal scales, and keeps its shape.
pub(super) fn write(out: &mut impl Write, file: &[u8], cells: Cells) -> io::Result<()> {
    out.write_all(&sequence(file, cells, true))?;
    out.flush()
}

fn sequence(file: &[u8], Cells { columns, rows }: Cells, keeps_shape: bool) -> Vec<u8> {
    let (size, shape) = (file.len(), u8::from(keeps_shape));
    let head =
        format!("\x1b]1337;File=inline=1;size={size};width={columns};height={rows};preserveAspectRatio={shape}:");
    [head.as_bytes(), STANDARD.encode(file).as_bytes(), b"\x07"].concat()
}

/// A picture that can go out in strips.
#[derive(Clone, Debug, PartialEq)]
pub struct Strips {
    /// Its file, where it is small enough to go in one.
    whole: Option<Vec<u8>>,
    /// Its pixels where it is not: as many as its cells have.
    pixels: RgbaImage,
    cells: Cells,
    /// Pixels of a cell.
    cell: (u32, u32),
    /// Bytes that a row of cells takes, about.
    row: usize,
    is_wrapped: bool,
}

impl Strips {
    /// `whole` is its file. A draft goes in one in any case: it has as many pixels as the way takes.
    pub(super) fn new(
        picture: &DynamicImage,
        whole: Vec<u8>,
        cells: Cells,
        cell: (u32, u32),
        is_draft: bool,
        is_wrapped: bool,
    ) -> Self {
        let is_small = is_draft || whole.len() * 4 / 3 <= LEAST;
        let row = whole.len() * 4 / 3 / cells.rows.max(1) as usize;
        Self {
            pixels: if is_small {
                RgbaImage::new(0, 0)
            } else {
                filling(picture, cells, cell)
            },
            whole: is_small.then_some(whole),
            cells,
            cell,
            row: row.max(1),
            is_wrapped,
        }
    }

    /// As [`super::stripes::Pieces::piece`] says.
    pub(super) fn piece(&self, from: At, room: usize) -> Piece {
        if let Some(whole) = &self.whole {
            let bytes = self.passed(sequence(whole, self.cells, true));
            return Piece { bytes, next: None };
        }
        let room = room.max(LEAST);
        let (row, column) = (u32::from(from.row), u32::from(from.column));
        let mut size = Cells {
            columns: self.cells.columns - column,
            rows: match column {
                0 => ((room / self.row) as u32).clamp(1, self.cells.rows - row),
                _ => 1,
            },
        };
        loop {
            let bytes = self.passed(sequence(&self.file(row, column, size), size, false));
            if bytes.len() <= room || (size.columns, size.rows) == (1, 1) {
                let next = self.after(row, column, size);
                return Piece { bytes, next };
            }
            // What is left out is in proportion to what is too much, and something in any case.
            let fewer = |count: u32| ((count as usize * room / bytes.len()) as u32).clamp(1, count - 1);
            match size.rows {
                1 => size.columns = fewer(size.columns),
                rows => size.rows = fewer(rows),
            }
        }
    }

    fn after(&self, row: u32, column: u32, size: Cells) -> Option<At> {
        let is_row_done = column + size.columns == self.cells.columns;
        let (row, column) = match is_row_done {
            true => (row + size.rows, 0),
            false => (row, column + size.columns),
        };
        (row < self.cells.rows).then_some(At {
            row: row as u16,
            column: column as u16,
        })
    }

    /// A part of it as a PNG file.
    fn file(&self, row: u32, column: u32, size: Cells) -> Vec<u8> {
        let (width, height) = self.cell;
        let part = imageops::crop_imm(
            &self.pixels,
            column * width,
            row * height,
            size.columns * width,
            size.rows * height,
        )
        .to_image();
        let is_opaque = part.pixels().all(|pixel| pixel.0[3] == 255);
        let part = DynamicImage::from(part);
        let part = if is_opaque { part.into_rgb8().into() } else { part };
        let mut file = io::Cursor::new(Vec::new());
        // Nothing can fail: it is written to memory, in a form that PNG has.
        let written = part.write_to(&mut file, image::ImageFormat::Png);
        written.map_or_else(|_| Vec::new(), |()| file.into_inner())
    }

    fn passed(&self, sequence: Vec<u8>) -> Vec<u8> {
        match self.is_wrapped {
            true => wrap(&sequence),
            false => sequence,
        }
    }
}

/// The picture in the middle of exactly those cells, its shape kept; what is left is transparent.
fn filling(picture: &DynamicImage, cells: Cells, cell: (u32, u32)) -> RgbaImage {
    let (width, height) = (cells.columns * cell.0, cells.rows * cell.1);
    let scaled = picture.resize(width, height, FilterType::Triangle).into_rgba8();
    if scaled.dimensions() == (width, height) {
        return scaled;
    }
    let mut whole = RgbaImage::new(width, height);
    let middle = |all: u32, part: u32| i64::from(all.saturating_sub(part) / 2);
    let at = (middle(width, scaled.width()), middle(height, scaled.height()));
    imageops::replace(&mut whole, &scaled, at.0, at.1);
    whole
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Noise, which takes many bytes.
    fn noise(width: u32, height: u32) -> DynamicImage {
        let pixel = |x: u32, y: u32| {
            let mixed = (x * 73 + y * 179 + 11).wrapping_mul(0x9e37_79b1);
            image::Rgb([(mixed >> 24) as u8, (mixed >> 16) as u8, (mixed >> 8) as u8])
        };
        image::RgbImage::from_fn(width, height, pixel).into()
    }

    /// The picture of a sequence, and the cells that it covers.
    fn read(bytes: &[u8]) -> (RgbaImage, Cells) {
        let text = std::str::from_utf8(bytes).unwrap();
        let (head, file) = text.strip_suffix('\x07').unwrap().split_once(':').unwrap();
        let number = |name: &str| {
            let from = head.find(name).unwrap() + name.len();
            head[from..].split(';').next().unwrap().parse().unwrap()
        };
        let cells = Cells {
            columns: number("width="),
            rows: number("height="),
        };
        let file = image::load_from_memory(&STANDARD.decode(file).unwrap()).unwrap();
        (file.into_rgba8(), cells)
    }

    #[rstest]
    #[case::it_fills_its_cells((190, 260), 0)]
    #[case::it_fills_its_cells_in_large_pieces((190, 260), 40_000)]
    #[case::it_is_scaled((400, 500), 20_000)]
    fn strips_make_the_whole_pixel_by_pixel(#[case] size: (u32, u32), #[case] room: usize) {
        let cells = Cells { columns: 19, rows: 13 };
        let picture = noise(size.0, size.1);
        let strips = Strips::new(&picture, vec![0; 1 << 20], cells, (10, 20), false, false);
        let whole = filling(&picture, cells, (10, 20));
        let mut found = RgbaImage::new(190, 260);
        let mut from = Some(At::default());
        let mut count = 0;
        while let Some(at) = from {
            let piece = strips.piece(at, room);
            assert!(piece.bytes.len() <= room.max(LEAST), "{}", piece.bytes.len());
            let (part, covers) = read(&piece.bytes);
            assert_eq!(part.dimensions(), (covers.columns * 10, covers.rows * 20));
            imageops::replace(&mut found, &part, i64::from(at.column) * 10, i64::from(at.row) * 20);
            from = piece.next;
            count += 1;
        }
        assert!(found == whole && count > 1, "{count} pieces");
    }

    #[test]
    fn what_is_small_and_what_is_a_draft_goes_in_one() {
        let cells = Cells { columns: 19, rows: 13 };
        for (length, is_draft) in [(3, false), (1 << 20, true)] {
            let strips = Strips::new(&noise(8, 8), vec![7; length], cells, (10, 20), is_draft, true);
            let piece = strips.piece(At::default(), 0);
            assert!(piece.next.is_none() && piece.bytes.starts_with(b"\x1bPtmux;"));
        }
    }

    #[test]
    fn the_sequence() {
        let mut out = Vec::new();
        write(&mut out, b"png", Cells { columns: 4, rows: 2 }).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap().escape_default(), @r"\u{1b}]1337;File=inline=1;size=3;width=4;height=2;preserveAspectRatio=1:cG5n\u{7}");
    }
}
