//! What a hand does to a mask: strokes of a round brush, and outlines that are filled. Exact to the pixel: one belongs to a shape where
//! its middle does, the edge included.

use std::cmp::Ordering;

use super::Bitmap;

/// Corners of an outline, in pixels; the last is joined to the first.
pub type Points = Vec<(i32, i32)>;

/// Paints or erases what a round brush covers on its straight way from one pixel to another: all within `radius` of the way. A brush of
/// radius 0 is a line of single pixels.
pub fn stroke(bitmap: &mut Bitmap, from: (i32, i32), to: (i32, i32), radius: u32, value: bool) {
    if radius == 0 {
        return line(bitmap, from, to, value);
    }
    let way = Way {
        from: (from.0.into(), from.1.into()),
        to: (to.0.into(), to.1.into()),
        radius: radius.into(),
    };
    let height = i64::from(bitmap.size().1);
    let first = (way.from.1.min(way.to.1) - way.radius).max(0);
    let last = (way.from.1.max(way.to.1) + way.radius).min(height - 1);
    for y in first..=last {
        if let Some((left, right)) = way.span(y) {
            bitmap.span(y, left, right, value);
        }
    }
}

struct Way {
    from: (i64, i64),
    to: (i64, i64),
    radius: i64,
}

impl Way {
    /// Whether a pixel is within the radius; exact.
    fn covers(&self, x: i64, y: i64) -> bool {
        let away = |from: (i64, i64)| (x - from.0, y - from.1);
        let square = |(x, y): (i64, i64)| x * x + y * y;
        let way = (self.to.0 - self.from.0, self.to.1 - self.from.1);
        let off = away(self.from);
        let along = off.0 * way.0 + off.1 * way.1;
        if along <= 0 {
            square(off) <= self.radius * self.radius
        } else if along >= square(way) {
            square(away(self.to)) <= self.radius * self.radius
        } else {
            let across = i128::from(off.0 * way.1 - off.1 * way.0);
            across * across <= i128::from(self.radius * self.radius) * i128::from(square(way))
        }
    }

    /// The pixels of a row that are covered. The shape is convex, so they are all those between two.
    fn span(&self, y: i64) -> Option<(i64, i64)> {
        let (mut left, mut right) = self.about(y)?;
        while left <= right && !self.covers(left, y) {
            left += 1;
        }
        while left <= right && !self.covers(right, y) {
            right -= 1;
        }
        (left <= right).then_some((left, right))
    }

    /// The same, at most two pixels too wide at each end.
    fn about(&self, y: i64) -> Option<(i64, i64)> {
        let (radius, y) = (self.radius as f64, y as f64);
        let (a, b) = (self.from, self.to);
        let (a, b) = ((a.0 as f64, a.1 as f64), (b.0 as f64, b.1 as f64));
        let mut ends: Option<(f64, f64)> = None;
        let mut add = |x: f64| {
            let (low, high) = ends.unwrap_or((x, x));
            ends = Some((low.min(x), high.max(x)));
        };
        for (x, middle) in [a, b] {
            let half = radius * radius - (y - middle) * (y - middle);
            if half >= 0.0 {
                add(x - half.sqrt());
                add(x + half.sqrt());
            }
        }
        let length = ((b.0 - a.0).powi(2) + (b.1 - a.1).powi(2)).sqrt();
        if length > 0.0 {
            let side = (-(b.1 - a.1) / length * radius, (b.0 - a.0) / length * radius);
            for sign in [1.0, -1.0] {
                let (from, to) = (
                    (a.0 + sign * side.0, a.1 + sign * side.1),
                    (b.0 + sign * side.0, b.1 + sign * side.1),
                );
                let share = (y - from.1) / (to.1 - from.1);
                if (0.0..=1.0).contains(&share) {
                    add(from.0 + share * (to.0 - from.0));
                }
            }
        }
        ends.map(|(low, high)| (low.floor() as i64 - 1, high.ceil() as i64 + 1))
    }
}

/// Single pixels from one to another, each beside the one before.
fn line(bitmap: &mut Bitmap, from: (i32, i32), to: (i32, i32), value: bool) {
    let (from, to) = (
        (i64::from(from.0), i64::from(from.1)),
        (i64::from(to.0), i64::from(to.1)),
    );
    let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs());
    for step in 0..=steps {
        let along = |from: i64, to: i64| from + ((to - from) * step * 2 + steps).div_euclid((2 * steps).max(1));
        let (x, y) = (along(from.0, to.0), along(from.1, to.1));
        bitmap.span(y, x, x, value);
    }
}

