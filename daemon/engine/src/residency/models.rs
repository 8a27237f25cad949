use std::rc::Rc;

use darkroom_protocol::{ModelSource, Quant};
use tch::Kind;

use crate::pipeline::{Model, Observer};
use crate::torch::{self, Device};
use crate::{Cancel, Result};

/// What makes two loads the same model.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// Its files.
    pub source: ModelSource,
    /// Its name, for people.
    pub name: String,
    /// Where it is to be.
    pub device: Device,
    /// The number format of its weights.
    pub kind: Kind,
    /// How they are quantised.
    pub quant: Quant,
}

/// The models in memory, the one used last at the end.
#[derive(Debug)]
pub struct Models {
    budget: u64,
    held: Vec<(Key, Rc<Model>)>,
}

impl Models {
    /// No models yet; keeps at most `budget` bytes of weights, but always the model in use.
    pub fn new(budget: u64) -> Self {
        Self {
            budget,
            held: Vec::new(),
        }
    }

    /// The model of `key`, from memory or from its files.
    ///
    /// # Errors
    /// Whatever is wrong with the files, out of memory, or cancelled: nothing half-loaded stays.
    pub fn load(&mut self, key: &Key, cancel: &Cancel, observer: &mut dyn Observer) -> Result<Rc<Model>> {
        if let Some(at) = self.held.iter().position(|(k, model)| k == key && model.is_current()) {
            let held = self.held.remove(at);
            let model = held.1.clone();
            self.held.push(held);
            return Ok(model);
        }
        // A model whose files changed under the same key is stale.
        self.held.retain(|(k, _)| k != key);
        let files = Model::open(key, cancel)?;
        self.make_room(files.bytes());
        torch::empty_cache(key.device)?;
        let model = Rc::new(files.load(observer)?);
        self.held.push((key.clone(), model.clone()));
        Ok(model)
    }

    /// Names of the models held, the one used last at the end.
    pub fn names(&self) -> Vec<String> {
        self.held.iter().map(|(key, _)| key.name.clone()).collect()
    }

    /// Forgets the model of that name, all when it is empty.
    pub fn unload(&mut self, name: &str) {
        self.held.retain(|(key, _)| !name.is_empty() && key.name != name);
    }

    /// Forgets every model.
    pub fn clear(&mut self) {
        self.held.clear();
    }

    fn make_room(&mut self, wanted: u64) {
        while !self.held.is_empty() && self.total() + wanted > self.budget {
            self.held.remove(0);
        }
    }

    fn total(&self) -> u64 {
        self.held.iter().map(|(_, model)| model.bytes()).sum()
    }
}
