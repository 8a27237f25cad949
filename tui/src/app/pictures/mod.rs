//! Pictures that are ready to be drawn, and those that are being made so. Kept by what they show and how large: a screen that is left
//! and come back to draws at once. The oldest go when there are many. Of what changes while one looks, such as a picture in the making or
//! a part that is moved, one is made at a time and the last one stays until the next is ready. Making them is an effect.

pub mod compose;
pub mod cut;
pub mod decoded;
pub mod doled;
pub mod over;
pub mod pacing;
pub mod sending;
pub mod zoom;

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use darkroom_protocol::Preview;
use ratatui::layout::Rect;

use crate::app::pictures::cut::Cut;
use crate::graphics::pane::Ready;

/// Pictures that are kept ready: a screen of thumbnails, and what was seen lately.
const MOST: usize = 200;
/// Small ones that are made at a time. The next is one that is wanted then: those of a page that was only passed are never asked for.
const MOST_ASKED: usize = 16;
/// Of parts, which are as large as the screen and seldom seen again, so many.
const MOST_CUTS: usize = 8;

/// A picture at a size.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// What it shows.
    pub source: Source,
    /// The room that it has, in cells.
    pub room: (u16, u16),
}

/// What a picture shows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The picture in the making, the nth that came.
    Preview(u64),
    /// A whole picture.
    File {
        /// What names it.
        sha256: String,
        /// Where the daemon has it.
        path: String,
        /// Its bytes.
        bytes: u64,
    },
    /// A small one of a picture.
    Thumbnail {
        /// What names it.
        sha256: String,
        /// Its longer side in pixels.
        side: u32,
    },
    /// A part of a picture, or of several that are put together.
    Cut(Box<Cut>),
}

impl Source {
    fn is_thumbnail(&self) -> bool {
        matches!(self, Self::Thumbnail { .. })
    }

    fn is_cut(&self) -> bool {
        matches!(self, Self::Cut(_))
    }

    /// Whether `other` may stand in its place until it is ready.
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Preview(_), Self::Preview(_)) => true,
            (Self::Cut(cut), Self::Cut(other)) => cut.of.file() == other.of.file(),
            (Self::Cut(cut), Self::File { sha256, .. }) => cut.of.file().sha256 == *sha256,
            _ => false,
        }
    }
}

impl Key {
    /// What tells it from others on the terminal. Every preview has one number, and so have all parts: a newer one takes the place of the
    /// last.
    pub fn number(&self) -> u32 {
        match self.source {
            Source::Preview(_) => return 1 + (std::process::id() & 0xffff),
            Source::Cut(_) => return 0x0002_0000 + (std::process::id() & 0xffff),
            _ => {}
        }
        let mut hash = DefaultHasher::new();
        self.hash(&mut hash);
        (hash.finish() as u32 & 0x7fff_ffff) | 0x0010_0000
    }
}

/// What is there of a picture.
#[derive(Clone, Debug)]
pub enum Slot {
    /// It is being made.
    Asked,
    /// It can be drawn.
    Ready(Arc<Ready>),
    /// There is none.
    None,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Pictures {
    slots: HashMap<Key, Slot>,
    order: VecDeque<Key>,
    /// The newest picture in the making, and how many came before it.
    preview: Option<Arc<Preview>>,
    count: u64,
    /// The newest that can be drawn.
    ready: u64,
    /// Whether the daemon waits to hear that the last one was seen.
    is_unseen: bool,
    /// What lies over the screen.
    pub covers: Vec<Rect>,
    /// Whether the terminal draws pictures over what is written there: those that something lies over are not shown meanwhile.
    pub is_over_text: bool,
    /// Whether a preview is being made ready, and whether a part is: the next waits, and only the newest of those that wait is made.
    is_busy: bool,
    is_cutting: bool,
}

impl Pictures {
    /// A newer picture in the making has come.
    pub fn put_preview(&mut self, preview: Preview) {
        self.count += 1;
        self.is_unseen = true;
        self.preview = Some(Arc::new(preview));
    }

