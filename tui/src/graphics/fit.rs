//! How many cells a picture takes.

use super::terminal::Screen;

/// A size in character cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cells {
    /// Columns, at least 1.
    pub columns: u32,
    /// Rows, at least 1.
    pub rows: u32,
}

/// The side by which a terminal scales a picture; the other follows from its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// So many columns.
    Columns(u32),
    /// So many rows.
    Rows(u32),
}

/// Pictures narrower and lower than this many pixels are enlarged to it.
const PLEASANT: u32 = 320;

/// The cells for a picture of that many pixels: as large as it is, enlarged when it is small, reduced to `limit` when it
/// does not fit, its shape kept.
pub(super) fn cells(width: u32, height: u32, cell: (u32, u32), limit: Cells) -> Cells {
    let (width, height) = (f64::from(width.max(1)), f64::from(height.max(1)));
    let (cell_width, cell_height) = (f64::from(cell.0), f64::from(cell.1));
    let enlarge = (f64::from(PLEASANT) / width.max(height)).max(1.0);
    let room = (
        f64::from(limit.columns) * cell_width / width,
        f64::from(limit.rows) * cell_height / height,
    );
    let scale = enlarge.min(room.0).min(room.1);
    Cells {
        columns: ((width * scale / cell_width).round() as u32).clamp(1, limit.columns),
        rows: ((height * scale / cell_height).round() as u32).clamp(1, limit.rows),
    }
}

/// The cells for a picture that is as large as `room` allows, its shape kept.
pub(super) fn largest(width: u32, height: u32, cell: (u32, u32), room: Cells) -> Cells {
    let (width, height) = (f64::from(width.max(1)), f64::from(height.max(1)));
    let (wide, high) = (width / f64::from(cell.0), height / f64::from(cell.1));
    let scale = (f64::from(room.columns) / wide).min(f64::from(room.rows) / high);
    Cells {
        columns: ((wide * scale).round() as u32).clamp(1, room.columns),
        rows: ((high * scale).round() as u32).clamp(1, room.rows),
    }
}

/// The side by which a picture is scaled so that it keeps its shape and lies within `cells`.
pub(super) fn inside(width: u32, height: u32, cell: (u32, u32), cells: Cells) -> Side {
    let product = |a: [u32; 3]| a.into_iter().map(f64::from).product::<f64>();
    // As wide as the cells, is it at most as high?
    match product([height.max(1), cells.columns, cell.0]) <= product([width.max(1), cells.rows, cell.1]) {
        true => Side::Columns(cells.columns),
        false => Side::Rows(cells.rows),
    }
}

/// As [`cells`], but a picture that fills one side exactly and is not stretched along the other: that side, and the cells that it
/// touches.
pub(super) fn unstretched(width: u32, height: u32, cell: (u32, u32), limit: Cells) -> (Cells, Side) {
    let near = cells(width, height, cell, limit);
    let shape = f64::from(height.max(1)) / f64::from(width.max(1)) * f64::from(cell.0) / f64::from(cell.1);
    // A hair beyond a whole cell is no other cell.
    let whole = |cells: f64| (cells - 1e-6).ceil().max(1.0) as u32;
    let rows = whole(f64::from(near.columns) * shape);
    if rows <= limit.rows {
        let columns = near.columns;
        return (Cells { columns, rows }, Side::Columns(columns));
    }
    let columns = whole(f64::from(limit.rows) / shape).min(limit.columns);
    let rows = limit.rows;
    (Cells { columns, rows }, Side::Rows(rows))
}

/// The most cells that a picture may take: two rows stay for the prompt, and no picture is higher than 40 rows.
pub(super) fn limit(screen: Screen, columns: Option<u32>, rows: Option<u32>) -> Cells {
    Cells {
        columns: columns.unwrap_or(screen.columns).clamp(1, screen.columns),
        rows: rows.unwrap_or(40).clamp(1, screen.rows.saturating_sub(2).max(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::small_is_enlarged(64, 64, 200, 60, 32, 16)]
    #[case::one_pixel(1, 1, 200, 60, 32, 16)]
    #[case::as_it_is(500, 400, 200, 60, 50, 20)]
    #[case::too_wide(2000, 200, 80, 24, 80, 4)]
    #[case::too_high(512, 512, 80, 24, 44, 22)]
    #[case::a_line(8192, 1, 80, 24, 80, 1)]
    #[case::tiny_terminal(512, 512, 1, 1, 1, 1)]
    fn sizes(
        #[case] width: u32,
        #[case] height: u32,
        #[case] columns: u32,
        #[case] rows: u32,
        #[case] expected_columns: u32,
        #[case] expected_rows: u32,
    ) {
        let screen = Screen {
            columns,
            rows,
            cell: (10, 20),
            is_told: true,
        };
        let cells = cells(width, height, screen.cell, limit(screen, None, None));
        assert_eq!((cells.columns, cells.rows), (expected_columns, expected_rows));
    }

    #[rstest]
    #[case::square(64, 64, (14, 7), Side::Columns(14))]
    #[case::a_hair_too_high(128, 256, (7, 7), Side::Columns(7))]
    #[case::a_cell_too_high(128, 256, (7, 6), Side::Rows(6))]
    #[case::wide(256, 64, (18, 2), Side::Rows(2))]
    fn it_lies_within_its_cells(
        #[case] width: u32,
        #[case] height: u32,
        #[case] (columns, rows): (u32, u32),
        #[case] side: Side,
    ) {
        assert_eq!(inside(width, height, (10, 20), Cells { columns, rows }), side);
    }

    #[rstest]
    #[case::square(64, 64, (32, 16), Side::Columns(32))]
    #[case::odd(500, 333, (50, 17), Side::Columns(50))]
    #[case::too_high(512, 512, (44, 22), Side::Columns(44))]
    #[case::high(300, 900, (15, 22), Side::Rows(22))]
    #[case::a_line(8192, 1, (80, 1), Side::Columns(80))]
    #[case::a_mast(1, 8192, (1, 22), Side::Rows(22))]
    fn nothing_is_stretched(
        #[case] width: u32,
        #[case] height: u32,
        #[case] expected: (u32, u32),
        #[case] expected_side: Side,
    ) {
        let limit = Cells { columns: 80, rows: 22 };
        let (cells, side) = unstretched(width, height, (10, 20), limit);
        assert_eq!(((cells.columns, cells.rows), side), (expected, expected_side));
    }
}
