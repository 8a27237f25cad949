//! The gallery's tiles: how many stand beside and above each other, where each lies, and what is drawn around and below one: the frame of
//! the selected one, its words, and the hair line that joins pictures of one batch. `view.rs` says what the words are; nothing here knows
//! pictures.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr as _;

use crate::app::own::theme::Theme;
use crate::app::widgets::brief;

/// Columns of a tile, at least and, where the most tiles stand in a row anyway, at most.
const WIDE: (u16, u16) = (18, 26);
/// Tiles of a row.
const TILES: (u16, u16) = (3, 8);
/// A tile's rows beside its picture: above it the frame's upper edge, below it the words.
const EDGES: u16 = 2;

/// How the tiles lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Tiles of a row.
    pub columns: usize,
    /// Rows of tiles.
    pub rows: usize,
    /// Cells of a tile.
    tile: (u16, u16),
    /// Where the first one begins.
    origin: (u16, u16),
}

impl Grid {
    /// The tiles in `body`, whose first row is the search's: as large as they can be without being few.
    pub fn of(body: Rect) -> Self {
        let high = body.height.saturating_sub(1).max(EDGES + 1);
        let least = (body.width / WIDE.1).clamp(TILES.0, TILES.1);
        let most = (body.width / WIDE.0).clamp(least, TILES.1);
        let all = (least..=most).flat_map(|columns| {
            let wide = (body.width / columns).max(3);
            let square = (wide - 2).div_ceil(2) + EDGES;
            let rows = (high / square).max(1);
            [rows, rows + 1].map(|rows| (columns, rows, (wide, square.min(high / rows))))
        });
        let best = all.max_by_key(|(columns, rows, tile)| worth(*columns, *rows, *tile));
        let (columns, rows, tile) = best.unwrap_or((1, 1, (body.width, high)));
        Self {
            columns: columns.into(),
            rows: rows.into(),
            tile,
            origin: (
                body.x + (body.width - (columns * tile.0).min(body.width)) / 2,
                body.y + 1,
            ),
        }
    }

    /// Tiles of the same size that begin at a column of `body`: pictures are not made anew for what stands beside them.
    pub fn from(self, column: u16, body: Rect) -> Self {
        if column <= body.x {
            return self;
        }
        let width = body.right().saturating_sub(column);
        let columns = (width / self.tile.0.max(1)).max(1);
        let left = width.saturating_sub(columns * self.tile.0);
        Self {
            columns: columns.into(),
            origin: (column + left / 2, self.origin.1),
            ..self
        }
    }

    /// The tile in that row and column of those that are seen.
    pub fn tile(&self, row: usize, column: usize) -> Rect {
        Rect {
            x: self.origin.0 + column as u16 * self.tile.0,
            y: self.origin.1 + row as u16 * self.tile.1,
            width: self.tile.0,
            height: self.tile.1,
        }
    }
}

/// The room that square pictures have, and a little for how many there are.
fn worth(columns: u16, rows: u16, (wide, high): (u16, u16)) -> u64 {
    let side = u64::from(wide.saturating_sub(2).min(2 * high.saturating_sub(EDGES)));
    let many = u64::from(columns) * u64::from(rows);
    // As the square of the area times the root of the number, in whole numbers.
    side.pow(4) * many.pow(3)
}

/// The place of a tile's picture.
pub fn picture(tile: Rect) -> Rect {
    Rect {
        x: tile.x + 1,
        y: tile.y + 1,
        width: tile.width.saturating_sub(2),
        height: tile.height.saturating_sub(EDGES),
    }
}

/// What surrounds a picture.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// The words below it.
    pub words: &'a str,
    /// How they look.
    pub style: Style,
    /// The frame, where it has one.
    pub frame: Option<Style>,
    /// Whether the picture before it, and the one behind it, in the same row, are of its batch.
    pub joined: (bool, bool),
}

