//! The form on the terminal: fields in one column or two, what is typed or chosen bright and defaults dim, below them what the field at
//! the cursor does or what was wrong with what was typed. Draws; `form.rs` has the values.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use super::fields::{self, Field};
use super::form::Form;
use super::size;
use crate::app::commands::Act;
use crate::app::state::Scene;
use crate::app::widgets::{brief, words_in};

/// Columns of the mark that left and right change a value.
const MARK: usize = 5;

impl Form {
    /// Draws it; `has_keys` where what is typed goes into it.
    pub fn view(&self, frame: &mut Frame<'_>, area: Rect, has_keys: bool, scene: &Scene<'_>) {
        let theme = scene.theme;
        let all = self.fields(scene.world);
        let lines = fields::lines(&all, area.width);
        let half = fields::half(area.width);
        let seen = usize::from(area.height).saturating_sub(1);
        let top = self.top(&lines, area.height.into());
        let names = half.map_or((fields::NAMES.0, 0), |_| fields::NAMES);
        for (line, y) in lines.iter().skip(top).take(seen).zip(area.y..) {
            let whole = Rect { y, height: 1, ..area };
            let (left, right) = match half.filter(|_| line.is_pair) {
                Some(half) => {
                    let left = Rect { width: half, ..whole };
                    let x = area.x + half;
                    let width = area.width - half;
                    (left, Some(Rect { x, width, ..whole }))
                }
                None => (whole, None),
            };
            let places = [(line.first, Some(left), names.0), (line.first + 1, right, names.1)];
            for (nth, place, name) in places {
                if let (Some(place), Some(field)) = (place, all.get(nth)) {
                    let spans = self.spans(*field, has_keys && nth == self.at(), (name, place.width), scene);
                    frame.render_widget(Line::from(spans), place);
                }
            }
        }
        let hidden = self.hidden(scene.world);
        let tells_hidden = hidden > 0 && lines.len() + 1 < seen;
        if tells_hidden {
            let key = scene.keys.named(Act::MoreParameters, theme.is_unicode);
            let name = names.0;
            let line = Line::styled(format!(" {:<name$}{key}", format!("{hidden} more")), theme.dim());
            let y = area.y + lines.len() as u16;
            frame.render_widget(line, Rect { y, height: 1, ..area });
        }
        let help = all.get(self.at()).filter(|_| has_keys).map(|field| field.help());
        let (text, style) = match (self.typing().1, help) {
            (Some(problem), _) => (problem, theme.accent()),
            (None, help) => (help.unwrap_or_default(), theme.dim()),
        };
        // As many rows as it needs, where the fields leave them.
        let used = lines.len().saturating_sub(top).min(seen) + usize::from(tells_hidden);
        let width = usize::from(area.width).saturating_sub(2);
        let mut rows = words_in(text, width);
        if rows.len() > usize::from(area.height).saturating_sub(used + 1) {
            rows = vec![brief(text, width)];
        }
        let first = area.bottom().saturating_sub(rows.len() as u16).max(area.y);
        for (text, y) in rows.into_iter().zip(first..area.bottom()) {
            frame.render_widget(Line::styled(format!(" {text}"), style), Rect { y, height: 1, ..area });
        }
    }

    /// A field: its name on so many columns, its value, and how that may be changed.
    fn spans(&self, field: Field, is_at: bool, (name, width): (usize, u16), scene: &Scene<'_>) -> Vec<Span<'static>> {
        let theme = scene.theme;
        let room = usize::from(width).saturating_sub(name + 2);
        let (value, is_set) = self.shown(field, scene.world);
        let typed = self.typing().0.filter(|_| is_at);
        let value = match typed {
            Some(input) => end(&format!("{}{}", input.text(), theme.sign("▏", "_")), room),
            None => brief(&value, room),
        };
        let style = match (is_at, is_set) {
            (true, _) => theme.selected(),
            (false, true) => theme.bright(),
            (false, false) => theme.dim(),
        };
        let name_style = if is_at { theme.accent() } else { theme.plain() };
        let label = brief(&field.label(), name.saturating_sub(1));
        let mut left = room.saturating_sub(value.width());
        let mut spans = vec![
            Span::styled(format!(" {label:<name$}"), name_style),
            Span::styled(value, style),
        ];
        if typed.is_some() {
            return spans;
        }
        if let Field::Size = field {
            let shapes = self.shapes(left, scene);
            left -= shapes.iter().map(Span::width).sum::<usize>();
            spans.extend(shapes);
        }
        if is_at && field.is_movable() && left >= MARK {
            spans.push(Span::styled(theme.sign("  ◂ ▸", "  < >"), theme.dim()));
        }
        spans
    }

    /// The shapes that a size may have, the one that it has marked; only that one where there is little room.
    fn shapes(&self, room: usize, scene: &Scene<'_>) -> Vec<Span<'static>> {
        let Some((card, sides)) = scene.world.card.as_ref().zip(self.sides(scene.world)) else {
            return vec![];
        };
        let theme = scene.theme;
        let at = size::shape_of(sides, card);
        let one = |nth: usize| {
            let (across, down) = size::SHAPES[nth];
            let (sign, style): (_, Style) = match at == Some(nth) {
                true => (theme.sign("▸", ">"), theme.bright()),
                false => (" ", theme.dim()),
            };
            Span::styled(format!(" {sign}{across}:{down}"), style)
        };
        let all: Vec<Span<'static>> = (0..size::SHAPES.len()).map(one).collect();
        let wide = |spans: &[Span<'_>]| spans.iter().map(Span::width).sum::<usize>();
        let least: Vec<Span<'static>> = at.map(one).into_iter().collect();
        [all, least]
            .into_iter()
            .find(|spans| wide(spans) <= room)
            .unwrap_or_default()
    }
}

/// The end of a text that is being typed, where all of it has no room.
fn end(text: &str, room: usize) -> String {
    let mut from = text.len();
    for (at, _) in text.char_indices().rev() {
        if text[at..].width() > room {
            break;
        }
        from = at;
    }
    brief(&text[from..], room)
}
