//! Gallery: every picture, the newest first, as a grid of small pictures that is asked for a page at a time; one alone in full; what is
//! kept of it over that. A search line narrows the grid with the grammar that the command has.

use crossterm::event::KeyEvent;
use darkroom_protocol::history::{Entry, EntryDetail, HistoryChange, What};
use darkroom_protocol::message::history::{Album, Look};
use darkroom_protocol::text::escape_line;
use darkroom_protocol::time;
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::app::commands::Act;
use crate::app::keys;
use crate::app::msg::{Deed, Effect, For};
use crate::app::pictures::{Key, Source};
use crate::app::state::Scene;
use crate::app::widgets::{Ask, Asked, Input, brief, draw_picture};

/// A tile of the grid, in cells; with a line of words below each picture.
const TILE: (u16, u16) = (18, 9);
/// Pictures of a page.
const PAGE: u32 = 60;
/// Columns of what is kept of a picture.
const WORDS: u16 = 56;
/// The side of the small pictures that the grid has, in pixels.
const SIDE: u32 = 256;

/// The screen.
#[derive(Debug, Default)]
pub struct Gallery {
    pictures: Vec<Entry>,
    /// Where the next page begins; `None` when the list ends here.
    next: Option<String>,
    total: Option<u64>,
    /// The number of the search that counts: answers to others come too late.
    number: u64,
    /// Whether a page is on its way, and whether it is the first.
    is_asked: bool,
    is_first: bool,
    /// Whether the first page on its way is older than what has happened.
    is_stale: bool,
    at: usize,
    /// The first row of tiles that is seen.
    top: usize,
    selected: Vec<u64>,
    search: Input,
    is_typing: bool,
    only_starred: bool,
    /// Whether the picture is shown alone.
    is_full: bool,
    /// What is kept of it, where that is shown.
    detail: Option<Box<EntryDetail>>,
    /// What was put into the trash last.
    trashed: Vec<u64>,
}

impl Gallery {
    /// Whether keys type a search.
    pub fn is_typing(&self) -> bool {
        self.is_typing
    }

    /// Begins anew with the search as it is.
    pub fn begin(&mut self) -> Vec<Effect> {
        self.pictures.clear();
        self.selected.clear();
        (self.at, self.top) = (0, 0);
        self.is_asked = false;
        self.refresh()
    }

    /// Asks for the first page again; what is there stays until it comes. Where one is on its way it is asked for once more after that,
    /// however much happens meanwhile.
    fn refresh(&mut self) -> Vec<Effect> {
        self.is_stale = self.is_asked && self.is_first;
        if self.is_stale {
            return vec![];
        }
        self.number += 1;
        self.next = None;
        self.is_asked = true;
        self.is_first = true;
        vec![self.ask(None, true)]
    }

    fn ask(&self, before: Option<String>, count: bool) -> Effect {
        let mut query = self.search.text();
        if self.only_starred {
            query.push_str(" is:starred");
        }
        Effect::Page(
            self.number,
            Look {
                query,
                zone: std::env::var("TZ").ok().filter(|zone| !zone.is_empty()),
                before,
                limit: PAGE,
                count,
            },
        )
    }

    /// Asks for the next page where the end of what is there comes in sight.
    pub fn more(&mut self, body: Rect) -> Vec<Effect> {
        let (columns, rows) = grid(body);
        let seen_until = (self.top + 2 * rows) * columns;
        if self.is_asked || self.next.is_none() || seen_until < self.pictures.len() {
            return vec![];
        }
        self.is_asked = true;
        vec![self.ask(self.next.clone(), false)]
    }

    /// A page has come.
    pub fn page(&mut self, number: u64, album: Album, body: Rect) -> Vec<Effect> {
        if number != self.number {
            return vec![];
        }
        self.is_asked = false;
        self.total = album.total.or(self.total);
        // Who has not gone anywhere stays at the newest.
        let here = self
            .here()
            .map(|entry| entry.id)
            .filter(|_| self.at > 0 || self.is_full);
        if std::mem::take(&mut self.is_first) {
            let known = std::mem::replace(&mut self.pictures, album.pictures);
            // Older ones that were there already follow the first page; what is newer and not in it is gone.
            let last = self.pictures.last().map_or(0, |entry| entry.created_ms);
            if album.next.is_some() {
                self.pictures
                    .extend(known.into_iter().filter(|entry| entry.created_ms < last));
            }
        } else {
            self.pictures.extend(album.pictures);
        }
        self.next = album.next;
        self.at = here
            .and_then(|id| self.pictures.iter().position(|entry| entry.id == id))
            .unwrap_or(self.at);
        self.keep(body);
        match std::mem::take(&mut self.is_stale) {
            true => self.refresh(),
            false => self.more(body),
        }
    }

