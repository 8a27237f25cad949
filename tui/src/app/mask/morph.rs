//! Changes of a mask that look at all of it: filling up to painted lines, growing and shrinking. Their time grows with the picture's
//! size, so they are never made where a key waits (`task.rs`).

use super::{Bitmap, MAX_GROWTH};

/// Rows that are grown at one time: what is needed beside the mask stays small.
const BAND: u32 = 256;

/// Paints what is connected with a pixel across sides and not painted. On a painted pixel nothing changes.
pub fn fill(bitmap: &mut Bitmap, (x, y): (i32, i32)) {
    let (width, height) = bitmap.size();
    let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else {
        return;
    };
    if x >= width || y >= height {
        return;
    }
    let mut waiting = vec![(x, y)];
    while let Some((x, y)) = waiting.pop() {
        if bitmap.get(x as i32, y as i32) {
            continue;
        }
        let (first, end) = (bitmap.begin(x, y), bitmap.next(x, y, true));
        bitmap.span(y.into(), first.into(), i64::from(end) - 1, true);
        let beside = [y.checked_sub(1), (y + 1 < height).then_some(y + 1)];
        for y in beside.into_iter().flatten() {
            let mut at = bitmap.next(first, y, false);
            while at < end {
                waiting.push((at, y));
                at = bitmap.next(bitmap.next(at, y, true), y, false);
            }
        }
    }
}

/// Paints all pixels within `by` of a painted one.
pub fn grow(bitmap: &mut Bitmap, by: u32) {
    let by = by.min(MAX_GROWTH);
    let source = bitmap.clone();
    let (width, height) = source.size();
    for first in (0..height).step_by(BAND as usize) {
        let end = (first + BAND).min(height);
        let (above, below) = (first.saturating_sub(by), (end + by).min(height));
        if source.count_in((0, above.into()), (width.into(), below.into())) > 0 {
            grow_band(&source, bitmap, by, (first, end), (above, below));
        }
    }
}

/// Rows from `first` to before `end`, by what is painted in rows from `above` to before `below`.
fn grow_band(source: &Bitmap, bitmap: &mut Bitmap, by: u32, (first, end): (u32, u32), (above, below): (u32, u32)) {
    let width = source.size().0 as usize;
    let far = by as u16 + 1;
    // How far the nearest painted pixel of the column is: first of those above, then of those below too.
    let mut away: Vec<Vec<u16>> = Vec::with_capacity((below - above) as usize);
    for y in above..below {
        let mut row: Vec<u16> = match away.last() {
            Some(last) => last.iter().map(|away| (away + 1).min(far)).collect(),
            None => vec![far; width],
        };
        painted(source, y, &mut row);
        away.push(row);
    }
    for nth in (1..away.len()).rev() {
        let (upper, lower) = away.split_at_mut(nth);
        if let (Some(upper), Some(lower)) = (upper.last_mut(), lower.first()) {
            for (upper, lower) in upper.iter_mut().zip(lower) {
                *upper = (*upper).min(lower + 1);
            }
        }
    }
    // A pixel that far off in its column reaches so far along the row.
    let reach: Vec<i64> = (0..=u64::from(by))
        .map(|away| (u64::from(by).pow(2) - away * away).isqrt() as i64)
        .collect();
    for y in first..end {
        if let Some(row) = away.get((y - above) as usize) {
            let covered = covered(row, &reach);
            runs(&covered, |from, to| bitmap.span(y.into(), from, to, true));
        }
    }
}

fn painted(source: &Bitmap, y: u32, row: &mut [u16]) {
    let width = row.len();
    for pair in source.changes(y).chunks(2) {
        let end = pair.get(1).map_or(width, |end| *end as usize);
        if let Some(of_it) = pair.first().and_then(|from| row.get_mut(*from as usize..end)) {
            of_it.fill(0);
        }
    }
}

/// The pixels of a row that some pixel of it reaches.
fn covered(away: &[u16], reach: &[i64]) -> Vec<bool> {
    let reach = |away: u16| reach.get(usize::from(away)).copied();
    let mut covered = vec![false; away.len()];
    let mut until = -1;
    for (x, (is, away)) in covered.iter_mut().zip(away).enumerate() {
        until = reach(*away).map_or(until, |reach| until.max(x as i64 + reach));
        *is = until >= x as i64;
    }
    let mut from = i64::MAX;
    for (x, (is, away)) in covered.iter_mut().zip(away).enumerate().rev() {
        from = reach(*away).map_or(from, |reach| from.min(x as i64 - reach));
        *is |= from <= x as i64;
    }
    covered
}

