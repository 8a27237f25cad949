//! The pixels of a mask, a bit each, in tiles that copies share until one of them changes: a copy costs no more than a list of tiles, so
//! that drawing, saving and undoing have theirs for nothing. How many are painted is known at any time.

use std::sync::Arc;

/// Pixels of a tile's side: a row of it is one number.
const SIDE: u32 = 128;

#[derive(Clone, Debug)]
enum Tile {
    Empty,
    /// All of it that lies in the picture.
    Full,
    /// Its rows; the lowest bit is the pixel at the left. Bits beyond the picture are never set.
    Mixed(Arc<[u128; SIDE as usize]>),
}

/// Pixels that are painted or not.
#[derive(Clone, Debug)]
pub struct Bitmap {
    width: u32,
    height: u32,
    tiles: Vec<Tile>,
    count: u64,
}

impl PartialEq for Bitmap {
    fn eq(&self, other: &Self) -> bool {
        let rows = |y: u32| (0..self.columns()).all(|column| self.word(column, y) == other.word(column, y));
        self.size() == other.size() && self.count == other.count && (0..self.height).all(rows)
    }
}

/// The bits from `first` to `last` of a row of a tile.
fn bits(first: u32, last: u32) -> u128 {
    (u128::MAX << first) & (u128::MAX >> (SIDE - 1 - last))
}

impl Bitmap {
    /// One with nothing painted; a side of 0 counts as 1.
    pub fn new(width: u32, height: u32) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        let many = width.div_ceil(SIDE) as usize * height.div_ceil(SIDE) as usize;
        Self {
            width,
            height,
            tiles: vec![Tile::Empty; many],
            count: 0,
        }
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// How many are painted.
    pub fn count(&self) -> u64 {
        self.count
    }

    fn columns(&self) -> u32 {
        self.width.div_ceil(SIDE)
    }

    /// The bits of a row of tiles in that column that lie in the picture.
    fn inside(&self, column: u32) -> u128 {
        bits(0, (self.width - column * SIDE).min(SIDE) - 1)
    }

    fn index(&self, column: u32, y: u32) -> usize {
        (y / SIDE * self.columns() + column) as usize
    }

    /// The pixels of the tile in that column at the row `y`.
    fn word(&self, column: u32, y: u32) -> u128 {
        match self.tiles.get(self.index(column, y)) {
            Some(Tile::Full) => self.inside(column),
            Some(Tile::Mixed(rows)) => rows[(y % SIDE) as usize],
            Some(Tile::Empty) | None => 0,
        }
    }

    fn set_word(&mut self, column: u32, y: u32, value: u128) {
        let before = self.word(column, y);
        if before == value {
            return;
        }
        let (at, inside) = (self.index(column, y), self.inside(column));
        let Some(tile) = self.tiles.get_mut(at) else { return };
        match tile {
            Tile::Empty => *tile = Tile::Mixed(Arc::new([0; SIDE as usize])),
            Tile::Full => {
                let last = (self.height - y / SIDE * SIDE).min(SIDE);
                let row = |nth: usize| if (nth as u32) < last { inside } else { 0 };
                *tile = Tile::Mixed(Arc::new(std::array::from_fn(row)));
            }
            Tile::Mixed(_) => {}
        }
        if let Tile::Mixed(rows) = tile {
            Arc::make_mut(rows)[(y % SIDE) as usize] = value;
        }
        self.count = self.count + u64::from(value.count_ones()) - u64::from(before.count_ones());
    }

    /// Whether a pixel is painted; what lies beyond the picture is not.
    pub fn get(&self, x: i32, y: i32) -> bool {
        match (u32::try_from(x), u32::try_from(y)) {
            (Ok(x), Ok(y)) if x < self.width && y < self.height => self.word(x / SIDE, y) >> (x % SIDE) & 1 == 1,
            _ => false,
        }
    }

