//! The command palette: commands of the screen, found by a part of their names or of what they do, the likeliest first.

use crossterm::event::KeyEvent;
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph};

use super::{Cursor, Input, brief, middle};
use crate::app::commands::{Act, Command, of_screen};
use crate::app::state::{Scene, Screen};

/// Rows that are seen.
const SEEN: usize = 12;

/// The palette, as it is open.
#[derive(Clone, Debug)]
pub struct Palette {
    screen: Screen,
    input: Input,
    cursor: Cursor,
}

impl Palette {
    /// The commands of a screen.
    pub fn new(screen: Screen) -> Self {
        Self {
            screen,
            input: Input::default(),
            cursor: Cursor::default(),
        }
    }

    /// Text was pasted.
    pub fn insert(&mut self, text: &str) {
        self.input.insert(text);
        self.cursor = Cursor::default();
    }

    /// Takes a key: `None` while it is open, then the command that was chosen, or none.
    #[allow(clippy::option_option, reason = "still open, closed without a choice, chosen")]
    pub fn key(&mut self, key: &KeyEvent, name: &str) -> Option<Option<Act>> {
        match name {
            "enter" => return Some(self.found().get(self.cursor.at).map(|command| command.act)),
            "ctrl-p" => return Some(None),
            _ if self.cursor.key(name, self.found().len(), SEEN) => {}
            _ => {
                self.input.key(key, name);
                self.cursor = Cursor::default();
            }
        }
        None
    }

    fn found(&self) -> Vec<&'static Command> {
        let mut matcher = Matcher::new(Config::DEFAULT);
        let pattern = Pattern::parse(&self.input.text(), CaseMatching::Ignore, Normalization::Smart);
        let mut scored: Vec<(u32, &Command)> = of_screen(self.screen)
            .filter(|command| !command.act.is_a_way())
            .filter_map(|command| {
                let mut score = |text: &str| {
                    let mut buffer = Vec::new();
                    pattern.score(Utf32Str::new(text, &mut buffer), &mut matcher)
                };
                let by_name = score(command.name).map(|score| 2 * score);
                by_name.or_else(|| score(command.about)).map(|score| (score, command))
            })
            .collect();
        scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        scored.into_iter().map(|(_, command)| command).collect()
    }

    /// Where it lies in `area`.
    pub fn place(&self, area: Rect) -> Rect {
        let rows = self.found().len().clamp(1, SEEN) as u16;
        middle(area, 100.min(area.width.saturating_sub(4)), 3 + rows)
    }

    /// Draws it.
    pub fn view(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let theme = scene.theme;
        let found = self.found();
        let area = self.place(area);
        frame.render_widget(Clear, area);
        let block = Block::bordered().border_style(theme.dim()).title(" Command ");
        let inner = block.inner(area);
        frame.render_widget(block, area);
        let typed = brief(&self.input.text(), usize::from(inner.width).saturating_sub(1));
        frame.render_widget(Paragraph::new(typed), Rect { height: 1, ..inner });
        let column = (self.input.column() as u16).min(inner.width.saturating_sub(1));
        frame.set_cursor_position(Position::new(inner.x + column, inner.y));
        for (row, command) in found.iter().enumerate().skip(self.cursor.top).take(SEEN) {
            let is_at = row == self.cursor.at;
            let style = if is_at { theme.selected() } else { theme.bright() };
            let key = scene.keys.shown(command, theme.is_unicode);
            let width = usize::from(inner.width).saturating_sub(18 + 10);
            let line = Line::from(vec![
                Span::styled(format!("{:<17} ", command.name), style),
                Span::styled(format!("{key:<9} "), theme.plain()),
                Span::styled(brief(command.about, width), theme.dim()),
            ]);
            let y = inner.y + 1 + (row - self.cursor.top) as u16;
            frame.render_widget(line, Rect { y, height: 1, ..inner });
        }
    }
}
