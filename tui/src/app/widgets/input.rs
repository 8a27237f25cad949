//! One line that is typed: characters, the cursor, and the keys that every shell has for them.

use crossterm::event::{KeyCode, KeyEvent};
use unicode_width::UnicodeWidthChar as _;

use crate::app::clusters;
use crate::app::own::keys::is_text;

/// The longest line that is typed, in characters.
const MOST: usize = 4096;

/// A line in the making.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Input {
    text: Vec<char>,
    at: usize,
}

impl Input {
    /// With a text, the cursor behind it.
    pub fn of(text: &str) -> Self {
        let text: Vec<char> = text.chars().take(MOST).collect();
        Self { at: text.len(), text }
    }

    /// What was typed.
    pub fn text(&self) -> String {
        self.text.iter().collect()
    }

    /// Whether nothing was.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The column of the cursor.
    pub fn column(&self) -> usize {
        self.text[..self.at].iter().map(|c| c.width().unwrap_or(0)).sum()
    }

    /// Puts text at the cursor. A line's end is a space here.
    pub fn insert(&mut self, text: &str) {
        for c in text.chars() {
            let c = if c.is_control() { ' ' } else { c };
            if self.text.len() < MOST {
                self.text.insert(self.at, c);
                self.at += 1;
            }
        }
    }

    /// Takes a key: whether it was one of a line's.
    pub fn key(&mut self, key: &KeyEvent, name: &str) -> bool {
        match (key.code, name) {
            (KeyCode::Char(c), _) if is_text(key) => self.insert(&c.to_string()),
            (_, "backspace" | "ctrl-h") if self.at > 0 => {
                let begin = self.at - clusters::before(&self.text(), self.at);
                self.text.drain(begin..self.at);
                self.at = begin;
            }
            (_, "delete" | "ctrl-d") if self.at < self.text.len() => {
                let end = self.at + clusters::after(&self.text(), self.at);
                self.text.drain(self.at..end);
            }
            (_, "left" | "ctrl-b") => self.at -= clusters::before(&self.text(), self.at),
            (_, "right" | "ctrl-f") => self.at += clusters::after(&self.text(), self.at),
            (_, "home" | "ctrl-a") => self.at = 0,
            (_, "end" | "ctrl-e") => self.at = self.text.len(),
            (_, "ctrl-u") => {
                self.text.drain(..self.at);
                self.at = 0;
            }
            (_, "ctrl-k") => self.text.truncate(self.at),
            (_, "ctrl-w") => {
                let before = self.text[..self.at]
                    .iter()
                    .rposition(|c| !c.is_whitespace())
                    .unwrap_or(0);
                let begin = self.text[..before]
                    .iter()
                    .rposition(|c| c.is_whitespace())
                    .map_or(0, |at| at + 1);
                self.text.drain(begin..self.at);
                self.at = begin;
            }
            _ => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::own::keys;
    use crossterm::event::KeyModifiers;

    fn typed(input: &mut Input, names: &[(KeyCode, KeyModifiers)]) {
        for (code, held) in names {
            let key = KeyEvent::new(*code, *held);
            input.key(&key, &keys::name(&key).unwrap());
        }
    }

    #[test]
    fn a_line_is_edited_as_in_a_shell() {
        let mut input = Input::of("a red fox");
        typed(&mut input, &[(KeyCode::Char('w'), KeyModifiers::CONTROL)]);
        assert_eq!(input.text(), "a red ");
        input.insert("夜\n");
        assert_eq!((input.text().as_str(), input.column()), ("a red 夜 ", 9));
        typed(
            &mut input,
            &[
                (KeyCode::Home, KeyModifiers::NONE),
                (KeyCode::Delete, KeyModifiers::NONE),
                (KeyCode::Char('x'), KeyModifiers::NONE),
            ],
        );
        assert_eq!(input.text(), "x red 夜 ");
        typed(
            &mut input,
            &[
                (KeyCode::Char('k'), KeyModifiers::CONTROL),
                (KeyCode::Backspace, KeyModifiers::NONE),
            ],
        );
        assert!(input.is_empty());
        let mut input = Input::of("קֶ👩‍🚀");
        let plain = |code| [(code, KeyModifiers::NONE)];
        typed(&mut input, &plain(KeyCode::Left));
        typed(&mut input, &plain(KeyCode::Backspace));
        assert_eq!(input.text(), "👩‍🚀");
        typed(&mut input, &plain(KeyCode::Right));
        typed(&mut input, &plain(KeyCode::Backspace));
        assert!(input.is_empty());
        assert!(!input.key(&KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE), "enter"));
    }
}
