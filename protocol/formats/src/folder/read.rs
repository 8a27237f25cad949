//! `Folder`: model_index.json, the configuration of each component and the names of its weights in one value. The daemon builds a
//! card from it (`card/build.rs`), the engine its blueprint (`model/blueprint.rs`), so both see the same model. Which files are
//! the weights is decided in `choose.rs`; what the fields of a configuration mean is read in `schema/`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::choose::{self, Library};
use super::{Component, Files, TokenizerFiles};
use crate::family;
use crate::json::{MAX_CONFIG, object};
use crate::parts::lacking;
use crate::tokenizer::{TokenizerFacts, TokenizerProblem, TokenizerSources};
use crate::{Error, Result};

/// The most entries of a model_index.json.
const MAX_ENTRIES: usize = 64;
/// The most components that are read. Published pipelines have up to ten.
const MAX_COMPONENTS: usize = 24;
/// Components of published folders that make no picture: they are neither read nor asked for.
const IGNORED: [&str; 3] = ["safety_checker", "feature_extractor", "image_encoder"];

/// What a diffusers folder says of itself. No weights are read.
#[derive(Clone, Debug, PartialEq)]
pub struct Folder {
    /// Where it is, for messages.
    pub place: String,
    /// The pipeline, for instance `StableDiffusionPipeline`.
    pub class: String,
    /// The whole model_index.json.
    pub index: Map<String, Value>,
    /// The components that have weights.
    pub components: BTreeMap<String, Component>,
    /// The tokenizers by component name, for instance `tokenizer`.
    pub tokenizers: BTreeMap<String, TokenizerFiles>,
    /// The class of each tokenizer, and what the files beside its tables say, tokenizer.json left out.
    pub tokenizer_facts: BTreeMap<String, (String, std::result::Result<TokenizerFacts, TokenizerProblem>)>,
    /// The scheduler's class and its scheduler_config.json; empty where the folder has none.
    pub scheduler: Scheduler,
    /// What the files had to say beside that, line by line: [`Files::notices`].
    pub notices: Vec<String>,
    /// Components whose weights must come from files of their own: [`Files::lacks`].
    pub lacks: Vec<String>,
}

/// The scheduler that a folder names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scheduler {
    /// The class, for instance `PNDMScheduler`.
    pub class: String,
    /// Its scheduler_config.json.
    pub config: Map<String, Value>,
    /// Whether there is a scheduler_config.json; without one the family's own noise schedule counts.
    pub is_there: bool,
}

enum Role {
    Weights,
    Tokenizer,
    Scheduler,
}

impl Folder {
    /// Reads model_index.json, every component's configuration and the names of the weights.
    ///
    /// # Errors
    /// [`Error::NotAModel`] without a model_index.json, [`Error::NotBuilt`] where its pipeline is only of families that are not
    /// built, [`Error::Json`] for one that is damaged, [`Error::MissingConfig`], [`Error::NoWeights`],
    /// [`Error::OnlyForeignWeights`], [`Error::Index`], [`Error::MissingShard`] for components.
    pub fn read(files: &dyn Files) -> Result<Self> {
        if files.len("model_index.json")?.is_none() {
            return Err(without_index(files));
        }
        let index = config(files, "model_index.json")?;
        let class = text(&index, "_class_name").ok_or_else(|| not_an_index(files, "it has no _class_name"))?;
        // Before the components: those of such a family may be of kinds that are not read here.
        if let Some(refusal) = not_built(files, &class) {
            return Err(refusal);
        }
        if index.len() > MAX_ENTRIES {
            return Err(not_an_index(files, "it names more than 64 components"));
        }
        let mut folder = Self {
            place: files.place(),
            class,
            components: BTreeMap::new(),
            tokenizers: BTreeMap::new(),
            tokenizer_facts: BTreeMap::new(),
            scheduler: Scheduler::default(),
            index: Map::new(),
            notices: files.notices().to_vec(),
            lacks: files.lacks(),
        };
        let mut count = 0;
        for (name, value) in &index {
            if let Some((library, class)) = class_of(files, name, value)? {
                count += 1;
                if count > MAX_COMPONENTS {
                    return Err(not_an_index(files, "it names more than 24 components with files"));
                }
                folder.add(files, name, Library::named(library), class)?;
            }
        }
        folder.index = index;
        Ok(folder)
    }

