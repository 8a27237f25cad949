use std::rc::Rc;
use std::time::Instant;

use darkroom_protocol::KeepAlive;

use super::{Identity, Key, Part, Plan};
use crate::pipeline::Frame;
use crate::weights::Weights;

/// A part in memory.
#[derive(Debug)]
pub struct Held {
    /// Its number, never used twice.
    pub id: u64,
    /// The part.
    pub part: Part,
    /// How it was built.
    pub plan: Plan,
    /// The files it was read from, as they were.
    pub identity: Identity,
    /// The same, for comparing: their headers and mappings.
    pub weights: Weights,
    /// The model that it was read for: where, and in which format.
    pub frame: Rc<Frame>,
    /// Bytes of its weights.
    pub bytes: u64,
    /// When it was last used: larger is later.
    pub used: u64,
}

impl Held {
    /// Whether it lies where a model of `key` needs it, in its format.
    pub fn suits(&self, key: &Key) -> bool {
        let own = self.frame.key();
        (own.device, own.kind, own.quant) == (key.device, key.kind, key.quant)
    }

    /// Whether its files are still those it was read from.
    pub fn is_current(&self) -> bool {
        self.frame
            .identity(self.part.role())
            .is_ok_and(|now| now == self.identity)
    }
}

/// A model that is in memory, or some of whose parts are.
#[derive(Debug)]
pub struct Entry {
    /// What there is of it beside weights.
    pub frame: Rc<Frame>,
    /// Numbers of its parts, in the order of [`super::Role::ALL`]. Those that were evicted are not held any more.
    pub parts: Vec<u64>,
    /// Whether it stays until it is unpinned.
    pub pinned: bool,
    /// Whether a task uses it.
    pub busy: bool,
    /// When it was last used.
    pub used: Instant,
    /// How long it stays from then on.
    pub keep_alive: KeepAlive,
}

impl Entry {
    /// When it is to go; `None` while it is used or pinned, and where it stays until its room is needed.
    pub fn expiry(&self) -> Option<Instant> {
        if self.busy || self.pinned {
            return None;
        }
        self.used.checked_add(self.keep_alive.duration()?)
    }

    /// Which model it is.
    pub fn key(&self) -> &Key {
        self.frame.key()
    }
}