    /// Paints or erases pixels of a row from `first` to `last`, as far as there are some.
    pub fn span(&mut self, y: i64, first: i64, last: i64, value: bool) {
        let (first, last) = (first.max(0), last.min(i64::from(self.width) - 1));
        if y < 0 || y >= i64::from(self.height) || first > last {
            return;
        }
        let (y, first, last) = (y as u32, first as u32, last as u32);
        for column in first / SIDE..=last / SIDE {
            let begin = column * SIDE;
            let of_it = bits(first.max(begin) - begin, (last - begin).min(SIDE - 1));
            let before = self.word(column, y);
            self.set_word(column, y, if value { before | of_it } else { before & !of_it });
        }
    }

    /// Paints or erases all between two corners, both included.
    pub fn rectangle(&mut self, a: (i32, i32), b: (i32, i32), value: bool) {
        let clipped = |a: i32, b: i32, most: u32| {
            let (first, last) = (i64::from(a.min(b)).max(0), i64::from(a.max(b)).min(i64::from(most) - 1));
            (first <= last).then_some((first as u32, last as u32))
        };
        let (Some((left, right)), Some((top, bottom))) =
            (clipped(a.0, b.0, self.width), clipped(a.1, b.1, self.height))
        else {
            return;
        };
        for row in top / SIDE..=bottom / SIDE {
            let (first, last) = ((row * SIDE).max(top), (row * SIDE + SIDE - 1).min(bottom));
            let has_rows = first == row * SIDE && last == (row * SIDE + SIDE).min(self.height) - 1;
            for column in left / SIDE..=right / SIDE {
                let (begin, end) = (column * SIDE, (column * SIDE + SIDE).min(self.width) - 1);
                if has_rows && left <= begin && end <= right {
                    self.set_tile(column, row, value);
                    continue;
                }
                let of_it = bits(left.max(begin) - begin, right.min(end) - begin);
                for y in first..=last {
                    let before = self.word(column, y);
                    self.set_word(column, y, if value { before | of_it } else { before & !of_it });
                }
            }
        }
    }

    /// The pixels of a tile that lie in the picture.
    fn pixels(&self, column: u32, row: u32) -> u64 {
        let along = |nth: u32, most: u32| u64::from((most - nth * SIDE).min(SIDE));
        along(column, self.width) * along(row, self.height)
    }

    fn painted(&self, column: u32, row: u32) -> u64 {
        match self.tiles.get(self.index(column, row * SIDE)) {
            Some(Tile::Full) => self.pixels(column, row),
            Some(Tile::Mixed(rows)) => rows.iter().map(|bits| u64::from(bits.count_ones())).sum(),
            Some(Tile::Empty) | None => 0,
        }
    }

    fn set_tile(&mut self, column: u32, row: u32, value: bool) {
        let (before, all) = (self.painted(column, row), self.pixels(column, row));
        let at = self.index(column, row * SIDE);
        if let Some(tile) = self.tiles.get_mut(at) {
            *tile = if value { Tile::Full } else { Tile::Empty };
            self.count = self.count - before + if value { all } else { 0 };
        }
    }

    /// Paints what is not painted, and erases what is.
    pub fn invert(&mut self) {
        let (width, height) = (self.width, self.height);
        let columns = self.columns();
        for (nth, tile) in self.tiles.iter_mut().enumerate() {
            let (column, row) = (nth as u32 % columns, nth as u32 / columns);
            let inside = bits(0, (width - column * SIDE).min(SIDE) - 1);
            let last = (height - row * SIDE).min(SIDE) as usize;
            match tile {
                Tile::Empty => *tile = Tile::Full,
                Tile::Full => *tile = Tile::Empty,
                Tile::Mixed(rows) => {
                    let rows = Arc::make_mut(rows);
                    rows.iter_mut().take(last).for_each(|bits| *bits = !*bits & inside);
                }
            }
        }
        self.count = u64::from(width) * u64::from(height) - self.count;
    }

