//! What a worker keeps in memory, and why.

use serde::{Deserialize, Serialize};

use crate::ModelSource;

/// The models in the memory of one worker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Residency {
    /// Bytes that models may take.
    pub budget: u64,
    /// Bytes that they take, as measured: the weights, each once, and what the process holds beside them.
    pub used: u64,
    /// The models, the one used last at the end.
    pub models: Vec<ResidentModel>,
}

/// A model in memory, or a part of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResidentModel {
    /// Its name.
    pub name: String,
    /// Its files.
    pub source: ModelSource,
    /// The number format of its weights, for instance `bf16`.
    pub dtype: String,
    /// The parts that are in memory.
    pub components: Vec<ResidentComponent>,
    /// Whether all of its parts are: then a job with it begins at once.
    pub complete: bool,
    /// Bytes of its parts, those that it shares included.
    pub bytes: u64,
    /// Whether it stays until somebody unpins it.
    pub pinned: bool,
    /// Whether a job uses it now.
    pub busy: bool,
    /// Seconds since it was last used.
    pub used_s: u64,
    /// Seconds until it is unloaded when nobody uses it; `None` when it stays until its room is needed.
    pub expires_s: Option<u64>,
}

/// A part of a model in memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResidentComponent {
    /// `text_encoder`, `unet`, `vae`.
    pub name: String,
    /// Bytes of its weights.
    pub bytes: u64,
    /// Whether another model uses the very same one: it is in memory once.
    pub shared: bool,
}

impl Residency {
    /// Names of the models that are wholly in memory.
    pub fn complete(&self) -> impl Iterator<Item = &str> {
        self.models.iter().filter(|m| m.complete).map(|m| m.name.as_str())
    }

    /// The same so many seconds later, when nothing was heard since.
    #[must_use]
    pub fn aged(mut self, seconds: u64) -> Self {
        for model in self.models.iter_mut().filter(|model| !model.busy) {
            model.used_s = model.used_s.saturating_add(seconds);
            model.expires_s = model.expires_s.map(|left| left.saturating_sub(seconds));
        }
        self
    }
}

impl ResidentModel {
    /// Whether the daemon calls it so: by its name, with its place where two models have one.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || name == format!("{} ({})", self.name, self.source.place())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> ResidentModel {
        ResidentModel {
            name: "sd15".into(),
            source: ModelSource::Folder("/m/sd15".into()),
            dtype: "bf16".into(),
            components: vec![],
            complete: true,
            bytes: 7,
            pinned: false,
            busy: false,
            used_s: 130,
            expires_s: Some(480),
        }
    }

    #[test]
    fn time_passes_for_what_is_idle() {
        let busy = ResidentModel { busy: true, ..model() };
        let residency = Residency {
            budget: 9,
            used: 8,
            models: vec![model(), busy.clone()],
        };
        let later = residency.aged(500);
        assert_eq!((later.models[0].used_s, later.models[0].expires_s), (630, Some(0)));
        assert_eq!(later.models[1], busy);
    }
}