    /// The component called `name`.
    ///
    /// # Errors
    /// [`Error::NoComponent`] when model_index.json does not name it.
    pub fn component(&self, name: &str) -> Result<&Component> {
        self.components.get(name).ok_or_else(|| Error::NoComponent {
            place: self.place.clone(),
            component: name.to_owned(),
        })
    }

    /// Refuses a model of which something must come from files of their own, and none was given.
    ///
    /// # Errors
    /// [`Error::SingleFile`] naming what is missing and the parameters that give it; as [`crate::family::detect_folder`].
    pub fn check_whole(&self) -> Result<()> {
        if self.lacks.is_empty() {
            return Ok(());
        }
        Err(Error::SingleFile {
            file: self.place.clone(),
            what: lacking(family::detect_folder(self)?.built(), &self.lacks),
        })
    }

    /// Bytes of all weights together.
    pub fn bytes(&self) -> u64 {
        self.components.values().map(|c| c.bytes).fold(0, u64::saturating_add)
    }

    fn add(&mut self, files: &dyn Files, name: &str, library: Library, class: &str) -> Result<()> {
        match role(name, class) {
            Role::Tokenizer => {
                self.tokenizers
                    .insert(name.to_owned(), TokenizerFiles::find(files, name)?);
                self.tokenizer_facts
                    .insert(name.to_owned(), (class.to_owned(), facts(files, name)?));
            }
            Role::Scheduler => {
                let config = optional(files, &format!("{name}/scheduler_config.json"))?;
                self.scheduler = Scheduler {
                    class: class.to_owned(),
                    is_there: config.is_some(),
                    config: config.unwrap_or_default(),
                };
            }
            Role::Weights => {
                let config = required(files, name, "config.json")?;
                let Weighed {
                    weights,
                    variant,
                    notice,
                    bytes,
                } = weighed(files, name, library, &config)?;
                let component = Component {
                    name: name.to_owned(),
                    class: class.to_owned(),
                    config,
                    weights,
                    variant,
                    notice,
                    bytes,
                };
                self.components.insert(name.to_owned(), component);
            }
        }
        Ok(())
    }
}

/// The weights of a component.
pub(crate) struct Weighed {
    /// Relative to the model.
    pub weights: Vec<String>,
    pub variant: Option<String>,
    pub notice: Option<String>,
    pub bytes: u64,
}

/// The weights in a component's folder `name` that belongs to no model: which library saved it, its configuration says.
///
/// # Errors
/// As [`Folder::read`] has them of components.
pub(crate) fn weigh(files: &dyn Files, name: &str, config: &Map<String, Value>) -> Result<Weighed> {
    let library = match config.contains_key("_class_name") {
        true => Library::Diffusers,
        false => Library::Transformers,
    };
    weighed(files, name, library, config)
}

fn weighed(files: &dyn Files, name: &str, library: Library, config: &Map<String, Value>) -> Result<Weighed> {
    let explicit = config.get("transformers_weights").and_then(Value::as_str);
    let explicit = explicit.filter(|_| library == Library::Transformers);
    let choice = choose::weights(files, name, library, explicit)?;
    let weights: Vec<_> = choice.files.iter().map(|file| format!("{name}/{file}")).collect();
    let mut bytes = 0u64;
    for file in &weights {
        bytes = bytes.saturating_add(files.len(file)?.unwrap_or(0));
    }
    Ok(Weighed {
        weights,
        variant: choice.variant,
        notice: choice.notice,
        bytes,
    })
}

