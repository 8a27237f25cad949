//! The models in memory on one device: what is loaded, what several have in common, what goes for another. The worker asks for a
//! model before a task and releases it after; how long models stay then is in `keeping.rs`.

use std::rc::Rc;
use std::time::Instant;

use darkroom_protocol::KeepAlive;

use super::held::{Entry, Held};
use super::room::{Occupant, evicted};
use crate::adapters::Files;
use crate::families;
use crate::model::{Blueprint, Key, Model, Part};
use crate::torch::{self, Device};
use crate::weights::Weights;
use crate::{Cancel, Error, Result};

/// Is told how many of a model's components are in memory, of how many. Nothing is told where all of them were.
pub type OnPart<'a> = dyn FnMut(u32, u32) + 'a;

/// The models in memory on one device.
///
/// A part that several models have in common, byte for byte, is in memory once. Room is made by removing the parts used
/// longest ago; never one that the model being loaded needs, never a pinned one.
#[derive(Debug)]
pub struct Models {
    pub(super) budget: u64,
    pub(super) held: Vec<Held>,
    /// The one used last at the end.
    pub(super) entries: Vec<Entry>,
    /// Bytes in use beside weights, as last measured: the process itself, its caches, what it computes with.
    pub(super) beside: u64,
    /// What it was at the start.
    pub(super) floor: u64,
    /// LoRA files that were used last.
    pub(super) files: Files,
    device: Device,
    clock: u64,
}

impl Models {
    /// No models yet on the CPU; at most `budget` bytes of them are kept, but always the model in use.
    pub fn new(budget: u64) -> Self {
        Self::on(Device::Cpu, budget, 0)
    }

    /// The same on `device`, where the process takes `beside` bytes already.
    pub fn on(device: Device, budget: u64, beside: u64) -> Self {
        Self {
            budget,
            held: Vec::new(),
            entries: Vec::new(),
            beside,
            floor: beside,
            files: Files::default(),
            device,
            clock: 0,
        }
    }

