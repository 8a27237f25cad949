//! What of a picture is seen, and where on the screen: a part of it in picture pixels, made larger or smaller around a point, moved, and
//! never beyond its edges. The gallery's full view, its comparison and the mask editor ask here. Pure: nothing is cut or drawn here.

use ratatui::layout::Rect;

use crate::app::widgets::centred;
use crate::graphics::pane;

/// A step of zoom.
pub const STEP: f64 = 1.25;

/// A rectangle of a picture, in its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Part {
    /// Its left edge.
    pub x: u32,
    /// Its upper edge.
    pub y: u32,
    /// At least 1.
    pub width: u32,
    /// At least 1.
    pub height: u32,
}

impl Part {
    /// All of a picture of that size.
    pub fn all((width, height): (u32, u32)) -> Self {
        Self {
            x: 0,
            y: 0,
            width: width.max(1),
            height: height.max(1),
        }
    }
}

/// The dots of a character cell, across and down: what a picture pixel can be seen as. Half blocks have two, one above the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dots(pub u32, pub u32);

impl Dots {
    /// Those of half blocks.
    pub const HALVES: Self = Self(1, 2);

    /// Whether pictures are drawn in half blocks.
    pub fn are_halves(self) -> bool {
        self == Self::HALVES
    }

    /// The most dots that a picture pixel is wide.
    fn most(self) -> f64 {
        if self.are_halves() { 1.0 } else { 8.0 }
    }
}

/// A room for a picture: the picture's size in pixels, the cells that there are for it, the dots of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Pixels across and down.
    pub size: (u32, u32),
    /// The cells.
    pub area: Rect,
    /// Of a cell.
    pub dots: Dots,
}

impl Room {
    /// Dots of a pixel where all of the picture is seen.
    fn fit(self) -> f64 {
        let wide = f64::from(self.area.width.max(1)) * f64::from(self.dots.0) / f64::from(self.size.0.max(1));
        let high = f64::from(self.area.height.max(1)) * f64::from(self.dots.1) / f64::from(self.size.1.max(1));
        wide.min(high)
    }

    fn seen(self, part: Part) -> Seen {
        let Dots(wide, high) = self.dots;
        let room = (self.area.width, self.area.height);
        let cells = pane::covered((part.width, part.height), (wide, high), room);
        Seen {
            part,
            place: centred(self.area, cells),
            is_whole: part == Part::all(self.size),
        }
    }
}

/// What is seen, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Of the picture.
    pub part: Part,
    /// The cells that it covers.
    pub place: Rect,
    /// Whether that is all of it.
    pub is_whole: bool,
}

impl Seen {
    /// The pixel in the middle of a half of a cell: its column, and its row in halves of rows, both of the screen. What lies beside
    /// the picture is the nearest pixel of what is seen.
    pub fn pixel(&self, column: i32, half: i32) -> (i32, i32) {
        let (x, y) = self.beyond(column, half);
        let within = |at: i32, from: u32, length: u32| at.clamp(from as i32, (from + length) as i32 - 1);
        let part = self.part;
        (within(x, part.x, part.width), within(y, part.y, part.height))
    }

    /// The same; beside the picture it goes on as in it.
    pub fn beyond(&self, column: i32, half: i32) -> (i32, i32) {
        let along = |nth: i64, many: i64, from: u32, length: u32| {
            let inside = ((2 * nth + 1) * i64::from(length)).div_euclid(2 * many.max(1));
            (i64::from(from) + inside) as i32
        };
        let (part, place) = (self.part, self.place);
        let (column, half) = (
            i64::from(column) - i64::from(place.x),
            i64::from(half) - 2 * i64::from(place.y),
        );
        let x = along(column, place.width.into(), part.x, part.width);
        (x, along(half, 2 * i64::from(place.height), part.y, part.height))
    }

    /// The half of a cell in which the middle of a pixel lies: column, and row in halves; of one that is not seen, where it would be.
    pub fn spot(&self, (x, y): (i32, i32)) -> (i32, i32) {
        let along = |at: i32, from: u32, length: u32, many: i64| {
            let inside = 2 * (i64::from(at) - i64::from(from)) + 1;
            (inside * many).div_euclid(2 * i64::from(length.max(1))) as i32
        };
        let (part, place) = (self.part, self.place);
        let column = along(x, part.x, part.width, i64::from(place.width));
        let half = along(y, part.y, part.height, i64::from(place.height) * 2);
        (i32::from(place.x) + column, 2 * i32::from(place.y) + half)
    }
}

/// How large a picture is seen, and from where on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Zoom {
    /// Dots of a pixel; `None` where all of it is seen.
    scale: Option<f64>,
    /// The upper left corner of what is seen, in pixels.
    from: (f64, f64),
}

impl Zoom {
    /// Whether only a part is seen.
    pub fn is_in(self) -> bool {
        self.scale.is_some()
    }

