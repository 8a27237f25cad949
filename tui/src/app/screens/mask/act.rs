//! The commands of the mask editor. A number that was typed before one says how many: cells to move, pixels to grow by, the radius, the
//! softness.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::layout::Rect;

use super::{Change, Editor, Tool};
use crate::app::commands::Act;
use crate::app::mask::{MAX_FEATHER, MAX_GROWTH, MAX_RADIUS, Points, Touch, Work};
use crate::app::msg::Effect;
use crate::app::own::keys;
use crate::app::pictures::cut::Frame;
use crate::app::pictures::zoom::{Dots, STEP};
use crate::graphics::MAX_SIDE;

/// Cells of a long step.
const FAR: i32 = 10;
/// Pixels of a step of the frame: what models make is a multiple of it.
const FRAME_STEP: u32 = 8;
/// The largest number that is typed.
const MAX_COUNT: u32 = 9999;
/// Corners of an outline; more are not taken.
const MAX_POINTS: usize = 4096;

/// What can be done in the editor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the table of commands says what each does")]
pub enum Do {
    Move(i8, i8),
    Far(i8, i8),
    Half(i8),
    Pan(i8, i8),
    Put,
    Pen,
    Brush,
    Erase,
    Rectangle,
    Lasso,
    Close,
    Fill,
    Invert,
    Clear,
    Undo,
    Redo,
    Grow,
    Shrink,
    Feather,
    Frame,
    Narrower,
    Wider,
    ZoomIn,
    ZoomOut,
    Fit,
    Done,
}

impl Do {
    /// Whether it only goes somewhere.
    pub fn is_a_way(self) -> bool {
        matches!(self, Self::Move(..) | Self::Far(..) | Self::Half(_) | Self::Pan(..))
    }
}

impl Editor {
    /// Takes a key that is no command: a digit of a number.
    pub fn key(&mut self, key: &KeyEvent) {
        let digit = match key.code {
            KeyCode::Char(c) if keys::is_text(key) => c.to_digit(10),
            _ => None,
        };
        self.count = digit.map(|digit| (self.count.unwrap_or(0) * 10 + digit).min(MAX_COUNT));
    }

    /// Does a command.
    pub fn act(&mut self, act: Do, body: Rect, dots: Dots) -> Vec<Effect> {
        let count = self.count.take();
        let many = count.unwrap_or(1);
        let room = self.room(body, dots);
        let times = |by: i8, many: u32| i32::from(by) * many as i32;
        match act {
            Do::Move(x, y) if self.tool == Tool::Frame => return self.widen((x, y), many, true),
            Do::Far(x, y) if self.tool == Tool::Frame => return self.widen((x, y), many, false),
            Do::Move(x, y) => return self.walk((times(x, many), 2 * times(y, many)), body, dots),
            Do::Far(x, y) => {
                let by = (FAR * times(x, many), 2 * FAR * times(y, many));
                return self.walk(by, body, dots);
            }
            Do::Half(by) => return self.walk((0, times(by, many)), body, dots),
            Do::Pan(x, y) => self.zoom.pan((5 * times(x, many), 3 * times(y, many)), room),
            Do::ZoomIn => self.zoom_to_cursor(STEP, body, dots),
            Do::ZoomOut => self.zoom_to_cursor(1.0 / STEP, body, dots),
            Do::Fit => self.zoom = Default::default(),
            Do::Brush | Do::Erase => {
                self.take(Tool::Brush);
                self.is_eraser = act == Do::Erase;
            }
            Do::Rectangle => self.take(Tool::Rectangle),
            Do::Lasso => self.take(Tool::Lasso),
            Do::Frame if self.tool == Tool::Frame => self.take(Tool::Brush),
            Do::Frame => self.take(Tool::Frame),
            Do::Narrower => self.radius = count.unwrap_or(self.radius - self.radius.div_ceil(5)).min(MAX_RADIUS),
            Do::Wider => self.radius = count.unwrap_or(self.radius + (self.radius / 4).max(1)).min(MAX_RADIUS),
            Do::Put => return self.put(),
            Do::Pen => {
                self.take(Tool::Brush);
                self.is_pen_down = !self.is_pen_down;
                if self.is_pen_down {
                    return self.stroke(self.at, true);
                }
            }
            Do::Close => return self.close(),
            Do::Done => return self.done(),
            Do::Fill | Do::Invert | Do::Grow | Do::Shrink => return self.work(act, many),
            Do::Clear => return self.change(Change::Touch(Touch::Clear, true)),
            Do::Feather => {
                let next = if self.sheet.feather >= 16 {
                    0
                } else {
                    (2 * self.sheet.feather).max(2)
                };
                return self.change(Change::Feather(count.unwrap_or(next).min(MAX_FEATHER)));
            }
            Do::Undo | Do::Redo => {
                self.is_pen_down = false;
                return self.change(if act == Do::Undo { Change::Undo } else { Change::Redo });
            }
        }
        vec![]
    }

    fn work(&mut self, act: Do, many: u32) -> Vec<Effect> {
        let work = match act {
            Do::Fill => Work::Fill(self.at),
            Do::Grow => Work::Grow(many.min(MAX_GROWTH)),
            Do::Shrink => Work::Shrink(many.min(MAX_GROWTH)),
            _ => Work::Invert,
        };
        self.change(Change::Work(work, true))
    }

