use std::collections::BTreeMap;
use std::path::PathBuf;

use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::client::FoundModel;
use darkroom_protocol::{ModelCard, ModelSource};

use super::lookup::models_in;
use super::{Catalog, EMOJI};

impl Catalog {
    /// Every model that a request can name: those in the folders, by name, and the embedded one. One that cannot be used says
    /// why. Where two folders have one name, the first folder's counts.
    pub fn list(&self) -> Vec<FoundModel> {
        let mut paths: BTreeMap<String, PathBuf> = BTreeMap::new();
        let settings = self.settings.current();
        for (name, path) in settings.models.iter().flat_map(|folder| models_in(folder)) {
            paths.entry(name).or_insert(path);
        }
        let default = self.card(None).map(|card| card.source).ok();
        let one = |(name, path): (String, PathBuf)| found(&name, Some(path.clone()), self.card(path.to_str()));
        let mut models: Vec<FoundModel> = paths.into_iter().map(one).collect();
        models.push(found(EMOJI, None, self.card(Some(EMOJI))));
        for model in &mut models {
            model.default = default.as_ref() == Some(&model.source);
        }
        models
    }
}

fn found(name: &str, path: Option<PathBuf>, card: Result<ModelCard, RemoteError>) -> FoundModel {
    let mut model = FoundModel {
        name: name.to_owned(),
        source: source(name, path),
        family: String::new(),
        bytes: 0,
        problem: String::new(),
        default: false,
        resident: vec![],
    };
    match card {
        Ok(card) => {
            model.source = card.source;
            model.family = card.family;
            model.bytes = card.bytes;
        }
        Err(error) => model.problem = error.message,
    }
    model
}

fn source(name: &str, path: Option<PathBuf>) -> ModelSource {
    let Some(path) = path else {
        return ModelSource::Embedded(name.to_owned());
    };
    let text = path.to_string_lossy().into_owned();
    if path.is_dir() {
        ModelSource::Folder(text)
    } else {
        ModelSource::File(text)
    }
}
