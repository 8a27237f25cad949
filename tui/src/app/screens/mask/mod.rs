//! The mask editor: the cursor, the tool in hand and what has been painted with it, for one picture. Commands are done in `act.rs`, the
//! mouse in `mouse.rs`, opening and leaving in `door.rs`; the pixels are `app::mask`'s. What takes long is an effect, and what is done
//! meanwhile waits for it, in order.

use std::collections::VecDeque;
use std::path::PathBuf;

use darkroom_protocol::history::Entry;
use ratatui::layout::Rect;

mod act;
mod door;
mod mouse;
mod view;

#[cfg(test)]
mod tests;

pub use act::Do;
pub use door::{answered, leave, may_leave, on_screen, open, told};

use crate::app::commands::Act;
use crate::app::mask::task::{Target, Task};
use crate::app::mask::{Past, Points, Sheet, Touch, Work};
use crate::app::msg::Effect;
use crate::app::pictures::cut::{Canvas, Cut, File, Frame, Marks, Of, Tint};
use crate::app::pictures::zoom::{Dots, Room, Seen, Zoom};
use crate::app::pictures::{Key, Source};

/// Changes that wait; more are not taken.
const WAITING: usize = 4096;

/// What the editor is opened for.
#[derive(Clone, Debug, PartialEq)]
pub struct Opening {
    /// The picture.
    pub picture: Entry,
    /// Where its mask goes; `None` for the usual place.
    pub output: Option<PathBuf>,
    /// Whether the client was started for this alone, and ends with it.
    pub is_alone: bool,
}

/// What the hand holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tool {
    #[default]
    Brush,
    Rectangle,
    Lasso,
    /// The space around the picture.
    Frame,
}

/// A change of the mask.
#[derive(Clone, Debug, PartialEq)]
enum Change {
    /// At once; whether a step of its own is undone with it.
    Touch(Touch, bool),
    /// Beside the keys; whether a step of its own is undone with it.
    Work(Work, bool),
    Feather(u32),
    Frame(Frame),
    Undo,
    Redo,
    Save,
}

/// What is done beside the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Busy {
    Loading,
    Working,
    Saving,
}

/// What the mouse holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    /// The tool, pressed down at that pixel last; whether it has moved.
    Tool((i32, i32), bool),
    /// The picture, at that cell.
    Picture((u16, u16)),
}

/// The editor.
#[derive(Debug)]
pub struct Editor {
    opening: Opening,
    sheet: Sheet,
    past: Past,
    /// The number of this moment of the mask, and of the one that its file has.
    version: u64,
    kept: u64,
    tool: Tool,
    is_eraser: bool,
    /// Of the brush, in pixels.
    radius: u32,
    /// The cursor, in pixels of the picture.
    at: (i32, i32),
    /// Whether moving the cursor paints.
    is_pen_down: bool,
    corner: Option<(i32, i32)>,
    points: Points,
    /// A number that was typed before a command.
    count: Option<u32>,
    zoom: Zoom,
    held: Option<Held>,
    busy: Option<Busy>,
    waiting: VecDeque<Change>,
    /// What is done once it is saved.
    then: Option<Act>,
}

impl Editor {
    /// An empty mask for a picture, whose file is asked for; its moments are counted from `version` on.
    fn new(opening: Opening, version: u64) -> Self {
        let size = (opening.picture.width, opening.picture.height);
        Self {
            sheet: Sheet::new(size),
            past: Past::default(),
            version,
            kept: version,
            tool: Tool::default(),
            is_eraser: false,
            radius: (size.0.max(size.1) / 40).clamp(1, 64),
            at: ((size.0 / 2) as i32, (size.1 / 2) as i32),
            is_pen_down: false,
            corner: None,
            points: Points::new(),
            count: None,
            zoom: Zoom::default(),
            held: None,
            busy: Some(Busy::Loading),
            waiting: VecDeque::new(),
            then: None,
            opening,
        }
    }

    /// The mask as it is.
    pub fn sheet(&self) -> &Sheet {
        &self.sheet
    }

    fn target(&self) -> Target {
        Target {
            sha256: self.opening.picture.sha256.clone(),
            size: self.sheet.bitmap.size(),
            output: self.opening.output.clone(),
        }
    }

    /// Whether something was painted that its file does not have.
    fn is_changed(&self) -> bool {
        self.version != self.kept || self.waiting.iter().any(|change| *change != Change::Save)
    }

    /// The room for the picture with its frame; the line below it says what is in hand.
    fn room(&self, body: Rect, dots: Dots) -> Room {
        Room {
            size: self.sheet.size(),
            area: Rect {
                height: body.height.saturating_sub(1),
                ..body
            },
            dots,
        }
    }