impl Around<'_> {
    /// Draws it around the picture of `tile`.
    pub fn draw(&self, buffer: &mut Buffer, tile: Rect, theme: Theme) {
        if tile.width < 4 || tile.height <= EDGES {
            return;
        }
        let last = (tile.right() - 1, tile.bottom() - 1);
        let line = theme.sign("─", "-");
        let hair = self.frame.unwrap_or(theme.dim());
        let from = tile.x + u16::from(!self.joined.0);
        let until = last.0 - u16::from(!self.joined.1);
        if self.frame.is_some() || self.joined != (false, false) {
            for x in from..=until {
                buffer.set_string(x, last.1, line, hair);
            }
        }
        if let Some(style) = self.frame {
            for x in tile.x + 1..last.0 {
                buffer.set_string(x, tile.y, line, style);
            }
            for y in tile.y + 1..last.1 {
                for x in [tile.x, last.0] {
                    buffer.set_string(x, y, theme.sign("│", "|"), style);
                }
            }
            let corners = [
                (tile.x, tile.y, "┌"),
                (last.0, tile.y, "┐"),
                (tile.x, last.1, "└"),
                (last.0, last.1, "┘"),
            ];
            for (x, y, corner) in corners {
                buffer.set_string(x, y, theme.sign(corner, "+"), style);
            }
        }
        let words = brief(self.words, usize::from(tile.width - 4));
        if !words.is_empty() {
            let words = format!(" {words} ");
            let wide = words.width() as u16;
            let x = tile.x + tile.width.saturating_sub(wide) / 2;
            buffer.set_string(x, last.1, words, self.style);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::least(60, 16, (3, 1))]
    #[case::usual(80, 20, (4, 2))]
    #[case::wide(120, 36, (6, 3))]
    #[case::very_wide(200, 56, (8, 4))]
    #[case::a_strip(300, 5, (8, 1))]
    fn tiles_fill_the_screen_and_stay_in_it(#[case] width: u16, #[case] height: u16, #[case] tiles: (usize, usize)) {
        let body = Rect::new(0, 2, width, height);
        let grid = Grid::of(body);
        assert_eq!((grid.columns, grid.rows), tiles);
        let last = grid.tile(grid.rows - 1, grid.columns - 1);
        assert_eq!(last.intersection(body), last);
        let first = grid.tile(0, 0);
        assert!(first.x.abs_diff(body.right() - last.right()) <= 1, "in the middle");
        assert!(!first.intersects(grid.tile(0, 1)));
        // Beside something they are fewer, and as large.
        let from = width / 2;
        let fewer = grid.from(from, body);
        let room = Rect::new(from, 2, width - from, height);
        let last = fewer.tile(fewer.rows - 1, fewer.columns - 1);
        assert_eq!(last.intersection(room), last);
        assert_eq!((last.width, last.height), (first.width, first.height));
        assert!(fewer.tile(0, 0).x >= from && fewer.columns < grid.columns);
        assert_eq!(grid.from(0, body), grid);
    }

    #[test]
    fn nothing_breaks_in_a_room_that_is_too_small() {
        for (width, height) in [(0, 0), (1, 1), (5, 2), (2, 90)] {
            let grid = Grid::of(Rect::new(0, 0, width, height));
            assert!(grid.columns > 0 && grid.rows > 0);
        }
    }

    fn rows(around: &Around<'_>, theme: Theme) -> Vec<String> {
        let tile = Rect::new(0, 0, 12, 4);
        let mut buffer = Buffer::empty(tile);
        around.draw(&mut buffer, tile, theme);
        let row = |y: u16| (0..12).map(|x| buffer[(x, y)].symbol()).collect();
        (0..4).map(row).collect()
    }

    #[test]
    fn the_frame_and_the_hair_line() {
        let signs = Theme::of(&|_| None, true);
        let mut around = Around {
            words: "a red apple",
            style: Style::new(),
            frame: Some(Style::new()),
            joined: (false, false),
        };
        let framed = ["┌──────────┐", "│          │", "│          │", "└ a red a… ┘"];
        assert_eq!(rows(&around, signs), framed);
        assert_eq!(rows(&around, Theme::bare())[0], "+----------+");
        around.frame = None;
        assert_eq!(rows(&around, signs)[3], "  a red a…  ");
        around.joined = (true, true);
        around.words = "fox";
        assert_eq!(rows(&around, signs)[3], "─── fox ────");
        around.joined = (true, false);
        around.words = "";
        assert_eq!(rows(&around, signs)[3], "─────────── ");
        assert_eq!(rows(&around, signs)[0].trim(), "");
    }
}
