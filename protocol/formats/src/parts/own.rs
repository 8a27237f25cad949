//! One component in a file or folder of its own: opened, recognised, and with the configuration that it has in the model which it goes
//! into. `assembled.rs` decides which component of the model it is tried for.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use darkroom_protocol::files;
use serde_json::{Map, Value};

use super::{kinds, measured};
use crate::family::{Built, Found, Layout, detect_file};
use crate::folder::{Directory, Files, Weighed, weigh};
use crate::json::{MAX_CONFIG, object};
use crate::safetensors::Header;
use crate::{Error, Result};

/// Whose names the tensors of a component have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// Those that its layers ask for: diffusers', transformers'.
    Layers,
    /// Those of the code that trained it, which its family knows.
    Original,
}

/// A component in a file or folder of its own.
#[derive(Clone, Debug)]
pub struct OwnPart {
    component: &'static str,
    weights: String,
    lies: Lies,
    config: Map<String, Value>,
    text: String,
    bytes: u64,
    notice: Option<String>,
}

#[derive(Clone, Debug)]
enum Lies {
    File {
        path: PathBuf,
        prefix: String,
        naming: Naming,
    },
    /// In a folder with its config.json, which lies in this one.
    Folder { around: Directory, name: String },
}

/// What a person gave, read as far as all components need it.
pub(super) enum Given {
    File { path: PathBuf, header: Header },
    Folder { path: PathBuf },
}

/// The component of a model that a file is tried for.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub built: &'static Built,
    pub component: &'static str,
    pub class: &'static str,
    /// How a single file of the family would call its weights.
    pub weights: &'static str,
    /// Its configuration in the model that the file goes into.
    pub base: &'a Map<String, Value>,
}

impl Given {
    /// Reads the header of a file.
    ///
    /// # Errors
    /// Those of the header.
    pub(super) fn open(path: &str) -> Result<Self> {
        let path = PathBuf::from(path);
        Ok(match path.is_dir() {
            true => Self::Folder { path },
            false => Self::File {
                header: Header::read(&path)?,
                path,
            },
        })
    }

    /// The component that it is at that place; `None` where it is none such.
    ///
    /// # Errors
    /// What is wrong with a folder that is one.
    pub(super) fn at(&self, place: Place<'_>) -> Result<Option<OwnPart>> {
        match self {
            Self::File { path, header } => of_file(path, header, place),
            // A whole model's folder has its components inside.
            Self::Folder { path } if path.join("model_index.json").is_file() => {
                of_folder(&path.join(place.component), place)
            }
            Self::Folder { path } => of_folder(path, place),
        }
    }

    /// What the file seems to be, for a refusal.
    pub(super) fn seems(&self) -> String {
        match self {
            Self::Folder { .. } => "is a folder without a config.json and weights for that".to_owned(),
            Self::File { header, .. } => match detect_file(header) {
                None => "is nothing that Darkroom recognises".to_owned(),
                Some(Found::Other(kind)) => match width(header) {
                    Some(width) => format!("seems to be {kind}, {width} wide"),
                    None => format!("seems to be {kind}"),
                },
                Some(Found::Denoiser(found)) => format!("seems to be a model of {}, or a part of one", found.row.label),
            },
        }
    }
}

/// How wide the states of a language model or a T5 are.
fn width(header: &Header) -> Option<u64> {
    let tables = ["model.embed_tokens.weight", "embed_tokens.weight", "shared.weight"];
    let table = tables.iter().find_map(|key| header.tensors.get(*key))?;
    table.shape.get(1).copied()
}

fn of_file(path: &Path, header: &Header, place: Place<'_>) -> Result<Option<OwnPart>> {
    let Some((prefix, naming)) = found(header, place) else {
        return Ok(None);
    };
    let twin = twin(path, place.class)?.filter(|_| naming == Naming::Layers);
    let config = twin.unwrap_or_else(|| {
        let layout = match naming {
            Naming::Layers => Layout::Diffusers,
            Naming::Original => Layout::Original,
        };
        let mut config = place.base.clone();
        config.extend(measured(place.class, header, (prefix, layout), place.base));
        config
    });
    let own = header.tensors.iter().filter(|(key, _)| key.starts_with(prefix));
    let bytes = own.map(|(_, entry)| entry.bytes()).fold(0, u64::saturating_add);
    let weights = place.weights.rsplit('/').next().unwrap_or_default().to_owned();
    let lies = Lies::File {
        path: path.to_owned(),
        prefix: prefix.to_owned(),
        naming,
    };
    Ok(fitting(place, config, lies, weights, (bytes, None)))
}

/// What stands before the component's keys in a file, and whose names they are.
fn found(header: &Header, place: Place<'_>) -> Option<(&'static str, Naming)> {
    if place.component != place.built.denoiser {
        return kinds::found(place.class, header);
    }
    match detect_file(header)? {
        Found::Denoiser(found) if found.row.built.is_some_and(|built| built.family == place.built.family) => {
            let naming = match found.layout {
                Layout::Diffusers => Naming::Layers,
                Layout::Original => Naming::Original,
            };
            Some((found.prefix, naming))
        }
        _ => None,
    }
}

fn of_folder(path: &Path, place: Place<'_>) -> Result<Option<OwnPart>> {
    let (Some(around), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Ok(None);
    };
    if !path.join("config.json").is_file() {
        return Ok(None);
    }
    let around = Directory::open(around)?;
    let config = object(&around.read(&format!("{name}/config.json"), MAX_CONFIG)?).map_err(|problem| Error::Json {
        file: path.join("config.json").display().to_string(),
        problem,
    })?;
    if !is_of_class(&config, place.class) {
        return Ok(None);
    }
    let Weighed { bytes, notice, .. } = weigh(&around, name, &config)?;
    let lies = Lies::Folder {
        around,
        name: name.to_owned(),
    };
    Ok(fitting(place, config, lies, String::new(), (bytes, notice)))
}

