//! What there is of a model beside its weights: its family's reading of the configuration, which files the weights are in, and
//! whether they are still the same. `families::open` makes it, `residency/` keeps it and reads components by it.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use darkroom_formats::folder::{Files, Folder, Watched};
use darkroom_protocol::Quant;
use tch::Kind;

use super::{Component, ComponentKind, Encoded, Family, Identity, Key, Part};
use crate::prompt::Remembered;
use crate::torch::Device;
use crate::weights::{Source, Weights};
use crate::{Cancel, Error, Result};

/// A model's configuration and where its weights are.
#[derive(Debug)]
pub struct Blueprint {
    key: Key,
    family: Box<dyn Family>,
    source: Source,
    folder: Folder,
    /// The files and folders that it was read from, and those that were looked for.
    seen: BTreeMap<String, Identity>,
    /// Prompts that it has read, on the CPU, by what makes their conditioning.
    read: RefCell<Remembered<Encoded>>,
}

/// The most bytes of prompts that are remembered of a model: 280 of SD 1's, in f32.
const REMEMBERED: u64 = 64 << 20;

impl Blueprint {
    /// Reads the configuration of the model that `key` names, as `family` makes it of the folder. No weights yet.
    ///
    /// # Errors
    /// What is wrong with the files, in words.
    pub fn open(key: &Key, family: impl Fn(&Folder, &dyn Files) -> Result<Box<dyn Family>>) -> Result<Self> {
        let source = Source::with_parts(&key.source, &key.parts)?;
        let look = |name: &str| Identity::of(&source, [name]);
        let watched = Watched::new(&source, &look);
        source.beside().iter().for_each(|name| watched.note(name));
        let folder = Folder::read(&watched)?;
        folder.check_whole()?;
        let family = family(&folder, &watched)?;
        let seen = watched.into_seen();
        Ok(Self {
            key: key.clone(),
            family,
            source,
            folder,
            seen,
            read: RefCell::new(Remembered::new(REMEMBERED)),
        })
    }

    /// The conditioning of the prompt of that key, on the CPU, where it is still remembered.
    pub(super) fn recall(&self, key: &str) -> Option<Rc<Encoded>> {
        self.read.borrow_mut().get(key)
    }

    /// Remembers no prompt any longer: what its encoders say has changed.
    pub fn forget_prompts(&self) {
        *self.read.borrow_mut() = Remembered::new(REMEMBERED);
    }

    /// Remembers it for later.
    ///
    /// # Errors
    /// Those of the copy to the CPU.
    pub(super) fn remember(&self, key: String, encoded: &Encoded) -> Result<()> {
        let bytes = encoded.cond.bytes();
        if bytes <= REMEMBERED {
            self.read
                .borrow_mut()
                .keep(key, Rc::new(encoded.to(Device::Cpu)?), bytes);
        }
        Ok(())
    }

    /// Whether reading it again would read the same: its files are as they were, and none has appeared beside them.
    pub fn is_current(&self) -> bool {
        let mut seen = self.seen.iter();
        seen.all(|(name, then)| Identity::of(&self.source, [name.as_str()]) == *then)
    }

    /// Which model it is, and where its components go.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// What its family says of it.
    pub fn family(&self) -> &dyn Family {
        &*self.family
    }

    /// Where its components go.
    pub fn device(&self) -> Device {
        self.key.device
    }

    /// Its components, in the order in which a picture needs them.
    pub fn components(&self) -> &[Component] {
        self.family.components()
    }

    /// The component called `name`, which must be of that kind; without a name the first of the kind.
    ///
    /// # Errors
    /// [`Error::Defect`] when the family has none.
    pub fn component(&self, name: Option<&str>, kind: ComponentKind) -> Result<&Component> {
        let is_meant = |c: &&Component| c.kind == kind && name.is_none_or(|name| name == c.name);
        self.components().iter().find(is_meant).ok_or(Error::Defect)
    }

    /// How the weights of that component are quantised.
    pub fn quant(&self, component: &Component) -> Quant {
        match component.quantises {
            true => self.key.quant,
            false => Quant::None,
        }
    }

    /// The files of a component's weights.
    ///
    /// # Errors
    /// When the model has no such component.
    pub fn identity(&self, component: &str) -> Result<Identity> {
        let component = self.folder.component(component)?;
        Ok(Identity::of(&self.source, component.weights.iter().map(String::as_str)))
    }

    /// A component with these weights, which are its own.
    ///
    /// # Errors
    /// A tensor that is missing, by the name that its file would have for it, or of another shape; out of memory, cancelled.
    pub fn build(&self, component: &Component, weights: &Weights) -> Result<Part> {
        component.plan.build(weights).map_err(|error| match error {
            Error::MissingTensor { component, key, .. } if self.source.is_original(&component) => {
                Error::MissingTensor {
                    written: self.family.spelling(&component, &key).filter(|written| *written != key),
                    component,
                    key,
                }
            }
            other => other,
        })
    }

    /// The weights of a component: headers are read, tensors when they are asked for, until `cancel`.
    ///
    /// # Errors
    /// What is wrong with the files.
    pub fn weights(&self, component: &Component, cancel: &Cancel) -> Result<Weights> {
        self.weights_on((self.key.device, self.key.kind), component, cancel)
    }

    /// The same in another number format than the model's.
    ///
    /// # Errors
    /// As there.
    pub fn weights_as(&self, component: &Component, kind: Kind, cancel: &Cancel) -> Result<Weights> {
        self.weights_on((self.key.device, kind), component, cancel)
    }

    /// The tensors of a component to which something can be added, and their shapes, without reading one.
    ///
    /// # Errors
    /// As [`Self::build`].
    pub fn offered(&self, component: &Component, cancel: &Cancel) -> Result<HashMap<String, Vec<i64>>> {
        let weights = self.weights_on((Device::Meta, self.key.kind), component, cancel)?;
        drop(self.build(component, &weights)?);
        Ok(weights.patches().offered())
    }

    fn weights_on(&self, place: (Device, Kind), component: &Component, cancel: &Cancel) -> Result<Weights> {
        let spell = |component: &str, key: &str| self.family.spell(component, key);
        let weights = Weights::open_spelled(
            component.name,
            &self.source,
            &self.folder.component(component.name)?.weights,
            &spell,
            place,
            cancel.clone(),
        )?;
        Ok(weights.quantised(self.quant(component)))
    }
}
