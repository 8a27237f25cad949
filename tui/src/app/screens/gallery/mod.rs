//! Gallery: every picture, the newest first, as a grid of small pictures that is asked for a page at a time; one alone in full; what is
//! kept of it over that. A search line narrows the grid with the grammar that the command has.

use crossterm::event::{KeyEvent, MouseEventKind};
use darkroom_protocol::history::{Entry, EntryDetail, HistoryChange, What};
use darkroom_protocol::message::history::{Album, Look};
use ratatui::layout::{Position, Rect};

mod compare;
mod full;
mod grid;
mod view;

use compare::Compare;
use full::Grab;
use grid::Grid;

use crate::app::commands::Act;
use crate::app::given::Given;
use crate::app::msg::{Deed, Effect, For};
use crate::app::own::keys;
use crate::app::pictures::zoom::{Dots, Zoom};
use crate::app::widgets::{Ask, Asked, Input};

/// Pictures of a page.
const PAGE: u32 = 60;

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
    /// How large it is seen then, and whether the mouse holds it.
    zoom: Zoom,
    grab: Option<Grab>,
    /// The picture that the next one is to be compared with, and two that are compared.
    to_compare: Option<Entry>,
    compare: Option<Compare>,
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
        let Grid { columns, rows, .. } = self.grid(body);
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

    /// How a picture is now. One that came out of the trash is looked for in its place; where the trash is looked at, it leaves.
    pub fn refreshed(&mut self, entry: Entry, body: Rect) -> Vec<Effect> {
        let at = self.pictures.iter().position(|known| known.id == entry.id);
        let was_in_trash = at.is_some_and(|at| self.pictures[at].trashed_ms.is_some());
        match (at, entry.trashed_ms.is_some()) {
            (Some(at), is_in_trash) if is_in_trash != was_in_trash => drop(self.pictures.remove(at)),
            (Some(at), _) => self.pictures[at] = entry,
            (None, false) => return self.refresh(),
            (None, true) => {}
        }
        self.keep(body);
        vec![]
    }

    /// What is kept of a picture has come: the tiles make room for it.
    pub fn detail(&mut self, detail: EntryDetail, body: Rect) {
        self.detail = Some(Box::new(detail));
        self.keep(body);
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
    pub fn here(&self) -> Option<&Entry> {
        self.pictures.get(self.at)
    }

    /// Whether the picture at the cursor is in the trash.
    pub fn is_in_trash(&self) -> bool {
        self.here().is_some_and(|here| here.trashed_ms.is_some())
    }

    /// The pictures that a command is for: those that are selected, else the one at the cursor.
    fn meant(&self) -> Vec<u64> {
        match self.selected.is_empty() {
            true => self.here().map(|entry| entry.id).into_iter().collect(),
            false => self.selected.clone(),
        }
    }

    /// Does a command; `Err` with a question that is to be asked first.
    pub fn act(&mut self, act: Act, body: Rect, dots: Dots) -> Result<Vec<Effect>, Box<Ask>> {
        if let Some(looked) = self.looked(act, body, dots) {
            return Ok(looked);
        }
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
                self.zoom = Zoom::default();
                vec![]
            }
            Act::Back => {
                let effects = self.back();
                self.keep(body);
                effects
            }
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
            Act::Trash => match self.meant() {
                many if many.len() > 1 => {
                    let title = format!("Put {} pictures into the trash?", many.len());
                    return Err(Box::new(Ask::sure(
                        Deed::Trash(many, true),
                        &title,
                        "undo takes them back",
                    )));
                }
                one => self.put_away(one),
            },
            Act::Restore => {
                let back = self.meant();
                self.selected.clear();
                vec![Effect::Do(Deed::Trash(back, false))]
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
                self.keep(body);
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

    /// The picture that is selected, as a file for a parameter.
    pub fn given(&self) -> Option<Given> {
        let here = self.here()?;
        Some(Given::Picture {
            sha256: here.sha256.clone(),
            path: here.path.clone(),
            bytes: here.bytes,
        })
    }

    /// Puts pictures into the trash, and remembers which, so that they can be taken back.
    pub fn put_away(&mut self, pictures: Vec<u64>) -> Vec<Effect> {
        self.trashed = pictures;
        self.selected.clear();
        vec![Effect::Do(Deed::Trash(self.trashed.clone(), true))]
    }

    fn begin_search(&mut self) -> Vec<Effect> {
        self.is_typing = true;
        self.is_full = false;
        self.compare = None;
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
        if self.detail.take().is_some() || self.compare.take().is_some() {
        } else if self.is_full {
            self.is_full = false;
            self.zoom = Zoom::default();
        } else if self.to_compare.take().is_some() {
        } else if !self.selected.is_empty() {
            self.selected.clear();
        } else if !self.search.is_empty() {
            return self.reset();
        }
        vec![]
    }

    /// Goes where `act` says; `None` where it is no way to go.
    fn moved(&mut self, act: Act, body: Rect) -> Option<Vec<Effect>> {
        let Grid { columns, rows, .. } = self.grid(body);
        let line = if self.is_full { 1 } else { columns };
        let page = columns * rows.max(1);
        let size = |gallery: &Self| gallery.here().map(|entry| (entry.width, entry.height));
        let before = size(self);
        self.at = match act {
            Act::Left | Act::Before => self.at.saturating_sub(1),
            Act::Right | Act::Next => self.at + 1,
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
        // Pictures of one size are looked at in the same place, one after the other.
        if before != size(self) {
            self.zoom = Zoom::default();
        }
        Some(self.more(body))
    }

    fn keep(&mut self, body: Rect) {
        let Grid { columns, rows, .. } = self.grid(body);
        self.at = self.at.min(self.pictures.len().saturating_sub(1));
        let row = self.at / columns;
        self.top = self.top.min(row).max((row + 1).saturating_sub(rows.max(1)));
    }

    /// Takes what the mouse does. A click selects; on what is selected it opens.
    pub fn mouse(&mut self, kind: MouseEventKind, at: (u16, u16), body: Rect, dots: Dots) -> Vec<Effect> {
        if self.is_full {
            self.mouse_on_full(kind, at, body, dots);
            return vec![];
        }
        match kind {
            MouseEventKind::ScrollUp => self.moved(Act::Up, body).unwrap_or_default(),
            MouseEventKind::ScrollDown => self.moved(Act::Down, body).unwrap_or_default(),
            MouseEventKind::Down(_) => {
                self.click(at, body);
                vec![]
            }
            _ => vec![],
        }
    }

    fn click(&mut self, at: (u16, u16), body: Rect) {
        let hit = self
            .tiles(body)
            .into_iter()
            .find(|(_, tile)| tile.contains(Position::from(at)));
        if let Some((nth, _)) = hit {
            self.is_full = nth == self.at;
            self.at = nth;
        }
    }
}
