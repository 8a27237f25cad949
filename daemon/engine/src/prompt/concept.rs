//! Textual inversion (Gal et al. 2022): a few vectors that take the place of token embeddings, from a small file, under the file's
//! name. Files of SD 1 and 2 hold one tensor, those of SDXL one an encoder (`clip_l`, `clip_g`). A prompt names one by its name alone,
//! as in AUTOMATIC1111, or by `embedding:name`, as in ComfyUI.
//!
//! Files are safetensors or PyTorch's own (`.pt`, `.bin`), whatever they are called: of AUTOMATIC1111's those tensors count that its
//! `string_to_param` names. What a pickle calls is refused by name, and nothing is run (`darkroom_formats::pickle`).

use std::io::Read as _;
use std::path::Path;

use darkroom_formats::prompt::Embedding;
use darkroom_formats::prompt::embedding::{refused, shapes};
use darkroom_protocol::hash::hex;
use darkroom_protocol::task::EmbeddingFile;
use darkroom_protocol::text::escape_line;
use sha2::{Digest as _, Sha256};
use tch::{Kind, Tensor};

use crate::torch::from_bytes;
use crate::weights::stored_kind;
use crate::{Error, Result};

/// The file of an embedding, as a task names it.
pub type ConceptFile = EmbeddingFile;

/// The most bytes of a file: a chunk full of vectors of the widest encoder is less than one.
const MAX_FILE: u64 = 16 << 20;

/// An embedding.
#[derive(Debug)]
pub struct Concept {
    /// What a prompt calls it.
    pub name: String,
    /// Of its file.
    pub sha256: String,
    /// The file, for messages.
    path: String,
    /// [k, width], f32 on the CPU, one for each encoder that it is for.
    tensors: Vec<Tensor>,
}

impl Concept {
    /// The embedding in `file`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] naming the file, where it is gone, changed, or no embedding.
    pub fn read(file: &ConceptFile) -> Result<Self> {
        let refused = |what: &str| Error::from(refused(&file.name, &file.path, what));
        let path = Path::new(&file.path);
        let mut bytes = Vec::new();
        let opened = darkroom_protocol::files::open(path);
        opened
            .and_then(|opened| opened.take(MAX_FILE + 1).read_to_end(&mut bytes))
            .map_err(|e| refused(&format!("cannot be read ({e})")))?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(refused(&format!(
                "is larger than {} MB, which no embedding is",
                MAX_FILE >> 20
            )));
        }
        let sha256 = hex(Sha256::digest(&bytes));
        if sha256 != file.sha256 {
            return Err(refused("was changed since the job was sent"));
        }
        let tensors = tensors(&bytes).map_err(|what| refused(&what))?;
        Ok(Self {
            name: file.name.clone(),
            sha256,
            path: file.path.clone(),
            tensors,
        })
    }

    /// As a prompt sees it.
    pub fn named(&self) -> Embedding {
        Embedding {
            name: self.name.clone(),
            path: self.path.clone(),
            vectors: self.vectors(),
        }
    }

    /// How many places it takes.
    pub fn vectors(&self) -> usize {
        self.tensors.first().map_or(0, |tensor| tensor.size()[0] as usize)
    }

    /// Its vectors [k, width] for the encoder at `at` among those of these widths.
    ///
    /// # Errors
    /// [`Error::Unsupported`] naming the file where it is for other encoders.
    pub fn for_encoder(&self, widths: &[i64], at: usize) -> Result<&Tensor> {
        let own: Vec<i64> = self.tensors.iter().map(|tensor| tensor.size()[1]).collect();
        let (mut one, mut other) = (own.clone(), widths.to_vec());
        one.sort_unstable();
        other.sort_unstable();
        if one != other {
            return Err(self.refused(&format!(
                "has vectors of {}, and the model's text encoders take {}: it is for another family of models",
                listed(&own),
                listed(widths)
            )));
        }
        // Encoders of one width would take theirs in their order.
        let before = widths[..at].iter().filter(|width| **width == widths[at]).count();
        let mut fitting = self.tensors.iter().filter(|tensor| tensor.size()[1] == widths[at]);
        fitting.nth(before).ok_or(Error::Defect)
    }

    /// An error about it.
    pub fn refused(&self, what: &str) -> Error {
        refused(&self.name, &self.path, what).into()
    }
}

fn listed(widths: &[i64]) -> String {
    let widths: Vec<String> = widths.iter().map(i64::to_string).collect();
    widths.join(" and ")
}

/// The tensors of a file, in the order of its shapes.
fn tensors(bytes: &[u8]) -> Result<Vec<Tensor>, String> {
    let mut tensors = Vec::new();
    for shape in shapes(bytes)? {
        let (name, entry) = (&shape.name, &shape.entry);
        let kind = stored_kind(entry.dtype)
            .filter(|kind| matches!(kind, Kind::Float | Kind::Half | Kind::BFloat16 | Kind::Double))
            .ok_or_else(|| {
                format!(
                    "holds {} as {}, and vectors are floating point",
                    escape_line(name),
                    entry.dtype
                )
            })?;
        let data = bytes.get(entry.range.start as usize..entry.range.end as usize);
        let sides = [shape.rows as i64, shape.width as i64];
        let tensor = from_bytes(data.unwrap_or_default(), &sides, kind).map_err(|e| e.to_string())?;
        let tensor = tensor.to_kind(Kind::Float);
        if !tensor.isfinite().all().int64_value(&[]).eq(&1) {
            return Err("holds values that are no numbers".to_owned());
        }
        tensors.push(tensor);
    }
    Ok(tensors)
}