fn runs(row: &[bool], mut each: impl FnMut(i64, i64)) {
    let mut at = 0;
    for run in row.chunk_by(|a, b| a == b) {
        let end = at + run.len() as i64;
        if run.first() == Some(&true) {
            each(at, end - 1);
        }
        at = end;
    }
}

/// Erases all pixels within `by` of one that is not painted. What lies beyond the picture counts as painted: a mask that ends at its
/// edge stays there.
pub fn shrink(bitmap: &mut Bitmap, by: u32) {
    bitmap.invert();
    grow(bitmap, by);
    bitmap.invert();
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn noise(width: u32, height: u32, one_in: u64) -> Bitmap {
        let mut bitmap = Bitmap::new(width, height);
        let mut seed = 3u64;
        for y in 0..height {
            for x in 0..width {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                if (seed >> 33).is_multiple_of(one_in) {
                    bitmap.span(y.into(), x.into(), x.into(), true);
                }
            }
        }
        bitmap
    }

    #[rstest]
    #[case(1)]
    #[case(5)]
    #[case(13)]
    fn growing_is_a_disc_at_every_pixel(#[case] by: u32) {
        // Higher than a band, so that its seam is seen.
        let source = noise(70, 300, 900);
        let mut grown = source.clone();
        grow(&mut grown, by);
        let reach = by as i32;
        for y in 0..300 {
            for x in 0..70 {
                let near = |dy: i32| {
                    (-reach..=reach).any(|dx| dx * dx + dy * dy <= reach * reach && source.get(x + dx, y + dy))
                };
                assert_eq!(grown.get(x, y), (-reach..=reach).any(near), "{x},{y}");
            }
        }
    }

    #[test]
    fn shrinking_is_growing_of_the_rest_and_keeps_the_edge() {
        let mut bitmap = Bitmap::new(9, 7);
        bitmap.rectangle((0, 0), (6, 4), true);
        shrink(&mut bitmap, 2);
        assert_eq!(
            bitmap.text(),
            "#####....\n#####....\n#####....\n.........\n.........\n.........\n........."
        );
        let mut full = Bitmap::new(5, 5);
        full.invert();
        shrink(&mut full, 3);
        assert_eq!(full.count(), 25);
    }

    #[test]
    fn filling_stops_at_lines_and_goes_round_corners() {
        let mut bitmap = Bitmap::new(8, 6);
        bitmap.rectangle((1, 1), (6, 4), true);
        bitmap.rectangle((2, 2), (5, 3), false);
        fill(&mut bitmap, (3, 2));
        assert_eq!(bitmap.count(), 24, "the inside alone");
        fill(&mut bitmap, (3, 2));
        assert_eq!(bitmap.count(), 24, "on painted ground nothing happens");
        fill(&mut bitmap, (7, 5));
        assert_eq!(bitmap.count(), 48);
        // Corners do not connect.
        let mut bitmap = Bitmap::new(2, 2);
        bitmap.span(0, 0, 0, true);
        bitmap.span(1, 1, 1, true);
        fill(&mut bitmap, (1, 0));
        assert_eq!(bitmap.text(), "##\n.#");
        fill(&mut bitmap, (-1, 9));
        fill(&mut bitmap, (2, 0));
        assert_eq!(bitmap.count(), 3);
    }

    #[test]
    fn filling_is_all_that_can_be_reached() {
        let source = noise(150, 90, 3);
        let mut filled = source.clone();
        let at = (0..150).find(|x| !source.get(*x, 40)).unwrap();
        fill(&mut filled, (at, 40));
        let mut reached = vec![false; 150 * 90];
        let mut waiting = vec![(at, 40)];
        while let Some((x, y)) = waiting.pop() {
            let is_in = (0..150).contains(&x) && (0..90).contains(&y);
            if is_in && !source.get(x, y) && !std::mem::replace(&mut reached[(y * 150 + x) as usize], true) {
                waiting.extend([(x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)]);
            }
        }
        for y in 0..90 {
            for x in 0..150 {
                let expected = source.get(x, y) || reached[(y * 150 + x) as usize];
                assert_eq!(filled.get(x, y), expected, "{x},{y}");
            }
        }
    }
}