/// The component, where a width that the model has for it is no other than its own.
fn fitting(
    place: Place<'_>,
    config: Map<String, Value>,
    lies: Lies,
    weights: String,
    (bytes, notice): (u64, Option<String>),
) -> Option<OwnPart> {
    let is_text = super::role(place.built, place.component) == darkroom_protocol::PartRole::TextEncoder;
    if is_text
        && let (Some(own), Some(wanted)) = (states(&config), states(place.base))
        && own != wanted
    {
        return None;
    }
    Some(OwnPart {
        component: place.component,
        text: Value::Object(config.clone()).to_string(),
        config,
        weights,
        lies,
        bytes,
        notice,
    })
}

/// How wide the states of a text encoder with that configuration are; T5's has a word of its own for it.
pub(super) fn states(config: &Map<String, Value>) -> Option<u64> {
    let mut fields = ["hidden_size", "d_model"].into_iter();
    fields.find_map(|field| config.get(field)?.as_u64())
}

/// The config.json beside a component's file that has a folder to itself.
fn twin(path: &Path, class: &str) -> Result<Option<Map<String, Value>>> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_weights = ["model.", "diffusion_pytorch_model.", "pytorch_model."]
        .iter()
        .any(|stem| name.starts_with(stem));
    let twin = path.with_file_name("config.json");
    if !is_weights || !twin.is_file() {
        return Ok(None);
    }
    let io = |source| Error::io(&twin, source);
    let mut bytes = Vec::new();
    let file = files::open(&twin).map_err(io)?;
    file.take(MAX_CONFIG).read_to_end(&mut bytes).map_err(io)?;
    let config = object(&bytes).map_err(|problem| Error::Json {
        file: twin.display().to_string(),
        problem,
    })?;
    Ok(Some(config).filter(|config| is_of_class(config, class)))
}

/// Whether a config.json is that of a component of `class`: diffusers writes the class, transformers a list of what was saved.
fn is_of_class(config: &Map<String, Value>, class: &str) -> bool {
    let architecture = config
        .get("architectures")
        .and_then(|all| all.as_array()?.first()?.as_str());
    match (config.get("_class_name").and_then(Value::as_str), architecture) {
        (Some(own), _) => own == class,
        // One encoder with and without its projection, or with the head that says words, is the same file.
        (None, Some(own)) => {
            own == class
                || (own.starts_with("CLIPText") && class.starts_with("CLIPText"))
                || matches!(
                    (own, class),
                    ("Qwen3ForCausalLM", "Qwen3Model") | ("T5ForConditionalGeneration", "T5EncoderModel")
                )
        }
        (None, None) => match (config.get("model_type").and_then(Value::as_str), class) {
            (Some(kind), "Qwen3Model") => kind == "qwen3",
            (Some(kind), "T5EncoderModel") => kind == "t5",
            (Some(kind), class) if class.starts_with("CLIPText") => kind.starts_with("clip"),
            _ => true,
        },
    }
}

impl OwnPart {
    /// The component of the model that it stands in for.
    pub fn component(&self) -> &'static str {
        self.component
    }

    /// Its configuration.
    pub fn config(&self) -> &Map<String, Value> {
        &self.config
    }

    /// The name of a tensor of its file within the component, and whose names they are; `None` for tensors of other components.
    pub fn inside<'k>(&self, key: &'k str) -> Option<(&'k str, Naming)> {
        match &self.lies {
            Lies::Folder { .. } => Some((key, Naming::Layers)),
            Lies::File { prefix, naming, .. } => Some((key.strip_prefix(prefix.as_str())?, *naming)),
        }
    }

    /// Whether its file has names of the code that trained it.
    pub fn is_original(&self) -> bool {
        matches!(
            self.lies,
            Lies::File {
                naming: Naming::Original,
                ..
            }
        )
    }

    /// The file on disk behind the one that is called `name` in the component's folder.
    pub fn on_disk(&self, name: &str) -> PathBuf {
        match &self.lies {
            Lies::File { path, .. } => path.clone(),
            Lies::Folder { around, name: folder } => around.path().join(folder).join(name),
        }
    }

    pub(super) fn notice(&self) -> Option<&String> {
        self.notice.as_ref()
    }

    pub(super) fn len(&self, name: &str) -> Result<Option<u64>> {
        match &self.lies {
            Lies::Folder { around, name: folder } => around.len(&format!("{folder}/{name}")),
            Lies::File { .. } if name == "config.json" => Ok(Some(self.text.len() as u64)),
            Lies::File { .. } => Ok((name == self.weights).then_some(self.bytes)),
        }
    }

    pub(super) fn read(&self, name: &str, cap: u64) -> Result<Vec<u8>> {
        match &self.lies {
            Lies::Folder { around, name: folder } => around.read(&format!("{folder}/{name}"), cap),
            Lies::File { .. } if name == "config.json" => Ok(self.text.as_bytes().to_vec()),
            Lies::File { path, .. } => Err(Error::io(path, std::io::ErrorKind::NotFound.into())),
        }
    }

    pub(super) fn list(&self) -> Result<Vec<String>> {
        match &self.lies {
            Lies::Folder { around, name } => around.list(name),
            Lies::File { .. } => Ok(vec!["config.json".to_owned(), self.weights.clone()]),
        }
    }
}
