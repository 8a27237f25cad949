//! The mouse in the mask editor: it is the cursor, pressed and drawn it paints, the wheel makes the picture larger around it, and with
//! another button the picture is moved. Cells are all that a terminal tells: what is meant is the upper half of one.

use crossterm::event::{MouseButton, MouseEventKind};
use ratatui::layout::{Position, Rect};

use super::{Editor, Held, Tool};
use crate::app::msg::Effect;
use crate::app::pictures::zoom::{Dots, STEP};

impl Editor {
    /// Takes what it does at a cell.
    pub fn mouse(&mut self, kind: MouseEventKind, at: (u16, u16), body: Rect, dots: Dots) -> Vec<Effect> {
        let room = self.room(body, dots);
        let seen = self.zoom.seen(room);
        let pixel = self.unframed(seen.pixel(at.0.into(), 2 * i32::from(at.1)));
        let is_on = seen.place.contains(Position::from(at));
        match kind {
            MouseEventKind::ScrollUp => self.zoom.by(STEP, Some(at), room),
            MouseEventKind::ScrollDown => self.zoom.by(1.0 / STEP, Some(at), room),
            MouseEventKind::Moved if is_on => self.at = pixel,
            MouseEventKind::Down(MouseButton::Left) if is_on => {
                self.at = pixel;
                self.held = Some(Held::Tool(pixel, false));
                return self.put();
            }
            MouseEventKind::Down(_) if is_on => self.held = Some(Held::Picture(at)),
            MouseEventKind::Drag(_) => return self.drag(pixel, at, body, dots),
            MouseEventKind::Up(_) => return self.let_go(),
            _ => {}
        }
        vec![]
    }

    fn drag(&mut self, pixel: (i32, i32), at: (u16, u16), body: Rect, dots: Dots) -> Vec<Effect> {
        match self.held {
            Some(Held::Picture(before)) => {
                self.held = Some(Held::Picture(at));
                let by = |before: u16, at: u16| i32::from(before) - i32::from(at);
                let room = self.room(body, dots);
                self.zoom.pan((by(before.0, at.0), by(before.1, at.1)), room);
            }
            Some(Held::Tool(before, _)) if before != pixel => {
                self.at = pixel;
                self.held = Some(Held::Tool(pixel, true));
                match self.tool {
                    Tool::Brush => return self.stroke(before, false),
                    Tool::Lasso => self.add_point(),
                    Tool::Rectangle | Tool::Frame => {}
                }
            }
            _ => {}
        }
        vec![]
    }

    /// What was drawn is ended; what was only clicked goes on: the next click is the other corner, or another point.
    fn let_go(&mut self) -> Vec<Effect> {
        match (self.held.take(), self.tool) {
            (Some(Held::Tool(_, true)), Tool::Rectangle) if self.corner.is_some() => self.put(),
            (Some(Held::Tool(_, true)), Tool::Lasso) => self.close(),
            _ => vec![],
        }
    }
}
