//! One picture alone: how large it is seen and from where, by keys and by the mouse; and two of them compared. What it looks like is in
//! `view.rs`, the arithmetic in `app::zoom`.

use crossterm::event::{MouseButton, MouseEventKind};
use ratatui::layout::Rect;

use super::Gallery;
use super::compare::Compare;
use crate::app::commands::Act;
use crate::app::msg::Effect;
use crate::app::pictures::cut::{Cut, File, Of};
use crate::app::pictures::zoom::{Dots, Room, STEP, Seen};
use crate::app::pictures::{Key, Source};

/// A key moves what is seen by one part in so many of the screen.
const STRIDE: u16 = 8;

/// The mouse holds the picture.
#[derive(Clone, Copy, Debug)]
pub struct Grab {
    at: (u16, u16),
    has_moved: bool,
}

impl Gallery {
    /// The picture that is alone, or the first of two that are compared, and the room for it.
    fn room(&self, body: Rect, dots: Dots) -> Option<Room> {
        let entry = match &self.compare {
            Some(compare) => compare.first(),
            None => self.here()?,
        };
        Some(Room {
            size: (entry.width.max(1), entry.height.max(1)),
            area: self.full(body),
            dots,
        })
    }

    /// What of it is seen, and where.
    pub(super) fn seen(&self, body: Rect, dots: Dots) -> Option<Seen> {
        Some(self.zoom.seen(self.room(body, dots)?))
    }

    /// Where one looks closely: how large it is in percent, and the pixel at the upper left.
    pub(super) fn where_seen(&self, body: Rect, dots: Dots) -> Option<String> {
        let room = self.room(body, dots).filter(|_| self.is_full && self.zoom.is_in())?;
        let part = self.zoom.seen(room).part;
        Some(format!("{} %  {},{}", self.zoom.percent(room), part.x, part.y))
    }

    /// The picture alone, or the two that are compared, and where.
    pub(super) fn full_picture(&self, body: Rect, dots: Dots) -> Option<(Key, Rect)> {
        let (seen, place) = (self.seen(body, dots)?, self.full(body));
        let source = match (&self.compare, self.here()) {
            (Some(compare), _) => Source::Cut(Box::new(compare.cut(seen))),
            (None, Some(here)) if here.missing => return None,
            (None, Some(here)) if seen.is_whole => Source::File {
                sha256: here.sha256.clone(),
                path: here.path.clone(),
                bytes: here.bytes,
            },
            (None, Some(here)) => Source::Cut(Box::new(Cut {
                part: seen.part,
                of: Of::Picture(File::from(here)),
            })),
            (None, None) => return None,
        };
        let room = (place.width, place.height);
        Some((Key { source, room }, place))
    }

    /// Does what only a picture alone has; `None` where `act` is something else.
    pub(super) fn looked(&mut self, act: Act, body: Rect, dots: Dots) -> Option<Vec<Effect>> {
        if act == Act::Compare {
            self.compare_with(body, dots);
            return Some(vec![]);
        }
        let room = self.room(body, dots).filter(|_| self.is_full);
        let (Some(room), true) = (room, self.is_full) else {
            return matches!(act, Act::ZoomIn | Act::ZoomOut | Act::Fit | Act::Pan(..)).then(Vec::new);
        };
        let place = self.zoom.seen(room).place;
        if let Some(compare) = &mut self.compare
            && compare.act(act, place)
        {
            return Some(vec![]);
        }
        let stride = |sign: i8, cells: u16| i32::from(sign) * i32::from((cells / STRIDE).max(1));
        let pan = |columns: i8, rows: i8| (stride(columns, place.width), stride(rows, place.height));
        match act {
            Act::ZoomIn => self.zoom.by(STEP, None, room),
            Act::ZoomOut => self.zoom.by(1.0 / STEP, None, room),
            Act::Fit => self.zoom = Default::default(),
            Act::Pan(columns, rows) => self.zoom.pan(pan(columns, rows), room),
            Act::Up if self.is_close() => self.zoom.pan(pan(0, -1), room),
            Act::Down if self.is_close() => self.zoom.pan(pan(0, 1), room),
            Act::Left if self.is_close() => self.zoom.pan(pan(-1, 0), room),
            Act::Right if self.is_close() => self.zoom.pan(pan(1, 0), room),
            // Two that are compared are no place to change one.
            Act::Back | Act::Search => return None,
            _ if self.compare.is_some() => {}
            _ => return None,
        }
        Some(vec![])
    }

    /// Whether keys move what is seen instead of going to another picture.
    fn is_close(&self) -> bool {
        self.zoom.is_in() || self.compare.is_some()
    }

    /// Marks the picture to be compared, takes the mark off, or compares it with the one that is marked.
    fn compare_with(&mut self, body: Rect, dots: Dots) {
        if self.compare.take().is_some() {
            return;
        }
        let Some(here) = self.here().cloned() else { return };
        match self.to_compare.take() {
            None => self.to_compare = Some(here),
            Some(marked) if marked.id == here.id => {}
            Some(marked) => {
                if (marked.width, marked.height) != (here.width, here.height) {
                    self.zoom = Default::default();
                }
                self.is_full = true;
                self.compare = Some(Compare::new(marked, here));
                let place = self.seen(body, dots).map(|seen| seen.place);
                if let (Some(compare), Some(place)) = (&mut self.compare, place) {
                    compare.centre(place);
                }
            }
        }
    }

    /// Takes what the mouse does to a picture alone: the wheel makes it larger around the pointer, a drag moves it or the border of two, a
    /// click goes back to all of them.
    pub(super) fn mouse_on_full(&mut self, kind: MouseEventKind, at: (u16, u16), body: Rect, dots: Dots) {
        let Some(room) = self.room(body, dots) else { return };
        let place = self.zoom.seen(room).place;
        match kind {
            MouseEventKind::ScrollUp => self.zoom.by(STEP, Some(at), room),
            MouseEventKind::ScrollDown => self.zoom.by(1.0 / STEP, Some(at), room),
            MouseEventKind::Down(button) => {
                self.grab = Some(Grab { at, has_moved: false });
                self.wipe(button, at, place);
            }
            MouseEventKind::Drag(button) => {
                let before = self.grab.replace(Grab { at, has_moved: true });
                if let (Some(before), false) = (before, self.wipe(button, at, place)) {
                    let by = |before: u16, at: u16| i32::from(before) - i32::from(at);
                    self.zoom.pan((by(before.at.0, at.0), by(before.at.1, at.1)), room);
                }
            }
            MouseEventKind::Up(_) => {
                let is_click = self.grab.take().is_some_and(|grab| !grab.has_moved);
                if is_click && !self.is_close() {
                    self.is_full = false;
                }
            }
            _ => {}
        }
    }

    /// Moves the border of two pictures to the pointer; whether there is one.
    fn wipe(&mut self, button: MouseButton, at: (u16, u16), place: Rect) -> bool {
        match &mut self.compare {
            Some(compare) if button == MouseButton::Left => {
                compare.wipe_to(i32::from(at.0) - i32::from(place.x), place);
                true
            }
            _ => false,
        }
    }
}