/// Why no picture can be made with a folder of that pipeline, where its family is not built.
fn not_built(files: &dyn Files, class: &str) -> Option<Error> {
    let config = |component: &str| where_there_is(files, &format!("{component}/config.json"));
    family::not_built(&files.place(), class, config)
}

/// A configuration that may be missing or damaged: it is only asked for what a refusal says.
fn where_there_is(files: &dyn Files, name: &str) -> Option<Map<String, Value>> {
    files.len(name).ok()??;
    config(files, name).ok()
}

/// What is wrong with a folder without a model_index.json. diffusers' modular pipelines have another one, and no family that
/// is built has such.
fn without_index(files: &dyn Files) -> Error {
    let index = where_there_is(files, "modular_model_index.json");
    let class = index.and_then(|index| text(&index, "_class_name"));
    let refusal = class.and_then(|class| not_built(files, &class));
    refusal.unwrap_or_else(|| Error::NotAModel { place: files.place() })
}

/// Library and class of the component `name`, or `None` where the entry is a setting, `[null, null]` or a part that is
/// ignored.
fn class_of<'a>(files: &dyn Files, name: &str, value: &'a Value) -> Result<Option<(&'a str, &'a str)>> {
    let Value::Array(pair) = value else { return Ok(None) };
    if IGNORED.contains(&name) || pair.iter().all(Value::is_null) {
        return Ok(None);
    }
    let [library, Value::String(class)] = pair.as_slice() else {
        return Ok(None);
    };
    // The name becomes a path.
    let plain = !name.is_empty() && name.len() <= 64 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !plain {
        let shown = crate::shown::Shown(name);
        return Err(not_an_index(files, &format!("'{shown}' is no component's name")));
    }
    Ok(Some((library.as_str().unwrap_or_default(), class)))
}

fn role(name: &str, class: &str) -> Role {
    if class.ends_with("Tokenizer") || class.ends_with("TokenizerFast") || name.starts_with("tokenizer") {
        Role::Tokenizer
    } else if name == "scheduler" {
        Role::Scheduler
    } else {
        Role::Weights
    }
}

/// What the small files beside a tokenizer's tables say.
fn facts(files: &dyn Files, folder: &str) -> Result<std::result::Result<TokenizerFacts, TokenizerProblem>> {
    let read = |file: &str| -> Result<Option<Vec<u8>>> {
        let name = format!("{folder}/{file}");
        let there = files.len(&name)?.is_some();
        there.then(|| files.read(&name, MAX_CONFIG)).transpose()
    };
    let config = read("tokenizer_config.json")?;
    let specials = read("special_tokens_map.json")?;
    let added = read("added_tokens.json")?;
    Ok(TokenizerFacts::parse(&TokenizerSources {
        config: config.as_deref(),
        specials: specials.as_deref(),
        added: added.as_deref(),
        whole: None,
    }))
}

fn optional(files: &dyn Files, name: &str) -> Result<Option<Map<String, Value>>> {
    let there = files.len(name)?.is_some();
    there.then(|| config(files, name)).transpose()
}

fn required(files: &dyn Files, component: &str, file: &str) -> Result<Map<String, Value>> {
    let name = format!("{component}/{file}");
    if files.len(&name)?.is_none() {
        return Err(Error::MissingConfig {
            place: files.place(),
            file: name,
        });
    }
    config(files, &name)
}

fn config(files: &dyn Files, name: &str) -> Result<Map<String, Value>> {
    object(&files.read(name, MAX_CONFIG)?).map_err(|problem| Error::Json {
        file: files.called(name),
        problem,
    })
}

fn text(object: &Map<String, Value>, key: &str) -> Option<String> {
    object.get(key)?.as_str().map(str::to_owned)
}

fn not_an_index(files: &dyn Files, problem: &str) -> Error {
    Error::Json {
        file: files.called("model_index.json"),
        problem: problem.to_owned(),
    }
}
