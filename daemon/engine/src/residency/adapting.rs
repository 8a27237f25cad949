//! LoRAs on the models in memory: a task's are put on its model's parts before it computes, and stay for the next task with the same
//! ones. Nothing is read from the model's files here; layers make the weights that change anew when they use them.

use std::rc::Rc;
use std::sync::Arc;

use darkroom_protocol::lora::Lora;

use super::Models;
use crate::adapters::{File, Set};
use crate::model::{Adapt as _, Model};
use crate::{Cancel, Result};

impl Models {
    /// From now on `model` has these LoRAs and no others, on the parts that are in memory and on those that it reads yet. Answers what
    /// the person should know. A model that has them already is left alone.
    ///
    /// # Errors
    /// [`crate::Error::Lora`] for a file that is gone, another one, no LoRA, or of another model; [`crate::Error::Cancelled`]. The model
    /// is then as it was.
    pub fn adapt(&mut self, model: &Model, loras: &[Lora], cancel: &Cancel) -> Result<Vec<String>> {
        let mut opened: Vec<(Lora, Arc<File>)> = Vec::new();
        for lora in loras {
            opened.push((lora.clone(), self.files.open(lora, cancel)?));
        }
        let key = model.blueprint().key();
        let before = self
            .entries
            .iter()
            .find(|entry| entry.key() == key)
            .and_then(|entry| entry.set.clone());
        let set = match before.filter(|set| set.is(&opened)) {
            Some(set) => set,
            None => Rc::new(Set::of(model.blueprint(), opened, cancel)?),
        };
        model.adapt(set.clone());
        let Some(at) = self.entries.iter().position(|entry| entry.key() == key) else {
            return Ok(set.notices().to_vec());
        };
        // Parts that other models have too follow whoever computes: every task comes here first.
        for id in &self.entries[at].parts {
            if let Some(held) = self.held.iter().find(|held| held.id == *id) {
                set.adapt(held.name(), &held.weights);
            }
        }
        let notices = set.notices().to_vec();
        self.entries[at].set = Some(set);
        Ok(notices)
    }
}