    fn scale(self, room: Room) -> f64 {
        let fit = room.fit();
        self.scale.map_or(fit, |scale| scale.max(fit))
    }

    /// What is seen in a room.
    pub fn seen(self, room: Room) -> Seen {
        let (width, height) = (room.size.0.max(1), room.size.1.max(1));
        let scale = self.scale(room);
        let along = |cells: u16, dots: u32, most: u32| {
            let length = f64::from(cells.max(1)) * f64::from(dots) / scale;
            (length.round() as u32).clamp(1, most)
        };
        let (wide, high) = match self.scale {
            Some(_) => (
                along(room.area.width, room.dots.0, width),
                along(room.area.height, room.dots.1, height),
            ),
            None => (width, height),
        };
        let corner = |from: f64, length: u32, most: u32| (from.round().max(0.0) as u32).min(most - length);
        room.seen(Part {
            x: corner(self.from.0, wide, width),
            y: corner(self.from.1, high, height),
            width: wide,
            height: high,
        })
    }

    /// Dots of a pixel in percent.
    pub fn percent(self, room: Room) -> u32 {
        (self.scale(room) * 100.0).round() as u32
    }

    /// Makes it `factor` times as large. What is below the cell `at` stays there, as far as the edges allow; without one it is the
    /// middle.
    pub fn by(&mut self, factor: f64, at: Option<(u16, u16)>, room: Room) {
        let before = self.seen(room);
        let middle = |place: Rect| {
            let x = f64::from(place.x) + f64::from(place.width) / 2.0;
            (x, f64::from(place.y) + f64::from(place.height) / 2.0)
        };
        let at = at.map_or_else(
            || middle(before.place),
            |(x, y)| (f64::from(x) + 0.5, f64::from(y) + 0.5),
        );
        let share = |place: Rect| {
            let x = (at.0 - f64::from(place.x)) / f64::from(place.width.max(1));
            let y = (at.1 - f64::from(place.y)) / f64::from(place.height.max(1));
            (x.clamp(0.0, 1.0), y.clamp(0.0, 1.0))
        };
        let (x, y) = share(before.place);
        let kept = (
            f64::from(before.part.x) + x * f64::from(before.part.width),
            f64::from(before.part.y) + y * f64::from(before.part.height),
        );
        let fit = room.fit();
        let scale = (self.scale(room) * factor).min(room.dots.most().max(fit));
        if scale <= fit * 1.001 {
            *self = Self::default();
            return;
        }
        self.scale = Some(scale);
        let after = self.seen(room);
        let (x, y) = share(after.place);
        self.from = (
            kept.0 - x * f64::from(after.part.width),
            kept.1 - y * f64::from(after.part.height),
        );
        self.keep(room);
    }

    /// Moves what is seen by so many cells, as far as the edges allow.
    pub fn pan(&mut self, (columns, rows): (i32, i32), room: Room) {
        let Seen { part, place, .. } = self.seen(room);
        self.from.0 += f64::from(columns) * f64::from(part.width) / f64::from(place.width.max(1));
        self.from.1 += f64::from(rows) * f64::from(part.height) / f64::from(place.height.max(1));
        self.keep(room);
    }

    /// Moves what is seen as little as needed to have a pixel in it.
    pub fn reveal(&mut self, (x, y): (i32, i32), room: Room) {
        let part = self.seen(room).part;
        let along = |from: u32, length: u32, at: i32| {
            let (from, length, at) = (f64::from(from), f64::from(length), f64::from(at));
            if at < from { at } else { from.max(at + 1.0 - length) }
        };
        self.from = (along(part.x, part.width, x), along(part.y, part.height, y));
        self.keep(room);
    }