    fn seen(&self, body: Rect, dots: Dots) -> Seen {
        self.zoom.seen(self.room(body, dots))
    }

    /// A pixel of the picture, counted from the corner of the frame.
    fn framed(&self, (x, y): (i32, i32)) -> (i32, i32) {
        let frame = self.sheet.frame;
        (x + frame.left as i32, y + frame.top as i32)
    }

    fn unframed(&self, (x, y): (i32, i32)) -> (i32, i32) {
        let frame = self.sheet.frame;
        (x - frame.left as i32, y - frame.top as i32)
    }

    /// What shows where one paints.
    fn marks(&self) -> Marks {
        let corner = |x: i32, y: i32| self.framed((x, y));
        let outline = match (self.tool, self.corner) {
            (Tool::Rectangle, Some((x, y))) => {
                let (x2, y2) = self.at;
                vec![corner(x, y), corner(x2, y), corner(x2, y2), corner(x, y2), corner(x, y)]
            }
            (Tool::Lasso, _) if !self.points.is_empty() => {
                let points = self.points.iter().chain([&self.at]);
                points.map(|point| self.framed(*point)).collect()
            }
            _ => vec![],
        };
        let radius = if self.tool == Tool::Brush { self.radius } else { 0 };
        Marks {
            stamp: (self.framed(self.at), radius),
            outline,
        }
    }

    /// The picture, and where. In half blocks the mask is drawn over it cell by cell; elsewhere it is in it.
    pub fn pictures(&self, body: Rect, dots: Dots) -> Vec<(Key, Rect)> {
        let (seen, area) = (self.seen(body, dots), self.room(body, dots).area);
        let file = File::from(&self.opening.picture);
        let tint = || Tint {
            version: self.version,
            marks: self.marks(),
        };
        let source = if dots.are_halves() && self.sheet.frame.is_none() && seen.is_whole {
            Source::File {
                sha256: file.sha256,
                path: file.path,
                bytes: file.bytes,
            }
        } else {
            let canvas = Canvas {
                file,
                frame: self.sheet.frame,
                tint: (!dots.are_halves()).then(tint),
            };
            let part = seen.part;
            let of = Of::Canvas(canvas);
            Source::Cut(Box::new(Cut { part, of }))
        };
        let room = (area.width, area.height);
        vec![(Key { source, room }, area)]
    }

    /// Changes the mask now, or after what is being done.
    fn change(&mut self, change: Change) -> Vec<Effect> {
        if self.busy.is_some() {
            if self.waiting.len() < WAITING {
                self.waiting.push_back(change);
            }
            return vec![];
        }
        self.make(change)
    }

    fn make(&mut self, change: Change) -> Vec<Effect> {
        let change = match change {
            Change::Touch(touch, is_step) if touch.is_large() => Change::Work(Work::Touch(touch), is_step),
            change => change,
        };
        let is_step = !matches!(
            change,
            Change::Touch(_, false) | Change::Work(_, false) | Change::Undo | Change::Redo | Change::Save
        );
        if is_step {
            self.past.keep(&self.sheet);
        }
        let task = match change {
            Change::Touch(touch, _) => {
                touch.on(&mut self.sheet.bitmap);
                None
            }
            Change::Feather(sigma) => {
                self.sheet.feather = sigma;
                None
            }
            Change::Frame(frame) => {
                self.sheet.frame = frame;
                None
            }
            Change::Undo if !self.past.undo(&mut self.sheet) => return vec![],
            Change::Redo if !self.past.redo(&mut self.sheet) => return vec![],
            Change::Undo | Change::Redo => None,
            Change::Work(work, _) => {
                self.busy = Some(Busy::Working);
                return vec![effect(Task::Work(work, self.sheet.bitmap.clone()))];
            }
            Change::Save => {
                self.busy = Some(Busy::Saving);
                Some(Task::Save(self.target(), self.sheet.clone()))
            }
        };
        match task {
            Some(task) => vec![effect(task)],
            None => {
                self.version += 1;
                vec![]
            }
        }
    }

    /// What was done beside the keys is over: what waited is done.
    fn go_on(&mut self) -> Vec<Effect> {
        self.busy = None;
        let mut effects = Vec::new();
        while self.busy.is_none()
            && let Some(change) = self.waiting.pop_front()
        {
            effects.extend(self.make(change));
        }
        effects
    }
}

fn effect(task: Task) -> Effect {
    Effect::Mask(Box::new(task))
}
