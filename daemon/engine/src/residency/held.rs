//! What is in memory, as values: a component with what it was read from, and a model with its components' numbers. `models.rs`
//! keeps both lists.

use std::rc::Rc;
use std::time::Instant;

use darkroom_protocol::KeepAlive;

use crate::Result;
use crate::adapters::Set;
use crate::model::{Blueprint, Component, Identity, Key, Part};
use crate::weights::Weights;

/// A component in memory.
#[derive(Debug)]
pub struct Held {
    /// Its number, never used twice.
    pub id: u64,
    pub part: Part,
    /// Its place among the components of the model that it was read for.
    pub at: usize,
    /// The files it was read from, as they were.
    pub identity: Identity,
    /// The same, for comparing: their headers and mappings. They know what the layers made of them.
    pub weights: Weights,
    /// The model that it was read for: where, and in which format.
    pub blueprint: Rc<Blueprint>,
    /// When it was last used: larger is later.
    pub used: u64,
}

impl Held {
    pub fn name(&self) -> &'static str {
        self.component().name
    }

    pub fn component(&self) -> &Component {
        &self.blueprint.components()[self.at]
    }

    /// Bytes that its weights take in the form in which its layers use them now.
    pub fn bytes(&self) -> u64 {
        self.weights.loaded_bytes()
    }

    /// Whether it is what `component` of the model of `blueprint` would be, should the weights be equal: built alike, where that
    /// one is needed, in its number format, and quantised alike.
    pub fn suits(&self, blueprint: &Blueprint, component: &Component) -> bool {
        let (own, key) = (self.blueprint.key(), blueprint.key());
        (own.device, own.kind) == (key.device, key.kind)
            && self.blueprint.quant(self.component()) == blueprint.quant(component)
            && self.component().plan.is_same(&*component.plan)
    }

    /// Whether its files are still those it was read from.
    pub fn is_current(&self) -> bool {
        let now: Result<Identity> = self.blueprint.identity(self.name());
        now.is_ok_and(|now| now == self.identity)
    }
}

/// A model that is in memory, or some of whose parts are.
#[derive(Debug)]
pub struct Entry {
    /// What there is of it beside weights.
    pub blueprint: Rc<Blueprint>,
    /// Numbers of its parts, in the order of its components. Those that were evicted are not held any more.
    pub parts: Vec<u64>,
    /// The LoRAs that its parts have, where its last task had any.
    pub set: Option<Rc<Set>>,
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
        self.blueprint.key()
    }
}
