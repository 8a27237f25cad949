//! Where one paints, in dots of the screen: the edge of the stamp, and an outline that is not finished. The same for pictures that are
//! drawn in pixels and for half blocks.

use crate::app::pictures::cut::Marks;
use crate::app::pictures::zoom::Part;

/// The dots that are marked, each once, of a part of the picture with its frame that is seen in so many dots across and down.
pub fn dots_of(marks: &Marks, part: Part, (across, down): (u32, u32)) -> Vec<(u32, u32)> {
    let scale = (
        f64::from(across) / f64::from(part.width),
        f64::from(down) / f64::from(part.height),
    );
    // The middle of a pixel, in dots.
    let place = |(x, y): (f64, f64)| {
        let x = (x + 0.5 - f64::from(part.x)) * scale.0;
        (x, (y + 0.5 - f64::from(part.y)) * scale.1)
    };
    let mut dots = Vec::new();
    let mut add = |(x, y): (f64, f64)| {
        if x >= 0.0 && y >= 0.0 && x < f64::from(across) && y < f64::from(down) {
            dots.push((x as u32, y as u32));
        }
    };
    let ((x, y), radius) = marks.stamp;
    let middle = place((f64::from(x), f64::from(y)));
    let radius = f64::from(radius) * scale.0.max(scale.1);
    add(middle);
    // Of each row the dots whose distance is the radius, to half a dot.
    for y in between(middle.1 - radius - 1.0, middle.1 + radius + 2.0, down) {
        let off = f64::from(y) + 0.5 - middle.1;
        let half = |radius: f64| (radius * radius - off * off).max(0.0).sqrt();
        let (near, far) = (half((radius - 0.5).max(0.0)), half(radius + 0.5));
        for x in between(middle.0 - far - 1.0, middle.0 - near + 1.0, across) {
            add_at_radius(&mut add, (x, y), middle, radius);
        }
        for x in between(middle.0 + near - 1.0, middle.0 + far + 1.0, across) {
            add_at_radius(&mut add, (x, y), middle, radius);
        }
    }
    for pair in marks.outline.windows(2) {
        let [from, to] = [pair[0], pair[1]].map(|(x, y)| place((f64::from(x), f64::from(y))));
        let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).clamp(1.0, 20_000.0) as u32;
        for step in 0..=steps {
            let share = f64::from(step) / f64::from(steps);
            add((from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1)));
        }
    }
    dots.sort_unstable();
    dots.dedup();
    dots
}

/// The dots between two places of so many.
fn between(from: f64, to: f64, most: u32) -> std::ops::Range<u32> {
    (from.max(0.0) as u32)..(to.clamp(0.0, f64::from(most)) as u32)
}

fn add_at_radius(add: &mut impl FnMut((f64, f64)), (x, y): (u32, u32), middle: (f64, f64), radius: f64) {
    let dot = (f64::from(x) + 0.5, f64::from(y) + 0.5);
    let away = (dot.0 - middle.0).hypot(dot.1 - middle.1);
    if (away - radius).abs() < 0.5 {
        add(dot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(marks: &Marks, part: Part, size: (u32, u32)) -> String {
        let dots = dots_of(marks, part, size);
        let line = |y: u32| {
            let sign = |x: u32| if dots.contains(&(x, y)) { '#' } else { '.' };
            (0..size.0).map(sign).collect::<String>()
        };
        (0..size.1).map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_stamp_has_an_edge_and_an_outline_no_holes() {
        let part = Part {
            x: 10,
            y: 0,
            width: 9,
            height: 7,
        };
        let stamp = Marks {
            stamp: ((14, 3), 3),
            outline: vec![],
        };
        assert_eq!(
            drawn(&stamp, part, (9, 7)),
            "...###...\n..#...#..\n.#.....#.\n.#..#..#.\n.#.....#.\n..#...#..\n...###..."
        );
        let outline = Marks {
            stamp: ((0, 0), 0),
            outline: vec![(10, 0), (18, 0), (18, 6), (10, 6)],
        };
        assert_eq!(
            drawn(&outline, part, (9, 7)),
            "#########\n........#\n........#\n........#\n........#\n........#\n#########"
        );
    }
}