    /// The model of `key`, from memory or from its files. It is busy until [`Self::release`].
    ///
    /// # Errors
    /// Whatever is wrong with the files, no room beside pinned models, out of memory, or cancelled: components that were complete
    /// stay.
    pub fn load(&mut self, key: &Key, cancel: &Cancel, on_part: &mut OnPart) -> Result<Rc<Model>> {
        let blueprint = self.blueprint(key)?;
        let mut parts: Vec<Option<u64>> = Vec::new();
        for at in 0..blueprint.components().len() {
            parts.push(self.find(&blueprint, at, cancel)?);
        }
        let known: Vec<u64> = parts.iter().flatten().copied().collect();
        self.enter(blueprint.clone(), known.clone());
        if known.len() < parts.len() {
            self.fetch(&blueprint, &mut parts, cancel, on_part)?;
        }
        let named = parts.into_iter().zip(blueprint.components());
        let held: Vec<(&'static str, Part)> = named
            .filter_map(|(id, component)| Some((component.name, self.part(id?)?.part.clone())))
            .collect();
        Ok(Rc::new(Model::new(blueprint, held, cancel.clone())))
    }

    /// The model of `key` without its components, which come one after the other when they are used.
    ///
    /// # Errors
    /// What is wrong with its configuration.
    pub fn lazily(&mut self, key: &Key, cancel: &Cancel) -> Result<Rc<Model>> {
        Ok(Rc::new(Model::new(self.blueprint(key)?, Vec::new(), cancel.clone())))
    }

    /// Reads the components that are `None` and puts their numbers in.
    fn fetch(
        &mut self,
        blueprint: &Rc<Blueprint>,
        parts: &mut [Option<u64>],
        cancel: &Cancel,
        on_part: &mut OnPart,
    ) -> Result<()> {
        let all = parts.len() as u32;
        on_part(0, all);
        let mut wanted = Vec::new();
        for (at, component) in blueprint.components().iter().enumerate() {
            if parts[at].is_none() {
                wanted.push((at, blueprint.weights(component, cancel)?));
            }
        }
        self.make_room(blueprint.key(), wanted.iter().map(|(_, weights)| weights.bytes()).sum())?;
        for (at, weights) in wanted {
            cancel.check()?;
            parts[at] = Some(self.read(blueprint, at, weights)?);
            self.enter(blueprint.clone(), parts.iter().flatten().copied().collect());
            on_part(at as u32 + 1, all);
        }
        Ok(())
    }

    fn read(&mut self, blueprint: &Rc<Blueprint>, at: usize, weights: Weights) -> Result<u64> {
        let component = &blueprint.components()[at];
        let identity = blueprint.identity(component.name)?;
        let part = blueprint.build(component, &weights)?;
        self.clock += 1;
        let id = self.clock;
        self.held.push(Held {
            id,
            part,
            at,
            identity,
            weights,
            blueprint: blueprint.clone(),
            used: id,
        });
        Ok(id)
    }

    /// What there is of a model beside weights: as it was read before, while its files stay the same.
    fn blueprint(&mut self, key: &Key) -> Result<Rc<Blueprint>> {
        if let Some(entry) = self.entries.iter().find(|entry| entry.key() == key) {
            if entry.blueprint.is_current() {
                return Ok(entry.blueprint.clone());
            }
            // Files changed under the same key: the model is another one.
            self.entries.retain(|entry| entry.key() != key);
            self.drop_unused();
        }
        Ok(Rc::new(families::open(key)?))
    }

    /// What is in memory of the component at `at` of this model: read from the very same files, or equal in every byte of its
    /// weights.
    fn find(&self, blueprint: &Blueprint, at: usize, cancel: &Cancel) -> Result<Option<u64>> {
        let component = &blueprint.components()[at];
        let identity = blueprint.identity(component.name)?;
        let alike = |held: &&Held| held.suits(blueprint, component);
        if let Some(held) = self.held.iter().filter(alike).find(|held| held.identity == identity) {
            return Ok(Some(held.id));
        }
        let candidates: Vec<&Held> = self.held.iter().filter(alike).collect();
        if candidates.is_empty() {
            return Ok(None);
        }
        let weights = blueprint.weights(component, cancel)?;
        for held in candidates {
            if held.is_current() && weights.is_same_as(&held.weights, cancel)? {
                return Ok(Some(held.id));
            }
        }
        Ok(None)
    }

    /// Notes that a model is used now, with these parts.
    fn enter(&mut self, blueprint: Rc<Blueprint>, parts: Vec<u64>) {
        let before = self.entries.iter().position(|entry| entry.key() == blueprint.key());
        let before = before.map(|at| self.entries.remove(at));
        for id in &parts {
            self.clock += 1;
            let now = self.clock;
            if let Some(held) = self.held.iter_mut().find(|held| held.id == *id) {
                held.used = now;
            }
        }
        self.entries.push(Entry {
            blueprint,
            parts,
            set: before.as_ref().and_then(|entry| entry.set.clone()),
            pinned: before.as_ref().is_some_and(|entry| entry.pinned),
            busy: true,
            used: Instant::now(),
            keep_alive: before.map_or(KeepAlive::Forever, |entry| entry.keep_alive),
        });
    }

    /// Removes parts until `wanted` more bytes for the model of `key` are within the budget.
    pub(super) fn make_room(&mut self, key: &Key, wanted: u64) -> Result<()> {
        let occupants: Vec<Occupant> = self
            .held
            .iter()
            .map(|held| Occupant {
                id: held.id,
                bytes: held.bytes(),
                used: held.used,
                stays: self.stays(held.id, key),
            })
            .collect();
        let pinned = self.pinned_beside(key);
        if pinned > 0 && pinned.saturating_add(wanted).saturating_add(self.beside) > self.budget {
            return Err(self.no_room(key, wanted));
        }
        let gone = evicted(&occupants, self.budget.saturating_sub(self.beside), wanted);
        self.remove(&gone);
        Ok(())
    }

    fn stays(&self, id: u64, key: &Key) -> bool {
        let users = self.entries.iter().filter(|entry| entry.parts.contains(&id));
        users.into_iter().any(|entry| entry.pinned || entry.key() == key)
    }

    pub(super) fn remove(&mut self, gone: &[u64]) {
        if gone.is_empty() {
            return;
        }
        for held in self.held.iter().filter(|held| gone.contains(&held.id)) {
            tracing::info!("{} of {} leaves memory", held.name(), held.blueprint.key().name);
        }
        self.held.retain(|held| !gone.contains(&held.id));
        for entry in &mut self.entries {
            entry.parts.retain(|id| !gone.contains(id));
        }
        self.entries.retain(|entry| entry.busy || !entry.parts.is_empty());
        self.free_cached();
    }

    /// Removes the parts that no model has any more.
    pub(super) fn drop_unused(&mut self) {
        let entries = &self.entries;
        let unused = |held: &&Held| !entries.iter().any(|entry| entry.parts.contains(&held.id));
        let gone: Vec<u64> = self.held.iter().filter(unused).map(|held| held.id).collect();
        self.remove(&gone);
    }

    pub(super) fn part(&self, id: u64) -> Option<&Held> {
        self.held.iter().find(|held| held.id == id)
    }

    /// Gives memory that is kept for reuse back to the device.
    pub fn free_cached(&self) {
        // What stays cached costs the next task room, not this one its result.
        if let Err(e) = torch::empty_cache(self.device) {
            tracing::warn!("cached memory stays: {e}");
        }
    }

    /// The device.
    pub fn device(&self) -> Device {
        self.device
    }

    fn no_room(&self, key: &Key, wanted: u64) -> Error {
        let pinned: Vec<_> = self.entries.iter().filter(|e| e.pinned && e.key() != key).collect();
        let names: Vec<_> = pinned
            .iter()
            .map(|e| darkroom_protocol::text::escape_line(&e.key().name))
            .collect();
        let gigabytes = |bytes: u64| bytes as f64 / 1e9;
        Error::NoRoom(format!(
            "{} needs {:.1} GB, and of {:.1} GB pinned models ({}) hold {:.1} GB: unpin one, or raise memory_budget in \
             config.toml.",
            darkroom_protocol::text::escape_line(&key.name),
            gigabytes(wanted),
            gigabytes(self.budget.saturating_sub(self.beside)),
            names.join(", "),
            gigabytes(self.pinned_beside(key)),
        ))
    }
}
