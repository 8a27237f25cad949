//! Gallery on the terminal: where its tiles lie, which pictures are in them, and the words around them. `mod` decides what is seen;
//! nothing here changes anything, and the bytes of pictures are `app::pictures`'.

use darkroom_protocol::history::EntryDetail;
use darkroom_protocol::text::escape_line;
use darkroom_protocol::time;
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::Gallery;
use crate::app::commands::Act;
use crate::app::pictures::{Key, Source};
use crate::app::state::{Scene, Screen};
use crate::app::widgets::{brief, draw_picture};
use crate::app::zoom::Dots;

/// A tile of the grid, in cells; with a line of words below each picture.
const TILE: (u16, u16) = (18, 9);
/// Columns of what is kept of a picture.
const WORDS: u16 = 56;
/// The side of the small pictures that the grid has, in pixels.
const SIDE: u32 = 256;

impl Gallery {
    /// The tiles that are seen, and which picture is in each.
    pub(super) fn tiles(&self, body: Rect) -> Vec<(usize, Rect)> {
        let (columns, rows) = grid(body);
        let wide = body.width / columns as u16;
        let tile = |nth: usize| {
            let (row, column) = (nth / columns - self.top, nth % columns);
            Rect {
                x: body.x + column as u16 * wide,
                y: body.y + 1 + row as u16 * TILE.1,
                width: wide,
                height: TILE.1,
            }
        };
        let first = self.top * columns;
        let last = (first + columns * rows).min(self.pictures.len());
        (first..last).map(|nth| (nth, tile(nth))).collect()
    }

    /// The pictures that are seen, and where.
    pub fn pictures(&self, body: Rect, dots: Dots) -> Vec<(Key, Rect)> {
        if self.is_full {
            return self.full_picture(body, dots).into_iter().collect();
        }
        let tiles = self.tiles(body).into_iter();
        tiles
            .filter_map(|(nth, tile)| Some((self.pictures.get(nth)?, tile)))
            .filter(|(entry, _)| !entry.missing)
            .map(|(entry, tile)| {
                let place = Rect {
                    width: tile.width.saturating_sub(2),
                    height: tile.height.saturating_sub(2),
                    x: tile.x + 1,
                    ..tile
                };
                let source = Source::Thumbnail {
                    sha256: entry.sha256.clone(),
                    side: SIDE,
                };
                let room = (place.width, place.height);
                (Key { source, room }, place)
            })
            .collect()
    }

    /// The place of a picture alone; beside it stands what is kept of it, where that is shown.
    pub(super) fn full(&self, body: Rect) -> Rect {
        let beside = if self.detail.is_some() {
            WORDS.min(body.width / 2)
        } else {
            0
        };
        Rect {
            x: body.x + beside,
            y: body.y + 1,
            width: body.width - beside,
            height: body.height.saturating_sub(2),
        }
    }

    /// Draws the screen.
    pub fn view(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        self.head(frame, area, scene);
        if self.pictures.is_empty() {
            self.empty(frame, area, scene);
            return;
        }
        let shown = self.pictures(area, scene.dots);
        for (key, place) in &shown {
            draw_picture(frame.buffer_mut(), *place, key, scene.pictures);
        }
        if self.is_full {
            self.below_full(frame, area, scene);
        } else {
            for (nth, tile) in self.tiles(area) {
                self.below(frame, nth, tile, scene);
            }
        }
        if let Some(detail) = &self.detail {
            beside(frame, area, detail, scene);
        }
    }

    fn head(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let theme = scene.theme;
        let total = self.total.map_or_else(|| "…".to_owned(), |total| total.to_string());
        let mut spans = vec![Span::styled(format!(" {total:>6}  "), theme.dim())];
        let text = self.search.text();
        match (self.is_typing, text.is_empty()) {
            (false, true) => spans.push(Span::styled("/ searches", theme.dim())),
            (typing, _) => {
                let width = usize::from(area.width).saturating_sub(40);
                let style = if typing { theme.accent() } else { theme.bright() };
                spans.push(Span::styled(format!("/{}", brief(&text, width)), style));
                if typing {
                    let column = (10 + self.search.column()).min(usize::from(area.width).saturating_sub(1));
                    frame.set_cursor_position(Position::new(area.x + column as u16, area.y));
                }
            }
        }
        if self.only_starred {
            spans.push(Span::styled(
                format!("   {} only", theme.sign("★", "*")),
                theme.accent(),
            ));
        }
        if !self.selected.is_empty() {
            spans.push(Span::styled(
                format!("   {} selected", self.selected.len()),
                theme.accent(),
            ));
        }
        let to_compare = self
            .to_compare
            .as_ref()
            .map(|entry| format!("#{} to compare", entry.id));
        let compared = self.compare.as_ref().map(|compare| compare.words(theme));
        for words in [compared, to_compare].into_iter().flatten() {
            spans.push(Span::styled(format!("   {words}"), theme.accent()));
        }
        let line = Rect { height: 1, ..area };
        frame.render_widget(Line::from(spans), line);
        if let Some(words) = self.where_seen(area, scene.dots) {
            frame.render_widget(Line::styled(format!("{words} "), theme.plain()).right_aligned(), line);
        }
    }