    /// Rows of history changed: new ones are at the beginning, of others each that is here is asked about.
    pub fn changed(&mut self, change: &HistoryChange, body: Rect) -> Vec<Effect> {
        match change.what {
            What::Removed => {
                self.pictures.retain(|entry| !change.pictures.contains(&entry.id));
                self.keep(body);
                vec![]
            }
            What::Added => self.refresh(),
            What::Changed if change.pictures.len() > 20 => self.refresh(),
            What::Changed => {
                let ids = change.pictures.iter().copied();
                ids.map(|id| Effect::Detail(id, For::Refresh)).collect()
            }
        }
    }

    /// How a picture is now. One that came out of the trash is looked for in its place.
    pub fn refreshed(&mut self, entry: Entry, body: Rect) -> Vec<Effect> {
        let at = self.pictures.iter().position(|known| known.id == entry.id);
        match (at, entry.trashed_ms.is_some()) {
            (Some(at), true) => drop(self.pictures.remove(at)),
            (Some(at), false) => self.pictures[at] = entry,
            (None, false) => return self.refresh(),
            (None, true) => {}
        }
        self.keep(body);
        vec![]
    }

    /// What is kept of a picture has come.
    pub fn detail(&mut self, detail: EntryDetail) {
        self.detail = Some(Box::new(detail));
    }

    /// Text was pasted.
    pub fn paste(&mut self, text: &str) -> Vec<Effect> {
        self.is_typing = true;
        self.search.insert(text);
        vec![]
    }

    /// Takes a key that is no command: of the search line.
    pub fn key(&mut self, key: &KeyEvent) -> Vec<Effect> {
        let Some(name) = keys::name(key).filter(|_| self.is_typing) else {
            return vec![];
        };
        match name.as_str() {
            "enter" => {
                self.is_typing = false;
                self.begin()
            }
            "esc" => {
                self.is_typing = false;
                self.search = Input::default();
                self.begin()
            }
            _ => {
                self.search.key(key, &name);
                vec![]
            }
        }
    }

    /// The picture that is selected.
    fn here(&self) -> Option<&Entry> {
        self.pictures.get(self.at)
    }

    /// The pictures that a command is for: those that are selected, else the one at the cursor.
    fn meant(&self) -> Vec<u64> {
        match self.selected.is_empty() {
            true => self.here().map(|entry| entry.id).into_iter().collect(),
            false => self.selected.clone(),
        }
    }

    /// Does a command; `Err` with a question that is to be asked first.
    pub fn act(&mut self, act: Act, body: Rect) -> Result<Vec<Effect>, Box<Ask>> {
        if let Some(moved) = self.moved(act, body) {
            return Ok(moved);
        }
        let Some(here) = self.here() else {
            return Ok(match act {
                Act::Search => self.begin_search(),
                Act::OnlyStarred => self.toggle_starred(),
                Act::Back if !self.search.is_empty() => self.reset(),
                Act::Undo => self.undo(),
                _ => vec![],
            });
        };
        let id = here.id;
        Ok(match act {
            Act::Open => {
                self.is_full = !self.is_full;
                vec![]
            }
            Act::Back => self.back(),
            Act::Search => self.begin_search(),
            Act::OnlyStarred => self.toggle_starred(),
            Act::Select => {
                match self.selected.iter().position(|known| *known == id) {
                    Some(at) => drop(self.selected.remove(at)),
                    None => self.selected.push(id),
                }
                self.moved(Act::Right, body).unwrap_or_default()
            }
            Act::Star => {
                let starred = !here.starred;
                vec![Effect::Do(Deed::Star(self.meant(), starred))]
            }
            Act::Trash => {
                self.trashed = self.meant();
                self.selected.clear();
                vec![Effect::Do(Deed::Trash(self.trashed.clone(), true))]
            }
            Act::Undo => self.undo(),
            Act::TagIt => {
                return Err(Box::new(Ask::line(
                    Asked::Tags(self.meant()),
                    "Tags, separated by commas",
                )));
            }
            Act::Parameters if self.detail.is_some() => {
                self.detail = None;
                vec![]
            }
            Act::Parameters => vec![Effect::Detail(id, For::Show)],
            Act::Reuse => vec![Effect::Detail(id, For::Reuse)],
            Act::Vary => vec![Effect::Detail(id, For::Vary)],
            Act::CopyCommand => vec![Effect::Detail(id, For::Command)],
            Act::CopyPath => vec![Effect::Copy(here.path.clone())],
            _ => vec![],
        })
    }

