//! Which model a request means, and what is known of it: configurations and headers only, never weights.
//!
//! A model is an absolute folder or single file, the name of one in the folders of the settings, the id of a repository
//! in a Hugging Face cache, or `emoji`, which every worker carries. What was read is kept for as long as size and time
//! of every file it came from stay the same.

mod builtin;
mod cache;
mod embeddings;
mod file;
mod files_of;
mod folder;
mod list;
mod lookup;
mod loras;
mod parts;
mod readers;
mod remedy;
mod scan;
mod seen;
mod tokens;
mod upscalers;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use darkroom_protocol::message::RemoteError;
use darkroom_protocol::{FailureKind, ModelCard};

use crate::settings::Live;
pub use cache::{cached, caches};
pub(crate) use embeddings::embeddings;
pub use files_of::files_of;
pub use list::{Outline, problem};
use lookup::{EMBEDDED, Meant, Places};
use readers::{Read, Readers};
use seen::Stamp;

/// The name of the model that every worker carries.
pub(crate) const EMOJI: &str = "emoji";
/// Said when nobody chose a model.
pub(crate) const NO_MODEL: &str = "No model is configured: using the embedded `emoji`, which knows words like apple, fox face, rocket, pizza, penguin.";
/// The most cards that are kept.
const KEPT: usize = 256;

/// The models of one daemon. Its methods read files and may block.
#[derive(Debug)]
pub struct Catalog {
    /// Which model to use when none is named, and the folders whose subfolders and .safetensors files are models.
    settings: Arc<Live>,
    /// Hugging Face's download caches.
    caches: Vec<PathBuf>,
    cards: Mutex<HashMap<PathBuf, (Stamp, ModelCard)>>,
    reading: Readers,
    /// The daemon's own folder of LoRAs, beside those of the settings.
    own_loras: Option<PathBuf>,
    lora_hashes: loras::Hashes,
    part_hashes: parts::Hashes,
    tokenizers: tokens::Tokenizers,
}

impl Catalog {
    /// The catalogue that `settings` ask for, now and later, without download caches.
    pub fn new(settings: Arc<Live>) -> Self {
        Self {
            settings,
            caches: Vec::new(),
            cards: Mutex::default(),
            reading: Readers::default(),
            own_loras: None,
            lora_hashes: loras::Hashes::default(),
            part_hashes: parts::Hashes::default(),
            tokenizers: tokens::Tokenizers::default(),
        }
    }

    /// The same with these download caches of Hugging Face, for instance [`caches`].
    #[must_use]
    pub fn with_caches(self, caches: Vec<PathBuf>) -> Self {
        Self { caches, ..self }
    }

    /// The same with this folder of LoRAs beside those of the settings.
    #[must_use]
    pub fn with_loras(self, folder: PathBuf) -> Self {
        Self {
            own_loras: Some(folder),
            ..self
        }
    }

    /// As [`Self::card`], where no file has to be looked at: `None` for what is on the disk.
    ///
    /// # Errors
    /// As [`Self::card`].
    pub(crate) fn at_hand(&self, model: Option<&str>) -> Option<Result<ModelCard, RemoteError>> {
        let settings = self.settings.current();
        let configured = settings.model.as_deref().filter(|model| !model.is_empty());
        let name = model.filter(|m| !m.is_empty()).or(configured);
        // With folders there may be an own model of that name.
        let embedded = |name: &str| name == EMBEDDED || name == EMOJI;
        let at_hand = name.is_none_or(|name| settings.models.is_empty() && embedded(name));
        at_hand.then(|| self.card(model))
    }

    /// The card of the model that `model` names; of the configured one when that is `None` or empty, else of `emoji`,
    /// with a notice that says so.
    ///
    /// # Errors
    /// `ModelNotFound` with what it may have been, `BadModel` for a model that is damaged or of an unknown family, `Usage` for
    /// a relative path.
    pub fn card(&self, model: Option<&str>) -> Result<ModelCard, RemoteError> {
        let given = model.filter(|m| !m.is_empty());
        let settings = self.settings.current();
        let configured = settings.model.as_deref().filter(|model| !model.is_empty());
        let Some(name) = given.or(configured) else {
            let mut card = builtin::card()?;
            card.notice = Some(NO_MODEL.to_owned());
            return Ok(card);
        };
        let places = Places {
            folders: &settings.models,
            caches: &self.caches,
        };
        let meant = places.meant(name).or_else(|error| match error.kind {
            FailureKind::ModelNotFound => self.met(name).ok_or(error),
            _ => Err(error),
        })?;
        match meant {
            Meant::Emoji => builtin::card(),
            Meant::Folder { name, path } => self.seen(&name, path, folder::read),
            Meant::File { name, path } => self.seen(&name, path, file::read),
        }
    }

    /// The one model of that name that was used before, wherever it lies: what lists of models in memory print is a
    /// name.
    fn met(&self, name: &str) -> Option<Meant> {
        let kept = self.kept();
        let mut called = kept
            .iter()
            .filter(|(path, (_, card))| card.name == name && path.exists());
        let (path, (_, card)) = called.next().filter(|_| called.next().is_none())?;
        Some(Meant::at(card.name.clone(), path.clone()))
    }

    /// The card of the model at `path`: the one kept while its files stay the same, else as `read` finds it.
    fn seen(&self, name: &str, path: PathBuf, read: Read) -> Result<ModelCard, RemoteError> {
        if let Some((stamp, card)) = self.kept().get(&path)
            && stamp.is_current()
            && card.name == name
        {
            return Ok(card.clone());
        }
        let (stamp, card) = self.reading.read(read, name, &path)?;
        let mut kept = self.kept();
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(path, (stamp, card.clone()));
        Ok(card)
    }

    /// A poisoned lock still guards a whole map: cards are put in and taken out in one step.
    fn kept(&self) -> std::sync::MutexGuard<'_, HashMap<PathBuf, (Stamp, ModelCard)>> {
        self.cards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_found(message: String) -> RemoteError {
    RemoteError::new(FailureKind::ModelNotFound, message)
}

#[cfg(test)]
mod tests;
