//! Pictures that are ready to be drawn, and those that are being made so. Kept by what they show and how large: a screen that is left
//! and come back to draws at once. The oldest go when there are many. Making them is an effect.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use darkroom_protocol::Preview;

use crate::graphics::pane::Ready;

/// Pictures that are kept ready: a screen of thumbnails, and what was seen lately.
const MOST: usize = 200;

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
}

impl Key {
    /// What tells it from others on the terminal. Every preview has one number, so that a newer one takes the place of the last.
    pub fn number(&self) -> u32 {
        if matches!(self.source, Source::Preview(_)) {
            return 1 + (std::process::id() & 0xffff);
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
    /// Whether something lies over the screen: pictures that the terminal would draw over that are not shown meanwhile.
    pub is_covered: bool,
    /// Whether a preview is being made ready: the next waits, and only the newest of those that wait is made.
    is_busy: bool,
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

    /// What there is of a picture.
    pub fn get(&self, key: &Key) -> Option<&Slot> {
        self.slots.get(key)
    }

    /// A picture that can be drawn in place of one in the making that is not ready yet: the last preview of that size.
    pub fn last_preview(&self, room: (u16, u16)) -> Option<Arc<Ready>> {
        let is_one = |key: &&Key| matches!(key.source, Source::Preview(_)) && key.room == room;
        let key = self
            .order
            .iter()
            .rev()
            .filter(is_one)
            .find(|key| matches!(self.slots.get(*key), Some(Slot::Ready(_))))?;
        match self.slots.get(key) {
            Some(Slot::Ready(ready)) => Some(ready.clone()),
            _ => None,
        }
    }

    /// Notes that these are wanted: those that are to be made.
    pub fn want(&mut self, keys: Vec<Key>) -> Vec<Key> {
        let mut to_make = Vec::new();
        for key in keys {
            if self.slots.contains_key(&key) {
                continue;
            }
            if matches!(key.source, Source::Preview(_)) {
                if self.is_busy {
                    continue;
                }
                self.is_busy = true;
            }
            self.put(key.clone(), Slot::Asked);
            to_make.push(key);
        }
        to_make
    }

    /// A picture was made ready, or cannot be.
    pub fn made(&mut self, key: Key, ready: Option<Arc<Ready>>) {
        if let Source::Preview(number) = key.source {
            self.is_busy = false;
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
    }

    fn put(&mut self, key: Key, slot: Slot) {
        if self.slots.insert(key.clone(), slot).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > MOST {
            if let Some(oldest) = self.order.pop_front() {
                self.slots.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn few_are_kept_and_the_oldest_go() {
        let mut pictures = Pictures::default();
        let key = |n: usize| Key {
            source: Source::Thumbnail {
                sha256: n.to_string(),
                side: 64,
            },
            room: (1, 1),
        };
        (0..MOST + 5).for_each(|n| drop(pictures.want(vec![key(n)])));
        assert!(pictures.get(&key(4)).is_none() && pictures.get(&key(5)).is_some());
        assert_ne!(key(1).number(), key(2).number());
        assert_eq!(preview(1).number(), preview(2).number());
    }
}
