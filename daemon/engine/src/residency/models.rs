use std::rc::Rc;
use std::time::Instant;

use darkroom_protocol::{KeepAlive, Phase, Progress};

use super::held::{Entry, Held};
use super::room::{Occupant, evicted};
use super::{Key, Part, Role};
use crate::pipeline::{Frame, Model, Observer};
use crate::torch::{self, Device};
use crate::weights::Weights;
use crate::{Cancel, Error, Result};

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
            device,
            clock: 0,
        }
    }

    /// The model of `key`, from memory or from its files. It is busy until [`Self::release`].
    ///
    /// # Errors
    /// Whatever is wrong with the files, no room beside pinned models, out of memory, or cancelled: parts that were complete
    /// stay.
    pub fn load(&mut self, key: &Key, cancel: &Cancel, observer: &mut dyn Observer) -> Result<Rc<Model>> {
        let frame = self.frame(key)?;
        let mut parts: Vec<Option<u64>> = Vec::new();
        for role in Role::ALL {
            parts.push(self.find(&frame, role, cancel)?);
        }
        let known: Vec<u64> = parts.iter().flatten().copied().collect();
        self.enter(frame.clone(), known.clone());
        if known.len() < Role::ALL.len() {
            self.fetch(&frame, &mut parts, cancel, observer)?;
        }
        let parts: Vec<u64> = parts.into_iter().flatten().collect();
        let held: Vec<Part> = parts
            .iter()
            .filter_map(|id| Some(self.part(*id)?.part.clone()))
            .collect();
        Ok(Rc::new(Model::new(frame, held, cancel.clone())))
    }

    /// The model of `key` without its parts, which come one after the other when they are used.
    ///
    /// # Errors
    /// What is wrong with its configuration.
    pub fn lazily(&mut self, key: &Key, cancel: &Cancel) -> Result<Rc<Model>> {
        Ok(Rc::new(Model::new(self.frame(key)?, Vec::new(), cancel.clone())))
    }

    /// Reads the parts that are `None` and puts their numbers in.
    fn fetch(
        &mut self,
        frame: &Rc<Frame>,
        parts: &mut [Option<u64>],
        cancel: &Cancel,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        observer.progress(loading(0));
        let mut wanted = Vec::new();
        for (at, role) in Role::ALL.into_iter().enumerate().filter(|(at, _)| parts[*at].is_none()) {
            wanted.push((at, role, frame.weights(role, cancel)?));
        }
        self.make_room(frame.key(), wanted.iter().map(|(_, _, weights)| weights.bytes()).sum())?;
        for (at, role, weights) in wanted {
            cancel.check()?;
            let held = self.read(frame, role, weights)?;
            parts[at] = Some(held);
            self.enter(frame.clone(), parts.iter().flatten().copied().collect());
            observer.progress(loading(at as u32 + 1));
        }
        Ok(())
    }

    fn read(&mut self, frame: &Rc<Frame>, role: Role, weights: Weights) -> Result<u64> {
        let identity = frame.identity(role)?;
        let plan = frame.plan(role)?;
        let part = plan.build(&weights)?;
        self.clock += 1;
        let id = self.clock;
        self.held.push(Held {
            id,
            part,
            plan,
            identity,
            bytes: weights.loaded_bytes(),
            weights,
            frame: frame.clone(),
            used: id,
        });
        Ok(id)
    }

    /// What there is of a model beside weights: as it was read before, while its files stay the same.
    fn frame(&mut self, key: &Key) -> Result<Rc<Frame>> {
        if let Some(entry) = self.entries.iter().find(|entry| entry.key() == key) {
            if entry.frame.is_current() {
                return Ok(entry.frame.clone());
            }
            // Files changed under the same key: the model is another one.
            self.entries.retain(|entry| entry.key() != key);
            self.drop_unused();
        }
        Ok(Rc::new(Frame::open(key)?))
    }

    /// The part in memory that this model needs: read from the very same files, or equal in every byte of its weights.
    fn find(&mut self, frame: &Frame, role: Role, cancel: &Cancel) -> Result<Option<u64>> {
        let (plan, identity) = (frame.plan(role)?, frame.identity(role)?);
        let alike = |held: &&Held| held.part.role() == role && held.suits(frame.key()) && held.plan == plan;
        if let Some(held) = self.held.iter().filter(alike).find(|held| held.identity == identity) {
            return Ok(Some(held.id));
        }
        let candidates: Vec<&Held> = self.held.iter().filter(alike).collect();
        if candidates.is_empty() {
            return Ok(None);
        }
        let weights = frame.weights(role, cancel)?;
        for held in candidates {
            if held.is_current() && weights.is_same_as(&held.weights, cancel)? {
                return Ok(Some(held.id));
            }
        }
        Ok(None)
    }

    /// Notes that a model is used now, with these parts.
    fn enter(&mut self, frame: Rc<Frame>, parts: Vec<u64>) {
        let before = self.entries.iter().position(|entry| entry.key() == frame.key());
        let before = before.map(|at| self.entries.remove(at));
        for id in &parts {
            self.clock += 1;
            let now = self.clock;
            if let Some(held) = self.held.iter_mut().find(|held| held.id == *id) {
                held.used = now;
            }
        }
        self.entries.push(Entry {
            frame,
            parts,
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
                bytes: held.bytes,
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
            tracing::info!("{} of {} leaves memory", held.part.role().name(), held.frame.key().name);
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

fn loading(step: u32) -> Progress {
    Progress {
        phase: Phase::Load,
        image: 0,
        images: 0,
        step,
        steps: Role::ALL.len() as u32,
        sigma: None,
        step_s: None,
        eta_s: None,
    }
}
