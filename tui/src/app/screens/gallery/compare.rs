//! Two pictures at one place: a border between them that is moved, or one and the other in turn. The second is fitted into the first's
//! frame. Pure: where the border is in pixels, and which part of what is seen; `full.rs` has the zoom.

use darkroom_protocol::history::Entry;
use ratatui::layout::Rect;

use crate::app::commands::Act;
use crate::app::own::theme::Theme;
use crate::app::pictures::cut::{Cut, File, Of};
use crate::app::pictures::zoom::Seen;

/// Two pictures.
#[derive(Debug)]
pub struct Compare {
    first: Entry,
    second: Entry,
    shown: Shown,
    /// The border, in columns from the left of where they are seen.
    border: u16,
}

/// Which of them is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// The first left of the border, the second right of it.
    Both,
    First,
    Second,
}

impl Compare {
    /// Both, with the border at the left edge until it is put elsewhere.
    pub fn new(first: Entry, second: Entry) -> Self {
        Self {
            first,
            second,
            shown: Shown::Both,
            border: 0,
        }
    }

    /// The one that gives the frame.
    pub fn first(&self) -> &Entry {
        &self.first
    }

    /// The one that is seen, where that is one alone; else the first.
    pub fn seen(&self) -> &Entry {
        match self.shown {
            Shown::Both | Shown::First => &self.first,
            Shown::Second => &self.second,
        }
    }

    /// Puts the border into the middle.
    pub fn centre(&mut self, place: Rect) {
        self.border = place.width / 2;
    }

    /// Puts the border to a column of where they are seen.
    pub fn wipe_to(&mut self, column: i32, place: Rect) {
        self.shown = Shown::Both;
        self.border = column.clamp(0, place.width.into()) as u16;
    }

    /// Does what `act` means here: whether it means something.
    pub fn act(&mut self, act: Act, place: Rect) -> bool {
        let border = i32::from(self.border.min(place.width));
        match act {
            Act::Left | Act::Before => self.wipe_to(border - 1, place),
            Act::Right | Act::Next => self.wipe_to(border + 1, place),
            Act::First => self.wipe_to(0, place),
            Act::Last => self.wipe_to(place.width.into(), place),
            Act::Select => {
                self.shown = match self.shown {
                    Shown::First => Shown::Second,
                    Shown::Both | Shown::Second => Shown::First,
                }
            }
            _ => return false,
        }
        true
    }

    /// What is to be drawn where so much of the first is seen.
    pub fn cut(&self, seen: Seen) -> Cut {
        let border = match self.shown {
            Shown::First => self.first.width,
            Shown::Second => 0,
            Shown::Both => {
                let width = u32::from(seen.place.width.max(1));
                let column = u32::from(self.border).min(width);
                seen.part.x + column * seen.part.width / width
            }
        };
        let of = Of::Pair {
            first: File::from(&self.first),
            second: File::from(&self.second),
            border,
        };
        Cut { part: seen.part, of }
    }

    /// Which they are and what is seen, in words.
    pub fn words(&self, theme: Theme) -> String {
        let (first, second) = (self.first.id, self.second.id);
        let space = "Space shows";
        match self.shown {
            Shown::Both => format!("#{first} {} #{second}   {space} one alone", theme.sign("│", "|")),
            Shown::First => format!("#{first} alone   {space} #{second}"),
            Shown::Second => format!("#{second} alone   {space} #{first}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::pictures::zoom::Part;

    fn entry(id: u64, width: u32) -> Entry {
        Entry {
            id,
            width,
            height: 100,
            ..Entry::default()
        }
    }

    #[test]
    fn a_border_is_moved_and_each_is_seen_alone() {
        let place = Rect::new(10, 0, 40, 20);
        let part = Part {
            x: 100,
            y: 0,
            width: 80,
            height: 80,
        };
        let seen = Seen {
            part,
            place,
            is_whole: false,
        };
        let mut compare = Compare::new(entry(5, 200), entry(4, 50));
        let border = |compare: &Compare| match compare.cut(seen).of {
            Of::Pair { border, .. } => border,
            of => panic!("{of:?}"),
        };
        compare.centre(place);
        assert_eq!(border(&compare), 140);
        assert!(compare.act(Act::Left, place) && compare.act(Act::Left, place));
        assert_eq!(border(&compare), 136);
        assert!(compare.act(Act::Select, place));
        assert_eq!((border(&compare), compare.seen().id), (200, 5));
        assert!(compare.act(Act::Select, place));
        assert_eq!((border(&compare), compare.seen().id), (0, 4));
        assert!(compare.words(Theme::of(&|_| None, false)).starts_with("#4 alone"));
        compare.wipe_to(-7, place);
        assert_eq!(border(&compare), 100);
        compare.wipe_to(700, place);
        assert_eq!(border(&compare), 180);
        assert!(!compare.act(Act::Star, place));
        assert_eq!(
            compare.words(Theme::of(&|_| None, false)),
            "#5 | #4   Space shows one alone"
        );
    }
}