    /// How many pixels are painted from one pixel up to before another; what lies beyond the picture is not.
    pub fn count_in(&self, from: (i64, i64), to: (i64, i64)) -> u64 {
        let clipped = |from: i64, to: i64, most: u32| (from.max(0) as u32, to.clamp(0, i64::from(most)) as u32);
        let ((left, right), (top, bottom)) = (clipped(from.0, to.0, self.width), clipped(from.1, to.1, self.height));
        if left >= right || top >= bottom {
            return 0;
        }
        let mut count = 0;
        for row in top / SIDE..=(bottom - 1) / SIDE {
            let (first, last) = ((row * SIDE).max(top), (row * SIDE + SIDE).min(bottom));
            for column in left / SIDE..=(right - 1) / SIDE {
                let begin = column * SIDE;
                let (from, to) = (left.max(begin) - begin, (right - 1 - begin).min(SIDE - 1));
                match self.tiles.get(self.index(column, first)) {
                    Some(Tile::Full) => count += u64::from(to - from + 1) * u64::from(last - first),
                    Some(Tile::Mixed(rows)) => {
                        let of_it = bits(from, to);
                        let rows = &rows[(first % SIDE) as usize..=((last - 1) % SIDE) as usize];
                        count += rows
                            .iter()
                            .map(|row| u64::from((row & of_it).count_ones()))
                            .sum::<u64>();
                    }
                    Some(Tile::Empty) | None => {}
                }
            }
        }
        count
    }

    /// From `x` on, the first pixel of a row that is painted, or is not; the width where none is.
    pub fn next(&self, x: u32, y: u32, value: bool) -> u32 {
        let mut x = x;
        while x < self.width && y < self.height {
            let word = self.word(x / SIDE, y);
            let wanted = if value { word } else { !word };
            let found = (wanted >> (x % SIDE)).trailing_zeros();
            if x % SIDE + found < SIDE {
                return (x + found).min(self.width);
            }
            x = (x / SIDE + 1) * SIDE;
        }
        self.width
    }

    /// The first pixel of those around `x` in its row that are all painted as it is, or all not.
    pub fn begin(&self, x: u32, y: u32) -> u32 {
        let value = self.get(x as i32, y as i32);
        let mut x = x;
        loop {
            let word = self.word(x / SIDE, y);
            let others = if value { !word } else { word };
            let others = others & bits(0, x % SIDE);
            if others != 0 {
                return x / SIDE * SIDE + SIDE - others.leading_zeros();
            }
            if x < SIDE {
                return 0;
            }
            x = x / SIDE * SIDE - 1;
        }
    }

    /// Where a row changes: the first pixel that is painted, the first after it that is not, and so on.
    pub fn changes(&self, y: u32) -> Vec<u32> {
        let mut changes = Vec::new();
        let mut at = self.next(0, y, true);
        while at < self.width {
            changes.push(at);
            at = self.next(at, y, changes.len() % 2 == 0);
        }
        changes
    }

    /// A row as bytes: 255 where it is painted, else 0.
    pub fn row(&self, y: u32) -> Vec<u8> {
        let mut row = vec![0; self.width as usize];
        for pair in self.changes(y).chunks(2) {
            let end = pair.get(1).copied().unwrap_or(self.width) as usize;
            if let Some(painted) = pair.first().and_then(|from| row.get_mut(*from as usize..end)) {
                painted.fill(255);
            }
        }
        row
    }

    /// Tiles that are all painted, or not at all, take no memory again.
    pub fn tidy(&mut self) {
        for row in 0..self.height.div_ceil(SIDE) {
            for column in 0..self.columns() {
                let (painted, all) = (self.painted(column, row), self.pixels(column, row));
                if painted == 0 || painted == all {
                    self.set_tile(column, row, painted > 0);
                }
            }
        }
    }

    /// What this one takes in memory beyond what `other` has as well, in bytes.
    pub fn bytes_beyond(&self, other: &Self) -> usize {
        let is_own = |(tile, other): (&Tile, &Tile)| match (tile, other) {
            (Tile::Mixed(rows), Tile::Mixed(others)) => !Arc::ptr_eq(rows, others),
            (Tile::Mixed(_), _) => true,
            _ => false,
        };
        let own = self.tiles.iter().zip(&other.tiles).filter(|pair| is_own(*pair)).count();
        own * SIDE as usize * size_of::<u128>() + self.tiles.len() * size_of::<Tile>()
    }
}

