//! Gallery on the terminal: where its tiles lie, which pictures are in them, and the words around them. `mod` decides what is seen;
//! nothing here changes anything, and the bytes of pictures are `app::pictures`'.

use darkroom_protocol::history::EntryDetail;
use darkroom_protocol::time;
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};
use unicode_width::UnicodeWidthStr as _;

use super::Gallery;
use super::grid::{self, Around, Grid};
use crate::app::commands::Act;
use crate::app::pictures::zoom::Dots;
use crate::app::pictures::{Key, Source};
use crate::app::state::{Scene, Screen};
use crate::app::widgets::{brief, draw_picture, words_in};

/// Columns of what is kept of a picture.
const WORDS: u16 = 56;
/// The side of the small pictures that the grid has, in pixels.
const SIDE: u32 = 256;

impl Gallery {
    /// The tiles that are seen, and which picture is in each.
    pub(super) fn tiles(&self, body: Rect) -> Vec<(usize, Rect)> {
        let grid = self.grid(body);
        let first = self.top * grid.columns;
        let last = (first + grid.columns * grid.rows).min(self.pictures.len());
        let tile = |nth: usize| grid.tile(nth / grid.columns - self.top, nth % grid.columns);
        (first..last).map(|nth| (nth, tile(nth))).collect()
    }

    /// How the tiles lie: beside the words about a picture, where these are shown.
    pub(super) fn grid(&self, body: Rect) -> Grid {
        Grid::of(body).from(self.full(body).x, body)
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
                let place = grid::picture(tile);
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
            width: (body.width - beside).saturating_sub(u16::from(beside > 0)),
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
            let columns = self.grid(area).columns;
            for (nth, tile) in self.tiles(area) {
                self.around(frame, nth, tile, self.joined(nth, columns), scene);
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

    /// What surrounds a small picture: the first of a batch in a row has the words of all.
    fn around(&self, frame: &mut Frame<'_>, nth: usize, tile: Rect, joined: (bool, bool), scene: &Scene<'_>) {
        let Some(entry) = self.pictures.get(nth) else { return };
        let theme = scene.theme;
        let is_at = nth == self.at;
        let is_selected = self.selected.contains(&entry.id);
        let mut words = String::new();
        if is_selected {
            words.push_str(theme.sign("▸", ">"));
        }
        if entry.starred {
            words.push_str(theme.sign("★", "*"));
        }
        if entry.missing {
            words.push_str(theme.sign("✗", "!"));
        }
        if is_at || !joined.0 {
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(&entry.prompt);
        }
        let focus = if scene.has_focus { theme.accent() } else { theme.dim() };
        let around = Around {
            words: &words,
            style: match (is_at && scene.has_focus, is_selected) {
                (true, _) => theme.accent().patch(theme.bright()),
                (false, true) => theme.accent(),
                (false, false) => theme.dim(),
            },
            frame: is_at.then_some(focus),
            joined,
        };
        around.draw(frame.buffer_mut(), tile, theme);
        if entry.missing {
            let middle = Rect {
                y: tile.y + tile.height / 2 - 1,
                height: 1,
                ..tile
            };
            frame.render_widget(Line::styled("file is missing", theme.dim()).centered(), middle);
        }
    }

    /// Whether the picture before that one, and the one behind it, stand in its row and are of its batch.
    fn joined(&self, nth: usize, columns: usize) -> (bool, bool) {
        let job = |nth: usize| self.pictures.get(nth).and_then(|entry| entry.job);
        let are_one =
            |first: usize| !(first + 1).is_multiple_of(columns) && job(first).is_some() && job(first) == job(first + 1);
        (nth.checked_sub(1).is_some_and(are_one), are_one(nth))
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
        let when = when.get(..16).unwrap_or_default().replace('T', " ");
        let size = format!("{}×{}", entry.width, entry.height);
        let model = brief(&entry.model, 24);
        let seed = entry.seed.map(|seed| format!("seed {seed}"));
        let all = [
            Some(format!("{star}#{}", entry.id)),
            Some(size),
            seed,
            Some(model),
            Some(when),
        ];
        let mut known: Vec<String> = all.into_iter().flatten().collect();
        let width = usize::from(area.width).saturating_sub(2);
        let taken = |known: &[String]| known.iter().map(|part| part.width() + 3).sum::<usize>();
        // The prompt keeps a little room.
        let prompt_has = entry.prompt.width().min(20);
        while known.len() > 1 && taken(&known) + prompt_has > width {
            known.pop();
        }
        let prompt = brief(&entry.prompt, width.saturating_sub(taken(&known)));
        let known: String = known.into_iter().map(|part| part + "   ").collect();
        let place = Rect {
            y: area.y + area.height.saturating_sub(1),
            height: 1,
            ..area
        };
        let line = Line::from(vec![
            Span::styled(known, scene.theme.dim()),
            Span::styled(prompt, scene.theme.plain()),
        ]);
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
        for part in words_in(value, width).into_iter().take(6) {
            lines.push(Line::from(vec![
                Span::styled(std::mem::replace(&mut head, " ".repeat(19)), theme.dim()),
                Span::styled(part, theme.plain()),
            ]));
        }
    }
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines), place);
}