    fn begin_search(&mut self) -> Vec<Effect> {
        self.is_typing = true;
        self.is_full = false;
        vec![]
    }

    fn toggle_starred(&mut self) -> Vec<Effect> {
        self.only_starred = !self.only_starred;
        self.begin()
    }

    fn reset(&mut self) -> Vec<Effect> {
        self.search = Input::default();
        self.begin()
    }

    fn undo(&mut self) -> Vec<Effect> {
        let back = std::mem::take(&mut self.trashed);
        match back.is_empty() {
            true => vec![],
            false => vec![Effect::Do(Deed::Trash(back, false))],
        }
    }

    /// Closes what is open, one thing at a time.
    fn back(&mut self) -> Vec<Effect> {
        if self.detail.take().is_some() {
        } else if self.is_full {
            self.is_full = false;
        } else if !self.selected.is_empty() {
            self.selected.clear();
        } else if !self.search.is_empty() {
            return self.reset();
        }
        vec![]
    }

    /// Goes where `act` says; `None` where it is no way to go.
    fn moved(&mut self, act: Act, body: Rect) -> Option<Vec<Effect>> {
        let (columns, rows) = grid(body);
        let line = if self.is_full { 1 } else { columns };
        let page = columns * rows.max(1);
        self.at = match act {
            Act::Left => self.at.saturating_sub(1),
            Act::Right => self.at + 1,
            Act::Up => self.at.saturating_sub(line),
            Act::Down => self.at + line,
            Act::PageUp => self.at.saturating_sub(page),
            Act::PageDown => self.at + page,
            Act::First => 0,
            Act::Last => self.pictures.len(),
            _ => return None,
        };
        self.detail = None;
        self.keep(body);
        Some(self.more(body))
    }

    fn keep(&mut self, body: Rect) {
        let (columns, rows) = grid(body);
        self.at = self.at.min(self.pictures.len().saturating_sub(1));
        let row = self.at / columns;
        self.top = self.top.min(row).max((row + 1).saturating_sub(rows.max(1)));
    }

    /// A click selects; on what is selected it opens.
    pub fn click(&mut self, at: (u16, u16), body: Rect) {
        if self.is_full {
            self.is_full = false;
            return;
        }
        let hit = self
            .tiles(body)
            .into_iter()
            .find(|(_, tile)| tile.contains(Position::from(at)));
        if let Some((nth, _)) = hit {
            self.is_full = nth == self.at;
            self.at = nth;
        }
    }

    /// The tiles that are seen, and which picture is in each.
    fn tiles(&self, body: Rect) -> Vec<(usize, Rect)> {
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
    pub fn pictures(&self, body: Rect) -> Vec<(Key, Rect)> {
        if self.is_full {
            let place = self.full(body);
            let key = |entry: &Entry| Key {
                source: Source::File {
                    sha256: entry.sha256.clone(),
                    path: entry.path.clone(),
                    bytes: entry.bytes,
                },
                room: (place.width, place.height),
            };
            return self
                .here()
                .filter(|entry| !entry.missing)
                .map(|entry| (key(entry), place))
                .into_iter()
                .collect();
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
    fn full(&self, body: Rect) -> Rect {
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
        self.head(frame, Rect { height: 1, ..area }, scene);
        if self.pictures.is_empty() {
            self.empty(frame, area, scene);
            return;
        }
        let shown = self.pictures(area);
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
        frame.render_widget(Line::from(spans), area);
    }

    fn empty(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let theme = scene.theme;
        let (first, then) = match (self.is_asked, self.search.is_empty() && !self.only_starred) {
            (true, _) => ("…", ""),
            (false, true) => ("No picture yet.", "F1 goes to Create, where ^S makes one."),
            (false, false) => ("No picture is like that.", "Esc shows all."),
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
        let Some(entry) = self.here() else { return };
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
fn grid(body: Rect) -> (usize, usize) {
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