    /// The last preview was seen, or nobody looks: whether the daemon waits to hear that.
    pub fn seen(&mut self) -> bool {
        std::mem::take(&mut self.is_unseen)
    }

    /// Whether a picture there is not shown because something lies over it.
    pub fn is_hidden(&self, ready: &Ready, place: Rect) -> bool {
        let is_over = self.is_over_text && ready.lies_over();
        is_over && self.covers.iter().any(|cover| cover.intersects(place))
    }

    /// The number of the newest preview that can be drawn.
    pub fn ready(&self) -> u64 {
        self.ready
    }

    /// Nothing is in the making any more.
    pub fn end_preview(&mut self) {
        self.preview = None;
    }

    /// The picture in the making.
    pub fn preview(&self) -> Option<(Source, Arc<Preview>)> {
        let preview = self.preview.clone()?;
        Some((Source::Preview(self.count), preview))
    }

    /// What is drawn of a picture now: itself where it is ready, else what may stand in its place.
    pub fn shown(&self, key: &Key) -> Option<Arc<Ready>> {
        let ready = |key: &Key| match self.slots.get(key) {
            Some(Slot::Ready(ready)) => Some(ready.clone()),
            _ => None,
        };
        let is_like = |other: &&Key| key.room == other.room && key.source.is_like(&other.source);
        ready(key).or_else(|| self.order.iter().rev().filter(is_like).find_map(ready))
    }

    /// Notes that these are wanted now: those that are to be made. It is asked again after each that was made.
    pub fn want(&mut self, keys: Vec<Key>) -> Vec<Key> {
        let asked = |(key, slot): &(&Key, &Slot)| key.source.is_thumbnail() && matches!(slot, Slot::Asked);
        let mut room = MOST_ASKED.saturating_sub(self.slots.iter().filter(asked).count());
        let mut to_make = Vec::new();
        for key in keys {
            if self.slots.contains_key(&key) {
                continue;
            }
            if key.source.is_thumbnail() {
                if room == 0 {
                    continue;
                }
                room -= 1;
            }
            if let Some(busy) = self.busy(&key)
                && std::mem::replace(busy, true)
            {
                continue;
            }
            self.put(key.clone(), Slot::Asked);
            to_make.push(key);
        }
        to_make
    }

    fn busy(&mut self, key: &Key) -> Option<&mut bool> {
        match key.source {
            Source::Preview(_) => Some(&mut self.is_busy),
            Source::Cut(_) => Some(&mut self.is_cutting),
            _ => None,
        }
    }

    /// A picture was made ready, or cannot be.
    pub fn made(&mut self, key: Key, ready: Option<Arc<Ready>>) {
        if let Some(busy) = self.busy(&key) {
            *busy = false;
        }
        if let Source::Preview(number) = key.source {
            self.ready = self.ready.max(number);
        }
        self.put(key, ready.map_or(Slot::None, Slot::Ready));
    }

    /// Forgets those that could not be had, so that they are asked for again: the daemon is there again.
    pub fn retry(&mut self) {
        let slots = &mut self.slots;
        self.order
            .retain(|key| !matches!(slots.get(key), Some(Slot::None | Slot::Asked)));
        slots.retain(|_, slot| matches!(slot, Slot::Ready(_)));
        self.is_busy = false;
        self.is_cutting = false;
    }

    fn put(&mut self, key: Key, slot: Slot) {
        if self.slots.insert(key.clone(), slot).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > MOST {
            self.forget(0);
        }
        let cuts = || self.order.iter().filter(|key| key.source.is_cut()).count();
        if cuts() > MOST_CUTS
            && let Some(oldest) = self.order.iter().position(|key| key.source.is_cut())
        {
            self.forget(oldest);
        }
    }

