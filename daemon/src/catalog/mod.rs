//! Which model a request means, and what is known of it: configurations and headers only, never weights.
//!
//! A model is an absolute folder or single file, the name of one in the folders of the settings, or `emoji`, which every worker carries. What
//! was read is kept for as long as size and time of every file it came from stay the same.

mod builtin;
mod file;
mod folder;
mod list;
mod lookup;
mod seen;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use darkroom_protocol::message::RemoteError;
use darkroom_protocol::{FailureKind, ModelCard};

use crate::settings::Live;
use lookup::Meant;
use seen::Stamp;

/// The name of the model that every worker carries.
pub const EMOJI: &str = "emoji";
/// Said when nobody chose a model.
const NO_MODEL: &str = "No model is configured: using the embedded `emoji`, which knows words like apple, fox face, rocket, pizza, penguin.";
/// The most cards that are kept.
const KEPT: usize = 256;

/// The models of one daemon. Its methods read files and may block.
#[derive(Debug)]
pub struct Catalog {
    /// Which model to use when none is named, and the folders whose subfolders and .safetensors files are models.
    settings: Arc<Live>,
    cards: Mutex<HashMap<PathBuf, (Stamp, ModelCard)>>,
}

impl Catalog {
    /// The catalogue that `settings` ask for, now and later.
    pub fn new(settings: Arc<Live>) -> Self {
        Self {
            settings,
            cards: Mutex::default(),
        }
    }

    /// As [`Self::card`], where no file has to be looked at: `None` for what is on the disk.
    ///
    /// # Errors
    /// As [`Self::card`].
    pub fn at_hand(&self, model: Option<&str>) -> Option<Result<ModelCard, RemoteError>> {
        let settings = self.settings.current();
        let configured = settings.model.as_deref().filter(|model| !model.is_empty());
        let name = model.filter(|m| !m.is_empty()).or(configured);
        let at_hand = name.is_none_or(|name| darkroom_protocol::text::fold(name) == EMOJI);
        at_hand.then(|| self.card(model))
    }

    /// The card of the model that `model` names; of the configured one when that is `None` or empty, else of `emoji`, with a
    /// notice that says so.
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
        match lookup::meant(name, &settings.models)? {
            Meant::Emoji => builtin::card(),
            Meant::Folder { name, path } => self.seen(path, |path| folder::read(&name, path)),
            Meant::File { name, path } => self.seen(path, |path| file::read(&name, path)),
        }
    }

    /// The card of the model at `path`: the one kept while its files stay the same, else as `read` finds it.
    fn seen(
        &self,
        path: PathBuf,
        read: impl FnOnce(&Path) -> Result<(Stamp, ModelCard), RemoteError>,
    ) -> Result<ModelCard, RemoteError> {
        if let Some((stamp, card)) = self.kept().get(&path)
            && stamp.is_current()
        {
            return Ok(card.clone());
        }
        let (stamp, card) = read(&path)?;
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
