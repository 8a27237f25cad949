//! A sixel picture that can go out in pieces, each a sequence of its own at its own cell. Over a slow link a picture in one sequence keeps
//! every key waiting; between pieces a key's frame goes out. A piece is whole rows of cells that bands of six pixels fill exactly, as many
//! as there is room for; where not even the least of them fits, some of its columns. All pieces have the colours of the whole picture by
//! the same numbers, and bring those that they use. `sixel.rs` writes the sequences, `app/pictures/sending.rs` asks for pieces, of these
//! as of pictures of iTerm2's protocol (`iterm.rs`).

use super::iterm::Strips;
use super::mux::wrap;
use super::palette::Indexed;
use super::sixel::{BAND, bands, header};

/// A piece is not made smaller than this for want of room: its colours would be most of it.
pub const LEAST: usize = 6 << 10;

/// A picture whose colours are found already.
#[derive(Clone, Debug, PartialEq)]
pub struct Sixels {
    picture: Indexed,
    width: usize,
    /// Pixels of a character cell.
    cell: (usize, usize),
    /// Rows of cells that whole bands fill: the least height of a piece.
    rows: usize,
    /// The bands of each such group of rows, as they are written.
    groups: Vec<Vec<u8>>,
    /// Whether each sequence is to pass through tmux.
    is_wrapped: bool,
}

/// Where a piece begins, in cells from the picture's upper left one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct At {
    /// Rows down.
    pub row: u16,
    /// Columns across.
    pub column: u16,
}

/// A part of the picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What draws it with the cursor where it begins.
    pub bytes: Vec<u8>,
    /// Where the next begins; `None` where this is the last.
    pub next: Option<At>,
}

/// A picture that is drawn over cells piece by piece.
#[derive(Clone, Debug, PartialEq)]
pub enum Pieces {
    /// Of sixels.
    Sixels(Sixels),
    /// Of files of their own.
    Strips(Strips),
}

impl Pieces {
    /// The piece that begins at `from`, which is the beginning or another piece's `next`: of at most `room` bytes or [`LEAST`], whichever is
    /// more, and at least one cell.
    pub fn piece(&self, from: At, room: usize) -> Piece {
        match self {
            Self::Sixels(sixels) => sixels.piece(from, room),
            Self::Strips(strips) => strips.piece(from, room),
        }
    }
}

impl Sixels {
    /// `width` is not 0, nor a side of `cell`.
    pub(super) fn new(picture: Indexed, width: usize, cell: (u32, u32), is_wrapped: bool) -> Self {
        let cell = (cell.0.max(1) as usize, cell.1.max(1) as usize);
        let band = BAND as usize;
        let rows = band / common(band, cell.1);
        let groups = picture.indices.chunks(width * rows * cell.1);
        let groups = groups.map(|group| bands(group, width, picture.palette.len())).collect();
        Self {
            picture,
            width,
            cell,
            rows,
            groups,
            is_wrapped,
        }
    }

    fn piece(&self, from: At, room: usize) -> Piece {
        let room = room.max(LEAST);
        let group = usize::from(from.row) / self.rows;
        let whole = match from.column {
            0 => self.groups_within(group, room),
            _ => 0,
        };
        if whole == 0 {
            return self.columns_within(group, usize::from(from.column), room);
        }
        let end = group + whole;
        let mut bytes = self.header(group, end, self.width, &self.pixels(group, end));
        bytes.extend(self.groups[group..end].join(&b'-'));
        Piece {
            bytes: self.ended(bytes),
            next: self.at(end, 0),
        }
    }

    /// How many groups from that one on fit into so many bytes.
    fn groups_within(&self, group: usize, room: usize) -> usize {
        let mut used = vec![false; self.picture.palette.len()];
        let mut length = 0;
        let fits = |nth: &usize| {
            length += self.groups[*nth].len() + 1;
            let pixels = self.pixels(*nth, nth + 1);
            pixels.iter().for_each(|index| used[usize::from(*index)] = true);
            let colours = used.iter().filter(|used| **used).count();
            length + COLOUR * colours + FRAME <= room
        };
        (group..self.groups.len()).take_while(fits).count()
    }

    /// Columns of cells of one group from that one on, as many as fit; one where none does.
    fn columns_within(&self, group: usize, column: usize, room: usize) -> Piece {
        let columns = self.width.div_ceil(self.cell.0);
        let mut count = columns - column;
        loop {
            let (pixels, width) = self.cut(group, column, count);
            let mut bytes = self.header(group, group + 1, width, &pixels);
            bytes.extend(bands(&pixels, width, self.picture.palette.len()));
            if bytes.len() <= room || count == 1 {
                let end = column + count;
                let next = if end == columns {
                    self.at(group + 1, 0)
                } else {
                    self.at(group, end)
                };
                let bytes = self.ended(bytes);
                return Piece { bytes, next };
            }
            // What is left out is in proportion to what is too much, and something in any case.
            count = (count * room / bytes.len()).clamp(1, count - 1);
        }
    }

    /// The pixels of groups, whole rows.
    fn pixels(&self, from: usize, end: usize) -> Vec<u8> {
        let group = self.width * self.rows * self.cell.1;
        let all = &self.picture.indices;
        all[(from * group).min(all.len())..(end * group).min(all.len())].to_vec()
    }