    fn keep(&mut self, room: Room) {
        let part = self.seen(room).part;
        let most = |size: u32, length: u32| f64::from(size.max(1) - length);
        self.from.0 = self.from.0.clamp(0.0, most(room.size.0, part.width));
        self.from.1 = self.from.1.clamp(0.0, most(room.size.1, part.height));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn room(size: (u32, u32), dots: Dots) -> Room {
        let area = Rect::new(3, 2, 100, 33);
        Room { size, area, dots }
    }

    #[rstest]
    #[case((1024, 1024), Dots::HALVES)]
    #[case((1024, 1024), Dots(10, 20))]
    #[case((4000, 300), Dots(9, 17))]
    #[case((300, 4000), Dots(8, 19))]
    #[case((16384, 16384), Dots(12, 12))]
    #[case((1, 1), Dots(10, 20))]
    #[case((7, 3), Dots::HALVES)]
    fn what_is_under_the_pointer_stays_there_and_nothing_beyond_the_picture_is_seen(
        #[case] size: (u32, u32),
        #[case] dots: Dots,
    ) {
        let room = room(size, dots);
        for at in [(3, 2), (53, 18), (102, 34), (20, 30), (70, 5)] {
            let mut zoom = Zoom::default();
            for nth in 0..40 {
                let before = zoom.seen(room);
                let kept = before.pixel(i32::from(at.0), 2 * i32::from(at.1));
                zoom.by(if nth < 25 { STEP } else { 1.0 / STEP }, Some(at), room);
                let Seen { part, place, .. } = zoom.seen(room);
                assert!(
                    part.x + part.width <= size.0 && part.y + part.height <= size.1,
                    "{part:?}"
                );
                assert_eq!(room.area.intersection(place), place);
                // As far as the edges allow: where what is seen ends at one, the point may lie elsewhere.
                let free = |from: u32, length: u32, most: u32| from > 0 && from + length < most;
                let after = zoom.seen(room).pixel(i32::from(at.0), 2 * i32::from(at.1));
                let a_cell =
                    2 + (part.width / u32::from(place.width)).max(part.height / u32::from(place.height)) as i32;
                if free(part.x, part.width, size.0) && place.contains(at.into()) && before.place.contains(at.into()) {
                    assert!((after.0 - kept.0).abs() <= a_cell, "{at:?} {kept:?} {after:?}");
                }
                if free(part.y, part.height, size.1) && place.contains(at.into()) && before.place.contains(at.into()) {
                    assert!((after.1 - kept.1).abs() <= a_cell, "{at:?} {kept:?} {after:?}");
                }
            }
            (0..40).for_each(|_| zoom.by(1.0 / STEP, None, room));
            assert!(!zoom.is_in() && zoom.seen(room).is_whole);
        }
    }

    #[rstest]
    #[case(Dots::HALVES, 100)]
    #[case(Dots(10, 20), 800)]
    #[case(Dots(7, 20), 800)]
    #[case(Dots(16, 16), 800)]
    fn shapes_are_kept_whatever_a_cell_is_like(#[case] dots: Dots, #[case] most: u32) {
        let room = room((3000, 2000), dots);
        let mut zoom = Zoom::default();
        for _ in 0..40 {
            zoom.by(STEP, Some((40, 10)), room);
            let Seen { part, place, .. } = zoom.seen(room);
            let across = f64::from(u32::from(place.width) * dots.0) / f64::from(part.width);
            let down = f64::from(u32::from(place.height) * dots.1) / f64::from(part.height);
            assert!((across / down - 1.0).abs() < 0.04, "{across} {down} {part:?} {place:?}");
        }
        assert_eq!(zoom.percent(room), most);
        let place = zoom.seen(room).place;
        assert!(
            place.width >= 99 && place.height >= 32,
            "all of the room but a cell: {place:?}"
        );
    }

    #[test]
    fn it_is_moved_and_stops_at_the_edges() {
        let room = room((1000, 1000), Dots::HALVES);
        let mut zoom = Zoom::default();
        zoom.pan((5, 5), room);
        assert!(zoom.seen(room).is_whole);
        (0..40).for_each(|_| zoom.by(STEP, None, room));
        let part = zoom.seen(room).part;
        assert_eq!((part.width, part.height), (100, 66));
        zoom.pan((10, -3), room);
        let moved = zoom.seen(room).part;
        assert_eq!((moved.x, moved.y), (part.x + 10, part.y - 6));
        zoom.pan((-5000, 5000), room);
        let moved = zoom.seen(room).part;
        assert_eq!((moved.x, moved.y), (0, 1000 - 66));
        zoom.reveal((100, 900), room);
        assert_eq!(zoom.seen(room).part.x, 1);
        zoom.reveal((0, 0), room);
        assert_eq!((zoom.seen(room).part.x, zoom.seen(room).part.y), (0, 0));
    }

    #[test]
    fn cells_and_pixels_name_each_other() {
        let room = room((640, 480), Dots(10, 20));
        let mut zoom = Zoom::default();
        for _ in 0..12 {
            let seen = zoom.seen(room);
            for (column, half) in [
                (seen.place.x, 2 * seen.place.y),
                (seen.place.right() - 1, 2 * seen.place.bottom() - 1),
            ] {
                let pixel = seen.pixel(i32::from(column), i32::from(half));
                if zoom.percent(room) <= 500 {
                    assert_eq!(seen.spot(pixel), (i32::from(column), i32::from(half)), "{seen:?}");
                }
            }
            assert_eq!(seen.pixel(-50, -50), (seen.part.x as i32, seen.part.y as i32));
            zoom.by(STEP, None, room);
        }
    }

    #[test]
    fn no_room_is_no_reason_to_panic() {
        for area in [Rect::new(0, 0, 0, 0), Rect::new(0, 0, 1, 0)] {
            for size in [(0, 0), (16384, 1), (1, 16384)] {
                let room = Room {
                    size,
                    area,
                    dots: Dots(10, 20),
                };
                let mut zoom = Zoom::default();
                zoom.by(1e9, Some((9, 9)), room);
                zoom.pan((100, -100), room);
                zoom.seen(room).pixel(5, 5);
                zoom.seen(room).spot((5, 5));
            }
        }
    }
}
