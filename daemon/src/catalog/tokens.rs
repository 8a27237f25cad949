//! How many tokens a prompt has, for whoever is writing it: the verb `count_tokens`. Tokenizers are CLIP's alone, read from the model's
//! folder, or the one inside the program for single files and `emoji`; models of other text encoders have no count. Embeddings count
//! as many tokens as they have vectors where their files lie in `embeddings` of the folders of models, else as the words of their
//! names.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use darkroom_formats::family::Family;
use darkroom_formats::folder::{Directory, Files};
use darkroom_formats::prompt::embedding::{refused, shapes};
use darkroom_formats::prompt::{self, Embedding, Encoder, Tokenizer};
use darkroom_protocol::history::ModelFile;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::client::{CountTokens, TokenCount};
use darkroom_protocol::task::EmbeddingFile;
use darkroom_protocol::{FailureKind, ModelCard, ModelSource, PromptSyntax, files};
use serde_json::Value;

use super::{Catalog, embeddings, files_of};

/// Families whose prompts are read by CLIP's tokenizer.
const CLIP: [Family; 4] = [
    Family::StableDiffusion1,
    Family::StableDiffusion2,
    Family::StableDiffusionXl,
    Family::StableDiffusionXlRefiner,
];
/// Where a folder has a tokenizer and the configuration of its encoder. The first that is there counts.
const FOLDERS: [(&str, &str); 2] = [("tokenizer", "text_encoder"), ("tokenizer_2", "text_encoder_2")];
/// The longest configuration of a text encoder, in bytes.
const MAX_CONFIG: u64 = 1 << 20;
/// The most bytes of an embedding.
const MAX_EMBEDDING: u64 = 16 << 20;

/// Tokenizers that were read: the one inside the program, and that of the folder that was asked about last.
#[derive(Debug, Default)]
pub(super) struct Tokenizers {
    inside: OnceLock<Arc<Tokenizer>>,
    last: Mutex<Option<(ModelFile, Arc<Tokenizer>)>>,
}

impl Catalog {
    /// The tokens of a prompt; `None` for a model whose tokens are not CLIP's.
    ///
    /// # Errors
    /// As [`Self::card`]; `BadModel` for a tokenizer that is damaged, `Usage` for a prompt that a job would be refused for.
    pub fn count_tokens(&self, what: &CountTokens) -> Result<Option<TokenCount>, RemoteError> {
        let card = self.card(Some(&what.model))?;
        if !CLIP.iter().any(|family| family.label() == card.family) {
            return Ok(None);
        }
        let tokenizer = self.tokenizers.of(&card).map_err(remote)?;
        let named = match what.syntax {
            PromptSyntax::Plain => vec![],
            _ => embeddings(&self.settings.current().models, &[&what.text])?,
        };
        let known = named.iter().map(measured).collect::<Result<Vec<_>, _>>()?;
        let count = prompt::count(&tokenizer, &what.text, what.syntax, !what.negative, &known).map_err(remote)?;
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Ok(Some(TokenCount {
            tokens: number(count.tokens),
            chunks: number(count.chunks),
            room: number(count.room),
        }))
    }
}

impl Tokenizers {
    fn of(&self, card: &ModelCard) -> prompt::Result<Arc<Tokenizer>> {
        let ModelSource::Folder(path) = &card.source else {
            return self.inside();
        };
        let now = files_of(&card.source);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, tokenizer)) = last.as_ref().filter(|(then, _)| Some(then) == now.as_ref()) {
            return Ok(tokenizer.clone());
        }
        let folder = Directory::open(path)?;
        let Some((name, encoder)) = of_folder(&folder)? else {
            return self.inside();
        };
        let tokenizer = Arc::new(Tokenizer::in_folder(&folder, name, encoder)?);
        *last = now.map(|now| (now, tokenizer.clone()));
        Ok(tokenizer)
    }

    fn inside(&self) -> prompt::Result<Arc<Tokenizer>> {
        if let Some(tokenizer) = self.inside.get() {
            return Ok(tokenizer.clone());
        }
        let tokenizer = Arc::new(Tokenizer::embedded()?);
        Ok(self.inside.get_or_init(|| tokenizer).clone())
    }
}

/// The folder's tokenizer, and what its text encoder reads. Ids beyond the encoder's table are the worker's to refuse.
fn of_folder(folder: &Directory) -> prompt::Result<Option<(&'static str, Encoder)>> {
    for (name, encoder) in FOLDERS {
        let config = format!("{encoder}/config.json");
        if folder.list(name)?.is_empty() || folder.len(&config)?.is_none() {
            continue;
        }
        let config: Value = serde_json::from_slice(&folder.read(&config, MAX_CONFIG)?).unwrap_or_default();
        let positions = config.get("max_position_embeddings").and_then(Value::as_i64);
        let positions = positions.filter(|positions| (3..1 << 20).contains(positions));
        let encoder = Encoder {
            rows: i64::MAX,
            positions: positions.unwrap_or(Encoder::CLIP.positions),
        };
        return Ok(Some((name, encoder)));
    }
    Ok(None)
}

/// An embedding's name, and how many places it takes.
fn measured(file: &EmbeddingFile) -> Result<Embedding, RemoteError> {
    let no = |what: &str| remote(refused(&file.name, &file.path, what));
    let bytes = files::read(file.path.as_ref(), MAX_EMBEDDING).map_err(|e| no(&format!("cannot be read ({e})")))?;
    let shapes = shapes(&bytes).map_err(|what| no(&what))?;
    Ok(Embedding {
        name: file.name.clone(),
        path: file.path.clone(),
        vectors: shapes.first().map_or(0, |shape| shape.rows as usize),
    })
}

fn remote(error: prompt::Error) -> RemoteError {
    let kind = match error {
        prompt::Error::Refused(_) => FailureKind::Usage,
        prompt::Error::Tokenizer { .. } | prompt::Error::Files(_) => FailureKind::BadModel,
    };
    RemoteError::new(kind, error.to_string())
}