    fn forget(&mut self, nth: usize) {
        if let Some(gone) = self.order.remove(nth) {
            self.slots.remove(&gone);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::pictures::cut::{File, Of};
    use crate::app::pictures::zoom::Part;

    fn preview(n: u64) -> Key {
        Key {
            source: Source::Preview(n),
            room: (10, 5),
        }
    }

    #[test]
    fn one_preview_is_made_at_a_time_and_the_newest_of_those_that_wait() {
        let mut pictures = Pictures::default();
        assert_eq!(pictures.want(vec![preview(1)]), [preview(1)]);
        assert!(pictures.want(vec![preview(2)]).is_empty());
        pictures.made(preview(1), None);
        assert_eq!(pictures.want(vec![preview(3)]), [preview(3)]);
        assert!(pictures.want(vec![preview(3)]).is_empty(), "asked once");
    }

    fn cut(x: u32, sha256: &str) -> Key {
        let part = Part {
            x,
            y: 0,
            width: 8,
            height: 8,
        };
        let of = Of::Picture(File {
            sha256: sha256.into(),
            path: String::new(),
            bytes: 1,
        });
        Key {
            source: Source::Cut(Box::new(Cut { part, of })),
            room: (10, 5),
        }
    }

    #[test]
    fn the_last_part_stays_until_the_next_is_ready() {
        let ready = |columns| Arc::new(Ready::Blocks { columns, cells: vec![] });
        let whole = Key {
            source: Source::File {
                sha256: "a".into(),
                path: String::new(),
                bytes: 1,
            },
            room: (10, 5),
        };
        let mut pictures = Pictures::default();
        pictures.made(whole.clone(), Some(ready(1)));
        assert_eq!(pictures.want(vec![cut(1, "a")]), [cut(1, "a")]);
        assert_eq!(
            pictures.shown(&cut(1, "a")),
            Some(ready(1)),
            "all of it stands for a part"
        );
        assert!(pictures.want(vec![cut(2, "a")]).is_empty(), "one at a time");
        pictures.made(cut(1, "a"), Some(ready(2)));
        assert_eq!(pictures.want(vec![cut(3, "a")]), [cut(3, "a")], "the newest");
        assert_eq!(pictures.shown(&cut(3, "a")), Some(ready(2)));
        assert_eq!(pictures.shown(&cut(3, "b")), None, "never another picture");
        assert_eq!(pictures.shown(&whole), Some(ready(1)));
        (4..40).for_each(|x| pictures.made(cut(x, "a"), Some(ready(3))));
        assert!(!pictures.slots.contains_key(&cut(31, "a")) && pictures.slots.contains_key(&cut(32, "a")));
        assert!(pictures.slots.contains_key(&whole));
    }

    fn small(n: usize) -> Key {
        Key {
            source: Source::Thumbnail {
                sha256: n.to_string(),
                side: 64,
            },
            room: (1, 1),
        }
    }

    #[test]
    fn pages_that_were_passed_are_not_waited_for() {
        let mut pictures = Pictures::default();
        let page = |n: usize| (n * 24..(n + 1) * 24).map(small).collect::<Vec<_>>();
        let first = pictures.want(page(0));
        assert_eq!(first.len(), MOST_ASKED);
        (1..100).for_each(|n| assert!(pictures.want(page(n)).is_empty()));
        for key in first {
            pictures.made(key, None);
        }
        assert_eq!(pictures.want(page(99)), page(99)[..MOST_ASKED], "where one stopped");
    }

    #[test]
    fn few_are_kept_and_the_oldest_go() {
        let mut pictures = Pictures::default();
        let key = small;
        (0..MOST + 5).for_each(|n| {
            drop(pictures.want(vec![key(n)]));
            pictures.made(key(n), None);
        });
        assert!(!pictures.slots.contains_key(&key(4)) && pictures.slots.contains_key(&key(5)));
        assert_ne!(key(1).number(), key(2).number());
        assert_eq!(preview(1).number(), preview(2).number());
    }
}
