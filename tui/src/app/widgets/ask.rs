//! A question over the screen: a line to type, or one of a few words, which typing narrows. Enter answers, Esc leaves.

use crossterm::event::KeyEvent;
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Paragraph};
use unicode_width::UnicodeWidthStr as _;

use super::{Cursor, Input, brief, fuzzy, middle};
use crate::app::commands::Act;
use crate::app::given;
use crate::app::msg::Deed;
use crate::app::own::theme::Theme;

/// What was asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// Tags for these pictures.
    Tags(Vec<u64>),
    /// The value of that parameter.
    Choice(String),
    /// Whether that is to be done.
    Sure(Deed),
    /// How long that model stays in memory when nobody uses it.
    KeepAlive(String),
    /// A file for that parameter.
    File(String),
    /// A picture with which to begin in Create: its number behind the last `#`.
    Picture,
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
    /// Where a file is asked for: the folder whose entries the words are.
    folder: Option<String>,
}

const YES: &str = "Yes";
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
            folder: None,
        }
    }

    /// A file is asked for, beginning with a path; what its folder holds is [asked for](Self::wants_list).
    pub fn file(asked: Asked, title: &str, path: &str) -> Self {
        Self {
            input: Input::of(path),
            folder: Some("?".to_owned()),
            ..Self::line(asked, title)
        }
    }

    /// The folder that is to be listed, where that is another one than before.
    pub fn wants_list(&mut self) -> Option<String> {
        let text = self.input.text();
        let (folder, _) = given::split(&text);
        let known = self.folder.as_mut()?;
        if known == folder {
            return None;
        }
        folder.clone_into(known);
        self.words.clear();
        Some(folder.to_owned())
    }

    /// What a folder holds has come.
    pub fn listed(&mut self, folder: &str, entries: Vec<String>) {
        if self.folder.as_deref() == Some(folder) {
            self.words = entries;
            self.cursor = Cursor::default();
        }
    }

    /// Goes on with the entry at the cursor: whether it is a file.
    fn complete(&mut self) -> Option<bool> {
        let word = self.narrowed().get(self.cursor.at).map(|word| (*word).clone())?;
        let text = self.input.text();
        let (folder, _) = given::split(&text);
        self.input = Input::of(&format!("{folder}{word}"));
        self.cursor = Cursor::default();
        Some(!word.ends_with('/'))
    }

    /// Whether something is to be done that cannot be taken back: no, unless one goes to yes or types it. `what` is said beside yes.
    pub fn sure(deed: Deed, title: &str, what: &str) -> Self {
        Self::choice(
            Asked::Sure(deed),
            title,
            vec!["No".to_owned(), format!("{YES}, {what}")],
        )
    }

    /// Whether that answer is a yes.
    pub fn is_yes(answer: &str) -> bool {
        answer.starts_with(YES)
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
            "tab" if self.folder.is_some() => drop(self.complete()),
            // Into a folder; a file is the answer.
            "enter" if self.folder.is_some() => {
                if self.complete() != Some(false) {
                    return Some(Some((self.asked.clone(), self.input.text())));
                }
            }
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
        let typed = self.input.text();
        if self.folder.is_some() {
            return given::completed(&self.words, given::split(&typed).1);
        }
        match self.asked {
            // Nothing but its beginning is a yes.
            Asked::Sure(_) => {
                let typed = typed.to_lowercase();
                self.words
                    .iter()
                    .filter(|word| word.to_lowercase().starts_with(&typed))
                    .collect()
            }
            _ => fuzzy::found(&self.words, &typed),
        }
    }

    /// Where it lies in `area`.
    pub fn place(&self, area: Rect) -> Rect {
        let rows = if self.words.is_empty() && self.folder.is_none() {
            0
        } else {
            self.narrowed().len().clamp(1, SEEN) as u16
        };
        let is_wide = self.folder.is_some() || matches!(self.asked, Asked::Picture);
        let wide = if is_wide {
            90
        } else {
            (self.title.width() as u16 + 4).clamp(56, 76)
        };
        middle(area, wide, 3 + rows)
    }

    /// Draws it.
    pub fn view(&self, frame: &mut Frame<'_>, area: Rect, theme: Theme) {
        let words = self.narrowed();
        let area = self.place(area);
        frame.render_widget(Clear, area);
        let block = Block::bordered().border_style(theme.dim()).title(format!(
            " {} ",
            brief(&self.title, usize::from(area.width).saturating_sub(4))
        ));
        let inner = block.inner(area);
        frame.render_widget(block, area);
        let typed = brief(&self.input.text(), usize::from(inner.width).saturating_sub(1));
        frame.render_widget(Paragraph::new(typed), Rect { height: 1, ..inner });
        let column = (self.input.column() as u16).min(inner.width.saturating_sub(1));
        frame.set_cursor_position(Position::new(inner.x + column, inner.y));
        if words.is_empty() && self.folder.is_some() {
            let below = Rect {
                y: inner.y + 1,
                height: 1.min(inner.height.saturating_sub(1)),
                ..inner
            };
            frame.render_widget(
                Line::styled("No picture and no folder of that name.", theme.dim()),
                below,
            );
        }
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