    fn empty(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let theme = scene.theme;
        let key = |act| scene.keys.named(act, theme.is_unicode);
        let (first, then) = match (self.is_asked, self.search.is_empty() && !self.only_starred) {
            (true, _) => ("…", String::new()),
            (false, true) => (
                "No picture yet.",
                format!(
                    "{} goes to Create, where {} makes one.",
                    key(Act::Go(Screen::Create)),
                    key(Act::Generate)
                ),
            ),
            (false, false) => ("No picture is like that.", format!("{} shows all.", key(Act::Back))),
        };
        let lines = vec![Line::styled(first, theme.plain()), Line::styled(then, theme.dim())];
        let place = Rect {
            y: area.y + area.height / 3,
            height: 2,
            ..area
        };
        frame.render_widget(Paragraph::new(lines).centered(), place);
    }

    /// The line below a small picture.
    fn below(&self, frame: &mut Frame<'_>, nth: usize, tile: Rect, scene: &Scene<'_>) {
        let Some(entry) = self.pictures.get(nth) else { return };
        let theme = scene.theme;
        let is_at = scene.has_focus && nth == self.at;
        let is_selected = self.selected.contains(&entry.id);
        let style = match (is_at, is_selected) {
            (true, _) => theme.selected(),
            (false, true) => theme.accent(),
            (false, false) => theme.dim(),
        };
        let mut signs = String::new();
        if is_selected {
            signs.push_str(theme.sign("▸", ">"));
        }
        if entry.starred {
            signs.push_str(theme.sign("★", "*"));
        }
        if entry.missing {
            signs.push_str(theme.sign("✗", "!"));
        }
        let width = usize::from(tile.width).saturating_sub(3);
        let text = brief(&format!("{signs}{}", entry.prompt), width);
        let place = Rect {
            x: tile.x + 1,
            y: tile.y + tile.height.saturating_sub(2),
            width: tile.width.saturating_sub(2),
            height: 1,
        };
        frame.render_widget(Line::styled(text, style), place);
        if entry.missing {
            let middle = Rect {
                y: tile.y + tile.height / 2 - 1,
                height: 1,
                ..tile
            };
            frame.render_widget(Line::styled("file is missing", theme.dim()).centered(), middle);
        }
    }

    fn below_full(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let compared = self.compare.as_ref().map(|compare| compare.seen());
        let Some(entry) = compared.or_else(|| self.here()) else {
            return;
        };
        let when = time::shown(time::of_millis(entry.created_ms));
        let star = if entry.starred {
            scene.theme.sign("★ ", "* ")
        } else {
            ""
        };
        let seed = entry.seed.map_or_else(String::new, |seed| format!("   seed {seed}"));
        let text = format!(
            "{star}#{}   {}×{}   {}{seed}   {}   {}",
            entry.id,
            entry.width,
            entry.height,
            entry.model,
            when.get(..16).unwrap_or_default().replace('T', " "),
            entry.prompt
        );
        let place = Rect {
            y: area.y + area.height.saturating_sub(1),
            height: 1,
            ..area
        };
        let line = Line::styled(
            brief(&text, usize::from(area.width).saturating_sub(2)),
            scene.theme.dim(),
        );
        frame.render_widget(line.centered(), place);
        if entry.missing {
            let middle = Rect {
                y: area.y + area.height / 2,
                height: 1,
                ..area
            };
            frame.render_widget(
                Line::styled(
                    "The file is missing: `darkroom history scan` looks for it.",
                    scene.theme.plain(),
                )
                .centered(),
                middle,
            );
        }
    }
}

/// Columns and rows of tiles that fit.
pub(super) fn grid(body: Rect) -> (usize, usize) {
    let columns = (body.width / TILE.0).clamp(1, 10);
    let rows = body.height.saturating_sub(1) / TILE.1;
    (usize::from(columns), usize::from(rows))
}

/// What is kept of a picture, beside it.
fn beside(frame: &mut Frame<'_>, area: Rect, detail: &EntryDetail, scene: &Scene<'_>) {
    let theme = scene.theme;
    let mut rows: Vec<(String, String)> = vec![("Prompt".to_owned(), detail.entry.prompt.clone())];
    rows.extend(
        detail
            .request
            .metadata()
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value)),
    );
    rows.push(("Tags".to_owned(), detail.entry.tags.join(", ")));
    rows.push(("Made with".to_owned(), detail.entry.writer.clone().unwrap_or_default()));
    rows.push(("File".to_owned(), detail.entry.path.clone()));
    rows.extend(detail.others.iter().cloned());
    rows.retain(|(_, value)| !value.is_empty());
    let place = Rect {
        y: area.y + 2,
        width: WORDS.min(area.width / 2).saturating_sub(2),
        height: area.height.saturating_sub(3),
        ..area
    };
    let mut lines = Vec::new();
    for (key, value) in &rows {
        let width = usize::from(place.width).saturating_sub(19);
        let mut head = format!(" {:<17} ", brief(key, 17));
        for part in wrapped(value, width).into_iter().take(6) {
            lines.push(Line::from(vec![
                Span::styled(std::mem::replace(&mut head, " ".repeat(19)), theme.dim()),
                Span::styled(part, theme.plain()),
            ]));
        }
    }
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines), place);
}

/// Text in lines of so many columns, made harmless.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for c in escape_line(&text.split_whitespace().collect::<Vec<_>>().join(" ")).chars() {
        let is_full = lines
            .last()
            .is_some_and(|line| line.width() + c.width().unwrap_or(0) > width.max(4));
        if is_full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push(c);
        }
    }
    lines
}