    /// The pixels of some columns of cells of a group, and how many are in a row.
    fn cut(&self, group: usize, column: usize, count: usize) -> (Vec<u8>, usize) {
        let left = column * self.cell.0;
        let right = ((column + count) * self.cell.0).min(self.width);
        let rows = self.pixels(group, group + 1);
        let cut = rows.chunks(self.width).flat_map(|row| row[left..right].iter().copied());
        (cut.collect(), right - left)
    }

    fn header(&self, from: usize, end: usize, width: usize, pixels: &[u8]) -> Vec<u8> {
        let group = self.rows * self.cell.1;
        let height = self.picture.indices.len() / self.width;
        let height = (end * group).min(height) - from * group;
        let mut used = vec![false; self.picture.palette.len()];
        pixels.iter().for_each(|index| used[usize::from(*index)] = true);
        header(width, height, &self.picture.palette, |at| used[at])
    }

    fn ended(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.extend(b"\x1b\\");
        match self.is_wrapped {
            true => wrap(&bytes),
            false => bytes,
        }
    }

    fn at(&self, group: usize, column: usize) -> Option<At> {
        (group < self.groups.len()).then(|| At {
            row: (group * self.rows) as u16,
            column: column as u16,
        })
    }
}

/// The most that a colour takes: `#255;2;100;100;100`.
const COLOUR: usize = 18;
/// And what is around all.
const FRAME: usize = 40;

/// The greatest common divisor.
fn common(a: usize, b: usize) -> usize {
    match b {
        0 => a,
        _ => common(b, a % b),
    }
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, Rgb, RgbImage};
    use rstest::rstest;

    use super::*;
    use crate::graphics::fit::Cells;
    use crate::graphics::sixel::{self, tests::decoded};

    /// Noise of few colours, which are found at once and take many bytes.
    fn noise(width: u32, height: u32) -> DynamicImage {
        let pixel = |x: u32, y: u32| {
            let mixed = (x * 73 + y * 179 + 11).wrapping_mul(0x9e37_79b1);
            Rgb([(mixed >> 24) as u8, (mixed >> 16) as u8, 0].map(|value| value & 0xc0))
        };
        RgbImage::from_fn(width, height, pixel).into()
    }

    /// All pieces, each with where it begins.
    fn pieces(sixels: &Sixels, room: usize) -> Vec<(At, Vec<u8>)> {
        let mut all = Vec::new();
        let mut from = Some(At::default());
        while let Some(at) = from {
            let piece = sixels.piece(at, room);
            all.push((at, piece.bytes));
            from = piece.next;
        }
        all
    }

    /// Heights of cells that bands fill after one row, two, three and six; widths and heights that no whole cells fill.
    #[rstest]
    #[case((10, 18), 1)]
    #[case((9, 21), 2)]
    #[case((10, 20), 3)]
    #[case((8, 17), 6)]
    fn pieces_make_the_whole_pixel_by_pixel(#[case] cell: (u32, u32), #[case] rows: u16) {
        let cells = Cells { columns: 19, rows: 13 };
        // A row of cells is not full.
        let picture = noise(19 * cell.0, 13 * cell.1 - 7);
        for is_draft in [false, true] {
            let sixels = sixel::made(&picture, cells, cell, is_draft, false);
            let mut written = Vec::new();
            sixel::write(&mut written, &picture, cells, cell, is_draft).unwrap();
            let whole = decoded(std::str::from_utf8(&written).unwrap());
            for room in [0, 9_000, 10_000_000] {
                let mut found = RgbImage::new(whole.width(), whole.height());
                let pieces = pieces(&sixels, room);
                for (at, bytes) in &pieces {
                    let piece = decoded(std::str::from_utf8(bytes).unwrap());
                    let (x, y) = (u32::from(at.column) * cell.0, u32::from(at.row) * cell.1);
                    assert!(x + piece.width() <= whole.width() && y + piece.height() <= whole.height());
                    assert_eq!(at.row % rows, 0);
                    let is_last = y + piece.height() == whole.height();
                    assert!(
                        is_last || piece.height().is_multiple_of(BAND),
                        "nothing hangs over its cells"
                    );
                    image::imageops::replace(&mut found, &piece, x.into(), y.into());
                    assert!(bytes.len() <= room.max(LEAST), "{} bytes", bytes.len());
                }
                assert!(found == whole, "{room}");
                assert_eq!(pieces.len() == 1, room == 10_000_000 || written.len() < LEAST);
            }
        }
    }

    #[test]
    fn each_passes_tmux_by_itself() {
        let sixels = sixel::made(&noise(260, 251), Cells { columns: 26, rows: 13 }, (10, 20), false, true);
        let pieces = pieces(&sixels, 0);
        assert!(pieces.len() > 3);
        let is_whole = |bytes: &[u8]| bytes.starts_with(b"\x1bPtmux;\x1b\x1bP") && bytes.ends_with(b"\x1b\x1b\\\x1b\\");
        assert!(pieces.iter().all(|(_, bytes)| is_whole(bytes)));
    }
}
