//! A question over the screen: a line to type, or one of a few words, which typing narrows. Enter answers, Esc leaves.

use crossterm::event::KeyEvent;
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Paragraph};

use super::{Cursor, Input, brief, middle};
use crate::app::commands::Act;
use crate::app::theme::Theme;

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Tags for these pictures.
    Tags(Vec<u64>),
    /// The value of that parameter.
    Choice(String),
    /// Whether changes of a mask go, and what is done then.
    LeaveMask(Option<Act>),
}

/// A question.
#[derive(Clone, Debug)]
pub struct Ask {
    asked: Asked,
    title: String,
    input: Input,
    /// The words that can be chosen; any text where there are none.
    words: Vec<String>,
    cursor: Cursor,
}

/// Rows of words that are seen.
const SEEN: usize = 10;

impl Ask {
    /// Any text is an answer.
    pub fn line(asked: Asked, title: &str) -> Self {
        Self::choice(asked, title, vec![])
    }

    /// One of these is.
    pub fn choice(asked: Asked, title: &str, words: Vec<String>) -> Self {
        Self {
            asked,
            title: title.to_owned(),
            input: Input::default(),
            words,
            cursor: Cursor::default(),
        }
    }

    /// Text was pasted.
    pub fn insert(&mut self, text: &str) {
        self.input.insert(text);
        self.cursor = Cursor::default();
    }

    /// Takes a key: `None` while the question stands, then the answer, or nothing.
    #[allow(clippy::option_option, reason = "still open, closed without an answer, answered")]
    pub fn key(&mut self, key: &KeyEvent, name: &str) -> Option<Option<(Asked, String)>> {
        match name {
            "enter" => {
                let text = match self.words.is_empty() {
                    true => Some(self.input.text()),
                    false => self.narrowed().get(self.cursor.at).map(|word| (*word).clone()),
                };
                return Some(text.map(|text| (self.asked.clone(), text)));
            }
            _ if self.cursor.key(name, self.narrowed().len(), SEEN) => {}
            _ => {
                self.input.key(key, name);
                self.cursor = Cursor::default();
            }
        }
        None
    }

    fn narrowed(&self) -> Vec<&String> {
        let wanted = self.input.text().to_lowercase();
        self.words
            .iter()
            .filter(|word| word.to_lowercase().contains(&wanted))
            .collect()
    }

    /// Draws it.
    pub fn view(&self, frame: &mut Frame<'_>, area: Rect, theme: Theme) {
        let words = self.narrowed();
        let rows = if self.words.is_empty() {
            0
        } else {
            words.len().clamp(1, SEEN) as u16
        };
        let area = middle(area, 56, 3 + rows);
        frame.render_widget(Clear, area);
        let block = Block::bordered()
            .border_style(theme.dim())
            .title(format!(" {} ", self.title));
        let inner = block.inner(area);
        frame.render_widget(block, area);
        let typed = brief(&self.input.text(), usize::from(inner.width).saturating_sub(1));
        frame.render_widget(Paragraph::new(typed), Rect { height: 1, ..inner });
        let column = (self.input.column() as u16).min(inner.width.saturating_sub(1));
        frame.set_cursor_position(Position::new(inner.x + column, inner.y));
        for (row, word) in words.iter().enumerate().skip(self.cursor.top).take(SEEN) {
            let style = if row == self.cursor.at {
                theme.selected()
            } else {
                theme.plain()
            };
            let y = inner.y + 1 + (row - self.cursor.top) as u16;
            let line = Line::styled(brief(word, usize::from(inner.width)), style);
            frame.render_widget(line, Rect { y, height: 1, ..inner });
        }
    }
}
