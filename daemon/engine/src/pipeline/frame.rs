use std::collections::BTreeMap;

use darkroom_formats::card::{detect_folder, scheduler_config};
use darkroom_formats::folder::{Files, Folder, Watched};
use serde_json::{Map, Value};

use crate::families::stable_diffusion::VaeConfig;
use crate::residency::{Identity, Key, Plan, Role};
use crate::sampling::SchedulerConfig;
use crate::text::clip::ClipTextConfig;
use crate::text::{Encoder, Tokenizer};
use crate::torch::Device;
use crate::weights::{Source, Weights};
use crate::{Cancel, Error, Result};

/// The longest file of a tokenizer, in bytes.
const MAX_TOKENIZER: u64 = 32 << 20;

/// What there is of a model beside its weights: configuration, tokenizer, and how its parts are read.
#[derive(Debug)]
pub struct Frame {
    pub(super) tokenizer: Tokenizer,
    /// What scheduler_config.json says.
    pub(super) scheduler: SchedulerConfig,
    /// What vae/config.json says.
    pub(super) vae: VaeConfig,
    key: Key,
    source: Source,
    folder: Folder,
    /// The files and folders that it was read from, and those that were looked for.
    seen: BTreeMap<String, Identity>,
}

impl Frame {
    /// Reads the configuration of the model that `key` names. No weights yet.
    ///
    /// # Errors
    /// What is wrong with the files, in words.
    pub fn open(key: &Key) -> Result<Self> {
        let source = Source::open(&key.source)?;
        let look = |name: &str| Identity::of(&source, [name]);
        let watched = Watched::new(&source, &look);
        source.beside().iter().for_each(|name| watched.note(name));
        let folder = Folder::read(&watched)?;
        let tokenizer = tokenizer(&watched, encoder(&folder)?)?;
        let seen = watched.into_seen();
        Ok(Self {
            tokenizer,
            scheduler: SchedulerConfig::from_json(&json("scheduler", &scheduler(&folder)?)?)?,
            vae: VaeConfig::from_json(&json("vae", &folder.component("vae")?.config)?)?,
            key: key.clone(),
            source,
            folder,
            seen,
        })
    }

    /// Whether reading it again would read the same: its files are as they were, and none has appeared beside them.
    pub fn is_current(&self) -> bool {
        let mut seen = self.seen.iter();
        seen.all(|(name, then)| Identity::of(&self.source, [name.as_str()]) == *then)
    }

    /// Which model it is, and where its parts go.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Where its parts go.
    pub fn device(&self) -> Device {
        self.key.device
    }

    /// How a part is built.
    ///
    /// # Errors
    /// `Error::Config` for what cannot be.
    pub fn plan(&self, role: Role) -> Result<Plan> {
        Plan::read(role, &json(role.name(), &self.folder.component(role.name())?.config)?)
    }

    /// The files of a part's weights.
    ///
    /// # Errors
    /// When the model has no such part.
    pub fn identity(&self, role: Role) -> Result<Identity> {
        let component = self.folder.component(role.name())?;
        Ok(Identity::of(&self.source, component.weights.iter().map(String::as_str)))
    }

    /// The weights of a part: headers are read, tensors when they are asked for, until `cancel`.
    ///
    /// # Errors
    /// What is wrong with the files.
    pub fn weights(&self, role: Role, cancel: &Cancel) -> Result<Weights> {
        let component = self.folder.component(role.name())?;
        let weights = Weights::open(
            role.name(),
            &self.source,
            &component.weights,
            self.key.device,
            Some(self.key.kind),
            cancel.clone(),
        )?;
        Ok(match role {
            Role::Unet => weights.quantised(self.key.quant),
            Role::TextEncoder | Role::Vae => weights,
        })
    }
}

/// What tokens are made for.
fn encoder(folder: &Folder) -> Result<Encoder> {
    let config = ClipTextConfig::from_json(&json("text_encoder", &folder.component("text_encoder")?.config)?)?;
    Ok(Encoder {
        rows: config.vocab_size,
        positions: config.max_position_embeddings,
    })
}

/// The model's scheduler_config.json; where it brings none, its family's.
fn scheduler(folder: &Folder) -> Result<Map<String, Value>> {
    Ok(scheduler_config(folder, detect_folder(folder)?)?)
}

fn tokenizer(files: &dyn Files, encoder: Encoder) -> Result<Tokenizer> {
    let read = |file: &str| {
        let name = format!("tokenizer/{file}");
        Ok(match files.len(&name)? {
            Some(_) => Some(files.read(&name, MAX_TOKENIZER)?.into()),
            None => None,
        })
    };
    Tokenizer::open(read, encoder)
}

fn json(component: &str, config: &Map<String, Value>) -> Result<Vec<u8>> {
    serde_json::to_vec(config).map_err(|why| Error::Config {
        component: component.to_owned(),
        field: "file".to_owned(),
        what: why.to_string(),
    })
}