#[cfg(test)]
impl Bitmap {
    /// All of it, row by row: `#` painted, `.` not.
    pub fn text(&self) -> String {
        let sign = |byte: u8| if byte == 0 { '.' } else { '#' };
        let line = |y: u32| self.row(y).into_iter().map(sign).collect::<String>();
        (0..self.height).map(line).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same as plain bytes.
    struct Plain(u32, u32, Vec<bool>);

    impl Plain {
        fn rectangle(&mut self, a: (i32, i32), b: (i32, i32), value: bool) {
            for y in 0..self.1 as i32 {
                for x in 0..self.0 as i32 {
                    if (a.0.min(b.0)..=a.0.max(b.0)).contains(&x) && (a.1.min(b.1)..=a.1.max(b.1)).contains(&y) {
                        self.2[(y * self.0 as i32 + x) as usize] = value;
                    }
                }
            }
        }
    }

    #[test]
    fn it_is_what_plain_bytes_would_be() {
        let mut seed = 5u64;
        let mut chance = |below: u32| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((seed >> 33) % u64::from(below)) as i32
        };
        for (width, height) in [(1, 1), (128, 128), (129, 127), (300, 260), (5, 400)] {
            let mut plain = Plain(width, height, vec![false; (width * height) as usize]);
            let mut bitmap = Bitmap::new(width, height);
            for nth in 0..60 {
                let mut at = || (chance(width + 40) - 20, chance(height + 40) - 20);
                let (a, b, value) = (at(), at(), nth % 3 > 0);
                if nth % 10 == 9 {
                    bitmap.invert();
                    plain.2.iter_mut().for_each(|pixel| *pixel = !*pixel);
                } else if nth % 2 == 0 {
                    bitmap.rectangle(a, b, value);
                    plain.rectangle(a, b, value);
                } else {
                    let (first, last) = (a.0.min(b.0), a.0.max(b.0));
                    bitmap.span(a.1.into(), first.into(), last.into(), value);
                    plain.rectangle((first, a.1), (last, a.1), value);
                }
                let bytes: Vec<bool> = (0..height).flat_map(|y| bitmap.row(y)).map(|byte| byte > 0).collect();
                assert!(bytes == plain.2, "{width}×{height} {nth}");
                if nth % 7 == 0 {
                    bitmap.tidy();
                }
                let count = plain.2.iter().filter(|pixel| **pixel).count();
                assert_eq!(bitmap.count(), count as u64);
                let whole = bitmap.count_in((-5, -5), (i64::from(width) + 5, i64::from(height) + 5));
                assert_eq!(whole, count as u64);
                let (left, right) = (i64::from(a.0.min(b.0)), i64::from(a.0.max(b.0)));
                let (top, bottom) = (i64::from(a.1.min(b.1)), i64::from(a.1.max(b.1)));
                let slow = (top..bottom)
                    .flat_map(|y| (left..right).map(move |x| (x as i32, y as i32)))
                    .filter(|(x, y)| bitmap.get(*x, *y))
                    .count();
                assert_eq!(bitmap.count_in((left, top), (right, bottom)), slow as u64);
            }
        }
    }

    #[test]
    fn runs_are_found_across_tiles() {
        let mut bitmap = Bitmap::new(400, 2);
        bitmap.span(0, 100, 299, true);
        assert_eq!((bitmap.next(0, 0, true), bitmap.next(100, 0, false)), (100, 300));
        assert_eq!(
            (bitmap.begin(250, 0), bitmap.begin(350, 0), bitmap.begin(99, 0)),
            (100, 300, 0)
        );
        assert_eq!((bitmap.next(300, 0, true), bitmap.begin(399, 1)), (400, 0));
        assert_eq!(bitmap.changes(0), [100, 300]);
    }

    #[test]
    fn copies_share_what_has_not_changed() {
        let mut bitmap = Bitmap::new(1024, 1024);
        bitmap.rectangle((5, 5), (1000, 1000), true);
        let before = bitmap.clone();
        let list = bitmap.bytes_beyond(&before);
        bitmap.span(300, 0, 3, true);
        assert_eq!(bitmap.bytes_beyond(&before) - list, 128 * 16);
        assert!(before != bitmap && !before.get(0, 300));
        bitmap.span(300, 0, 3, false);
        assert!(before == bitmap);
    }
}
