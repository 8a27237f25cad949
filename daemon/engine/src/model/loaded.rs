//! A model as a pipeline uses it: its components by name, in memory or read when they are asked for. What a prompt and latents are
//! is its family's business.

use std::cell::RefCell;
use std::rc::Rc;

use tch::Kind;

use super::{Adapt, Autoencoder, Blueprint, Component, ComponentKind, Denoiser, Encoded, Family, Part};
use crate::prompt::Wording;
use crate::text::TextEncoder;
use crate::torch::Device;
use crate::{Cancel, Error, Result};

/// A model ready to use: its components are in memory, or come when they are asked for.
#[derive(Debug)]
pub struct Model {
    blueprint: Rc<Blueprint>,
    held: RefCell<Vec<(&'static str, Part)>>,
    adapted: RefCell<Option<Rc<dyn Adapt>>>,
    cancel: Cancel,
}

impl Model {
    /// A model with these components, each under its name. One that is not among them is read when it is asked for, until
    /// `cancel`, and leaves memory with its last user.
    pub fn new(blueprint: Rc<Blueprint>, parts: Vec<(&'static str, Part)>, cancel: Cancel) -> Self {
        Self {
            blueprint,
            held: RefCell::new(parts),
            adapted: RefCell::default(),
            cancel,
        }
    }

    /// Holds no component any longer: from now on each is in memory only while it is used. The file cache of the system keeps
    /// them near.
    pub fn offload(&self) {
        self.held.borrow_mut().clear();
    }

    /// Parts that are read from now on are changed so. Those that are in memory are their keeper's.
    pub fn adapt(&self, with: Rc<dyn Adapt>) {
        *self.adapted.borrow_mut() = Some(with);
    }

    /// What there is of it beside weights.
    pub fn blueprint(&self) -> &Blueprint {
        &self.blueprint
    }

    /// What its family says of it.
    pub fn family(&self) -> &dyn Family {
        self.blueprint.family()
    }

    /// The text encoder called `name`.
    ///
    /// # Errors
    /// As when a model is loaded.
    pub fn text_encoder(&self, name: &str) -> Result<Rc<dyn TextEncoder>> {
        match self.part(Some(name), ComponentKind::TextEncoder)? {
            Part::TextEncoder(part) => Ok(part),
            _ => Err(Error::Defect),
        }
    }

    /// The denoiser.
    ///
    /// # Errors
    /// As when a model is loaded.
    pub fn denoiser(&self) -> Result<Rc<dyn Denoiser>> {
        match self.part(None, ComponentKind::Denoiser)? {
            Part::Denoiser(part) => Ok(part),
            _ => Err(Error::Defect),
        }
    }

    /// Between latents and pixels.
    ///
    /// # Errors
    /// As when a model is loaded.
    pub fn autoencoder(&self) -> Result<Rc<dyn Autoencoder>> {
        match self.part(None, ComponentKind::Autoencoder)? {
            Part::Autoencoder(part) => Ok(part),
            _ => Err(Error::Defect),
        }
    }

    /// The same in f32, where what it makes in the model's own format is no number: read for this one use, and gone with its last
    /// user. `None` where a wider format would change nothing.
    ///
    /// # Errors
    /// As when a model is loaded.
    pub fn wide_autoencoder(&self) -> Result<Option<Rc<dyn Autoencoder>>> {
        if self.blueprint.key().kind != Kind::Half {
            return Ok(None);
        }
        let component = self.blueprint.component(None, ComponentKind::Autoencoder)?;
        let weights = self.blueprint.weights_as(component, Kind::Float, &self.cancel)?;
        match self.blueprint.build(component, &weights)? {
            Part::Autoencoder(part) => Ok(Some(part)),
            _ => Err(Error::Defect),
        }
    }

    /// What the component of a kind is called, for messages.
    pub fn name_of(&self, kind: ComponentKind) -> &'static str {
        self.blueprint
            .component(None, kind)
            .map_or("model", |component| component.name)
    }

    /// Prompts as its denoiser reads them, in their order. Those that were encoded before, and are still remembered, are not again.
    ///
    /// # Errors
    /// As [`Family::encode`].
    pub fn encode(&self, prompts: &[Wording], cancel: &Cancel) -> Result<Vec<Encoded>> {
        let keys: Vec<String> = prompts.iter().map(Wording::key).collect();
        let known: Vec<_> = keys.iter().map(|key| self.blueprint.recall(key)).collect();
        let unknown = |at: &usize| known[*at].is_none() && !keys[..*at].contains(&keys[*at]);
        let new: Vec<usize> = (0..prompts.len()).filter(unknown).collect();
        let mut fresh = Vec::new();
        if !new.is_empty() {
            let prompts: Vec<Wording> = new.iter().map(|at| prompts[*at].clone()).collect();
            fresh = self.family().encode(self, &prompts, cancel)?;
        }
        let mut made = Vec::new();
        for (at, encoded) in new.iter().zip(fresh) {
            let encoded = Rc::new(encoded);
            self.blueprint.remember(keys[*at].clone(), &encoded)?;
            made.push((&keys[*at], encoded));
        }
        let each = keys.iter().zip(known).map(|(key, known)| {
            let made = || {
                made.iter()
                    .find(|(other, _)| *other == key)
                    .map(|(_, encoded)| encoded.clone())
            };
            known.or_else(made).ok_or(Error::Defect)?.to(self.device())
        });
        each.collect()
    }

    /// Whether its files are still those it was read from.
    pub fn is_current(&self) -> bool {
        self.blueprint.is_current()
    }

    /// Where it computes.
    pub fn device(&self) -> Device {
        self.blueprint.device()
    }

    fn part(&self, name: Option<&str>, kind: ComponentKind) -> Result<Part> {
        let component: &Component = self.blueprint.component(name, kind)?;
        let held = self.held.borrow();
        let found = held.iter().find(|(name, _)| *name == component.name);
        if let Some((_, part)) = found {
            return Ok(part.clone());
        }
        drop(held);
        let weights = self.blueprint.weights(component, &self.cancel)?;
        let part = self.blueprint.build(component, &weights)?;
        if let Some(adapted) = &*self.adapted.borrow() {
            adapted.adapt(component.name, &weights);
        }
        Ok(part)
    }
}