    /// Drops what is begun, one thing at a time; `false` where nothing is.
    pub(super) fn drop_begun(&mut self) -> bool {
        if self.count.take().is_some() || self.corner.take().is_some() {
            return true;
        }
        if !self.points.is_empty() {
            self.points.clear();
            return true;
        }
        let is_frame = self.tool == Tool::Frame;
        if is_frame {
            self.tool = Tool::Brush;
        }
        std::mem::take(&mut self.is_pen_down) || is_frame
    }

    fn take(&mut self, tool: Tool) {
        if tool != self.tool {
            self.corner = None;
            self.points.clear();
            self.is_pen_down = false;
        }
        self.tool = tool;
    }

    /// Makes it larger or smaller around the cursor.
    fn zoom_to_cursor(&mut self, factor: f64, body: Rect, dots: Dots) {
        let at = self.framed(self.at);
        let (column, half) = self.seen(body, dots).spot(at);
        let cell = (u16::try_from(column).ok()).zip(u16::try_from(half.div_euclid(2)).ok());
        let room = self.room(body, dots);
        self.zoom.by(factor, cell, room);
        self.zoom.reveal(at, room);
    }

    /// Moves the cursor by columns and halves of rows, at least by a pixel; the picture follows it.
    fn walk(&mut self, (columns, halves): (i32, i32), body: Rect, dots: Dots) -> Vec<Effect> {
        let room = self.room(body, dots);
        let before = self.at;
        let at = self.framed(before);
        let seen = self.seen(body, dots);
        let (column, half) = seen.spot(at);
        let (x, y) = seen.beyond(column.saturating_add(columns), half.saturating_add(halves));
        let along = |from: i32, by: i32, to: i32, most: u32| {
            let to = match by {
                0 => from,
                1.. => to.max(from + 1),
                _ => to.min(from - 1),
            };
            to.clamp(0, most as i32 - 1)
        };
        let to = (
            along(at.0, columns, x, room.size.0),
            along(at.1, halves, y, room.size.1),
        );
        self.at = self.unframed(to);
        self.zoom.reveal(to, room);
        match self.is_pen_down && self.at != before {
            true => self.stroke(before, false),
            false => vec![],
        }
    }

    /// The brush, from a pixel to the cursor.
    pub(super) fn stroke(&mut self, from: (i32, i32), is_step: bool) -> Vec<Effect> {
        let touch = Touch::Stroke(from, self.at, self.radius, !self.is_eraser);
        self.change(Change::Touch(touch, is_step))
    }

    /// A stamp, a corner or a point at the cursor.
    pub(super) fn put(&mut self) -> Vec<Effect> {
        match (self.tool, self.corner) {
            (Tool::Brush, _) => return self.stroke(self.at, true),
            (Tool::Rectangle, Some(corner)) => {
                self.corner = None;
                let touch = Touch::Rectangle(corner, self.at, !self.is_eraser);
                return self.change(Change::Touch(touch, true));
            }
            (Tool::Rectangle, None) => self.corner = Some(self.at),
            (Tool::Lasso, _) => self.add_point(),
            (Tool::Frame, _) => {}
        }
        vec![]
    }

    pub(super) fn add_point(&mut self) {
        if self.points.last() != Some(&self.at) && self.points.len() < MAX_POINTS {
            self.points.push(self.at);
        }
    }

    /// Closes the outline and fills it.
    pub(super) fn close(&mut self) -> Vec<Effect> {
        if self.points.is_empty() {
            return vec![];
        }
        let points: Points = std::mem::take(&mut self.points);
        self.change(Change::Work(Work::Lasso(points, !self.is_eraser), true))
    }

    /// Ends what is begun, or else the editor: the mask is saved.
    fn done(&mut self) -> Vec<Effect> {
        if !self.points.is_empty() {
            return self.close();
        }
        if self.corner.is_some() {
            return self.put();
        }
        if self.tool == Tool::Frame {
            self.tool = Tool::Brush;
            return vec![];
        }
        self.save(None)
    }

    /// Saves the mask; then that is done.
    pub(super) fn save(&mut self, then: Option<Act>) -> Vec<Effect> {
        self.then = then;
        match self.waiting.contains(&Change::Save) || self.busy == Some(super::Busy::Saving) {
            true => vec![],
            false => self.change(Change::Save),
        }
    }

    /// Moves a side of the frame out, or in.
    fn widen(&mut self, (x, y): (i8, i8), many: u32, is_out: bool) -> Vec<Effect> {
        let mut frame = self.sheet.frame;
        let Frame {
            left,
            top,
            right,
            bottom,
        } = &mut frame;
        let side = match (x, y) {
            (-1, _) => left,
            (1, _) => right,
            (_, -1) => top,
            _ => bottom,
        };
        // A number is pixels.
        let by = if many == 1 {
            FRAME_STEP
        } else {
            many.next_multiple_of(FRAME_STEP)
        };
        *side = if is_out { *side + by } else { side.saturating_sub(by) };
        let (width, height) = frame.around(self.sheet.bitmap.size());
        if frame == self.sheet.frame || width.max(height) > MAX_SIDE {
            return vec![];
        }
        self.change(Change::Frame(frame))
    }
}
