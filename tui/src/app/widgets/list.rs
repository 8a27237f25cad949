//! The place in a list: which row is selected, and from which row on it is shown.

use crate::app::commands::Act;

/// A place in a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The row that is selected.
    pub at: usize,
    /// The first row that is shown.
    pub top: usize,
}

impl Cursor {
    /// Goes where `act` says, in a list of so many rows of which so many are seen: whether it is a way to go.
    pub fn go(&mut self, act: Act, rows: usize, seen: usize) -> bool {
        let last = rows.saturating_sub(1);
        let page = seen.saturating_sub(1).max(1);
        self.at = match act {
            Act::Up => self.at.saturating_sub(1),
            Act::Down => self.at + 1,
            Act::PageUp => self.at.saturating_sub(page),
            Act::PageDown => self.at + page,
            Act::First => 0,
            Act::Last => last,
            _ => return false,
        };
        self.keep(rows, seen);
        true
    }

    /// Goes where a key of a list below a line of text goes, by its name: whether it is one. `home` and `end` are the line's.
    pub fn key(&mut self, name: &str, rows: usize, seen: usize) -> bool {
        let act = match name {
            "up" => Act::Up,
            "down" => Act::Down,
            "pageup" => Act::PageUp,
            "pagedown" => Act::PageDown,
            _ => return false,
        };
        self.go(act, rows, seen)
    }

    /// Stays within a list of so many rows, and in sight.
    pub fn keep(&mut self, rows: usize, seen: usize) {
        self.at = self.at.min(rows.saturating_sub(1));
        let seen = seen.max(1);
        self.top = self.top.min(self.at).max((self.at + 1).saturating_sub(seen));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_in_the_list_and_in_sight() {
        let mut cursor = Cursor::default();
        assert!(cursor.go(Act::Last, 10, 4));
        assert_eq!((cursor.at, cursor.top), (9, 6));
        cursor.go(Act::PageUp, 10, 4);
        assert_eq!((cursor.at, cursor.top), (6, 6));
        cursor.go(Act::Up, 10, 4);
        assert_eq!((cursor.at, cursor.top), (5, 5));
        cursor.keep(2, 4);
        assert_eq!(cursor.at, 1);
        cursor.go(Act::Down, 0, 4);
        assert_eq!(cursor.at, 0);
        assert!(!cursor.go(Act::Cancel, 1, 1));
    }

    #[test]
    fn keys_go_through_a_list_and_leave_the_line_its_own() {
        let mut cursor = Cursor::default();
        let mut after = |name: &str| (cursor.key(name, 30, 10), cursor.at, cursor.top);
        assert_eq!(after("down"), (true, 1, 0));
        assert_eq!(after("pagedown"), (true, 10, 1));
        assert_eq!(after("pagedown"), (true, 19, 10));
        assert_eq!(after("up"), (true, 18, 10));
        assert_eq!(after("pageup"), (true, 9, 9));
        assert_eq!(after("end"), (false, 9, 9));
    }
}