/// Paints or erases all inside of an outline, its edge included. Where it crosses itself, what is enclosed twice is outside.
pub fn lasso(bitmap: &mut Bitmap, points: &[(i32, i32)], value: bool) {
    let points: Vec<(i64, i64)> = points.iter().map(|(x, y)| (i64::from(*x), i64::from(*y))).collect();
    let edges: Vec<[(i64, i64); 2]> = points
        .iter()
        .zip(points.iter().cycle().skip(1))
        .map(|(from, to)| if from.1 <= to.1 { [*from, *to] } else { [*to, *from] })
        .collect();
    for ([from, to], corner) in edges.iter().zip(&points) {
        bitmap.span(corner.1, corner.0, corner.0, value);
        if from.1 == to.1 {
            bitmap.span(from.1, from.0.min(to.0), from.0.max(to.0), value);
        }
    }
    let height = i64::from(bitmap.size().1);
    let first = points.iter().map(|point| point.1).min().unwrap_or(0).max(0);
    let last = points.iter().map(|point| point.1).max().unwrap_or(-1).min(height - 1);
    let mut crossings: Vec<(i64, i64)> = Vec::new();
    for y in first..=last {
        crossings.clear();
        // As a fraction: where the edge crosses the row.
        let crossed = edges.iter().filter(|[from, to]| from.1 <= y && y < to.1);
        crossings.extend(crossed.map(|[from, to]| {
            let high = to.1 - from.1;
            (from.0 * high + (y - from.1) * (to.0 - from.0), high)
        }));
        crossings.sort_by(|a, b| by_value(*a, *b));
        for pair in crossings.chunks_exact(2) {
            let (from, to) = (pair[0], pair[1]);
            let left = from.0.div_euclid(from.1) + i64::from(from.0.rem_euclid(from.1) > 0);
            bitmap.span(y, left, to.0.div_euclid(to.1), value);
        }
    }
}

/// Fractions whose lower numbers are positive.
fn by_value(a: (i64, i64), b: (i64, i64)) -> Ordering {
    (i128::from(a.0) * i128::from(b.1)).cmp(&(i128::from(b.0) * i128::from(a.1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stroke_is_all_within_its_radius() {
        let mut seed = 11u64;
        let mut chance = |below: u32| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((seed >> 33) % u64::from(below)) as i32
        };
        for _ in 0..300 {
            let (from, to) = ((chance(60) - 10, chance(60) - 10), (chance(60) - 10, chance(60) - 10));
            let radius = 1 + chance(9) as u32;
            let mut bitmap = Bitmap::new(40, 40);
            stroke(&mut bitmap, from, to, radius, true);
            let way = Way {
                from: (from.0.into(), from.1.into()),
                to: (to.0.into(), to.1.into()),
                radius: radius.into(),
            };
            for y in 0..40 {
                for x in 0..40 {
                    let expected = way.covers(i64::from(x), i64::from(y));
                    assert_eq!(bitmap.get(x, y), expected, "{from:?} {to:?} {radius} at {x},{y}");
                }
            }
        }
    }

    #[test]
    fn a_stamp_is_round_and_an_eraser_takes_it_off() {
        let mut bitmap = Bitmap::new(7, 7);
        stroke(&mut bitmap, (3, 3), (3, 3), 3, true);
        let round = "...#...\n.#####.\n.#####.\n#######\n.#####.\n.#####.\n...#...";
        assert_eq!(bitmap.text(), round);
        stroke(&mut bitmap, (0, 3), (9, 3), 0, false);
        assert_eq!(bitmap.text(), round.replace("#######", "......."));
        stroke(&mut bitmap, (-50_000, 3), (50_000, 3), 1, false);
        assert_eq!(bitmap.count(), 12);
    }

    #[test]
    fn the_thinnest_brush_draws_lines_without_holes() {
        let mut bitmap = Bitmap::new(6, 4);
        stroke(&mut bitmap, (0, 0), (5, 3), 0, true);
        assert_eq!(bitmap.text(), "#.....\n.##...\n...##.\n.....#");
    }

    #[test]
    fn an_outline_is_filled_with_its_edge() {
        let mut bitmap = Bitmap::new(7, 6);
        lasso(&mut bitmap, &[(1, 1), (5, 1), (3, 5)], true);
        assert_eq!(bitmap.text(), ".......\n.#####.\n..###..\n..###..\n...#...\n...#...");
        let mut bitmap = Bitmap::new(7, 7);
        // A ribbon: twice enclosed is outside, and beyond the picture is nothing.
        lasso(&mut bitmap, &[(0, 0), (6, 0), (6, 6), (0, 6)], true);
        lasso(&mut bitmap, &[(2, 2), (4, 4), (4, 2), (2, 4)], false);
        assert_eq!(
            bitmap.text(),
            "#######\n#######\n##.#.##\n##...##\n##.#.##\n#######\n#######"
        );
        lasso(&mut bitmap, &[(-100, -100), (200, -100), (200, 200), (-100, 200)], true);
        assert_eq!(bitmap.count(), 49);
        lasso(&mut bitmap, &[], true);
        lasso(&mut bitmap, &[(3, 3)], false);
        assert_eq!(bitmap.count(), 48);
    }
}
