//! The list of models for people: every one that a request can name, with why it cannot be used. Which file a name means is decided
//! in `lookup`.

use std::path::{Path, PathBuf};

use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::client::FoundModel;
use darkroom_protocol::text::escape_line;
use darkroom_protocol::{ModelCard, ModelSource};

use super::lookup::{called, embedded_called};
use super::seen::{State, state};
use super::{Catalog, builtin, scan};

impl Catalog {
    /// Every model that a request can name: those in the folders of the settings and in the download caches, and the
    /// embedded one, each by a name that reaches it. One that cannot be used says why, and so does a folder that is not
    /// there.
    pub(crate) fn list(&self) -> Vec<FoundModel> {
        let settings = self.settings.current();
        let all = scan::models(&settings.models, &self.caches);
        let default = self.card(None).map(|card| card.source).ok();
        let mut models: Vec<FoundModel> = all
            .iter()
            .map(|one| found(called(one, &all), Some(&one.path), self.card(one.path.to_str())))
            .collect();
        models.extend(settings.models.iter().filter_map(|folder| missing(folder)));
        models.push(found(embedded_called(&all), None, builtin::card()));
        for model in &mut models {
            model.default = default.as_ref() == Some(&model.source);
        }
        models
    }
}

/// What shows that [`Catalog::list`] would answer otherwise than before: the models that there are, with size and time of what each
/// is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline(Vec<(PathBuf, State)>);

impl Catalog {
    /// The outline of the models as they are now. Reads folders, no files.
    pub(crate) fn outline(&self) -> Outline {
        let settings = self.settings.current();
        let known_by = |path: PathBuf| match scan::is_model(&path) {
            true => path.join("model_index.json"),
            false => path,
        };
        let all = scan::models(&settings.models, &self.caches).into_iter();
        let folders = settings.models.iter().cloned();
        let paths = all.map(|one| known_by(one.path)).chain(folders);
        Outline(paths.map(|path| (path.clone(), state(&path))).collect())
    }
}

/// The row of a folder of the settings that is not there.
fn missing(folder: &Path) -> Option<FoundModel> {
    let problem = problem(folder)?;
    Some(FoundModel {
        problem,
        ..found(
            folder.to_string_lossy().into_owned(),
            Some(folder),
            Err(RemoteError::usage("")),
        )
    })
}

/// Why no model can be found in a folder of the settings, as a sentence; `None` where it can be looked into.
pub fn problem(folder: &Path) -> Option<String> {
    let remedy = "Make it, or take it out of `models` in config.toml.";
    let shown = folder.to_string_lossy();
    let shown = escape_line(&shown);
    match folder.read_dir() {
        Ok(_) => None,
        // A single file may be named too.
        Err(_) if folder.is_file() => None,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Some(format!("The folder of models {shown} does not exist. {remedy}"))
        }
        Err(error) => Some(format!(
            "The folder of models {shown} cannot be read ({error}). {remedy}"
        )),
    }
}

fn found(name: String, path: Option<&Path>, card: Result<ModelCard, RemoteError>) -> FoundModel {
    let mut model = FoundModel {
        source: source(&name, path),
        name,
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

fn source(name: &str, path: Option<&Path>) -> ModelSource {
    let Some(path) = path else {
        return ModelSource::Embedded(name.to_owned());
    };
    let text = path.to_string_lossy().into_owned();
    if path.is_file() {
        ModelSource::File(text)
    } else {
        ModelSource::Folder(text)
    }
}
