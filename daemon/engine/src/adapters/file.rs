//! LoRA files, mapped and checked: the header by its format, the bytes by the hash that the task names. [`Files`] keeps those of the
//! last tasks, so that a file is hashed once while it stays as it is.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use darkroom_formats::adapter::Adapter;
use darkroom_formats::pickle;
use darkroom_formats::safetensors::{Entry, Header};
use darkroom_protocol::lora::Lora;
use sha2::{Digest as _, Sha256};
use tch::{Kind, Tensor};

use crate::torch::{Bytes, from_bytes, view};
use crate::weights::{map, stored_kind};
use crate::{Cancel, Error, Result};

/// So many bytes are hashed between two looks at the cancel flag.
const PIECE: usize = 4 << 20;
/// The most files that stay open while no model has them.
const KEPT: usize = 16;

/// A LoRA file.
#[derive(Debug)]
pub struct File {
    /// What it holds.
    pub adapter: Adapter,
    bytes: Bytes,
    sha256: String,
    path: String,
    state: Option<State>,
}

/// What shows that a file is as it was: device, inode, length, both times of change.
type State = (u64, u64, u64, (i64, i64), (i64, i64));

impl File {
    /// The tensor at that place, in f32 on the CPU.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a number format that torch has not; [`Error::OutOfMemory`].
    pub fn tensor(&self, entry: &Entry) -> Result<Tensor> {
        let kind = stored_kind(entry.dtype).ok_or_else(|| {
            let dtype = entry.dtype;
            Error::Unsupported(format!(
                "{}: tensors of {dtype} are not read: use f16, bf16 or f32.",
                self.path
            ))
        })?;
        let shape: Vec<i64> = entry.shape.iter().map(|n| *n as i64).collect();
        let range = entry.range.start as usize..entry.range.end as usize;
        let stored = match view(&self.bytes, range.clone(), &shape, kind)? {
            Some(tensor) => tensor,
            None => from_bytes(self.bytes.as_slice().get(range).unwrap_or_default(), &shape, kind)?,
        };
        Ok(stored.to_kind(Kind::Float))
    }

    /// The one number of that tensor.
    ///
    /// # Errors
    /// As [`Self::tensor`].
    pub fn number(&self, entry: &Entry) -> Result<f64> {
        Ok(self.tensor(entry)?.double_value(&vec![0; entry.shape.len()]))
    }

    fn open(lora: &Lora, cancel: &Cancel) -> Result<Self> {
        let path = Path::new(&lora.path);
        let wrong = |what: String| Error::Lora {
            name: lora.name.clone(),
            what,
        };
        let state = state(path);
        if state.is_none() {
            return Err(wrong(format!(
                "its file {} is gone. Put it back, or leave the LoRA out.",
                lora.path
            )));
        }
        let bytes = map(path)?;
        let sha256 = hash(&bytes, cancel)?;
        let len = bytes.as_slice().len() as u64;
        let header = match pickle::is_pickle(bytes.as_slice()) {
            true => pickle::index(&bytes.as_slice()).map_err(|problem| wrong(problem.to_string()))?,
            false => Header::parse(bytes.as_slice(), len).map_err(|problem| wrong(problem.to_string()))?,
        };
        let adapter = Adapter::read(&header).map_err(|problem| wrong(format!("{} {problem}", lora.path)))?;
        Ok(Self {
            adapter,
            bytes,
            sha256,
            path: lora.path.clone(),
            state,
        })
    }
}

/// The files that were opened last.
#[derive(Debug, Default)]
pub struct Files(Vec<Arc<File>>);

impl Files {
    /// The file of a LoRA, which must be the one that the task names.
    ///
    /// # Errors
    /// [`Error::Lora`] where it is gone, another one, damaged, or no LoRA; [`Error::Io`], [`Error::Cancelled`].
    pub fn open(&mut self, lora: &Lora, cancel: &Cancel) -> Result<Arc<File>> {
        let now = state(Path::new(&lora.path));
        let current = |file: &&Arc<File>| file.path == lora.path && file.state.is_some() && file.state == now;
        let file = match self.0.iter().find(current) {
            Some(file) => file.clone(),
            None => {
                self.0.retain(|file| file.path != lora.path);
                let file = Arc::new(File::open(lora, cancel)?);
                self.0.push(file.clone());
                file
            }
        };
        let over = self.0.len().saturating_sub(KEPT);
        let mut unused = over;
        self.0.retain(|kept| {
            let goes = unused > 0 && Arc::strong_count(kept) == 1;
            unused -= usize::from(goes);
            !goes
        });
        if file.sha256 != lora.sha256 {
            return Err(Error::Lora {
                name: lora.name.clone(),
                what: format!(
                    "{} has changed since it was asked for (SHA-256 {}… then, {}… now). Ask for it again to use it as it is.",
                    lora.path,
                    short(&lora.sha256),
                    short(&file.sha256)
                ),
            });
        }
        Ok(file)
    }
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

fn hash(bytes: &Bytes, cancel: &Cancel) -> Result<String> {
    let mut digest = Sha256::new();
    for piece in bytes.as_slice().chunks(PIECE) {
        cancel.check()?;
        digest.update(piece);
    }
    // Read once more when it is used, from the system's cache.
    bytes.rest();
    Ok(darkroom_protocol::hash::hex(digest.finalize()))
}

fn state(path: &Path) -> Option<State> {
    let meta = path.metadata().ok().filter(std::fs::Metadata::is_file)?;
    Some((
        meta.dev(),
        meta.ino(),
        meta.len(),
        (meta.mtime(), meta.mtime_nsec()),
        (meta.ctime(), meta.ctime_nsec()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(name: &str) -> Result<Arc<File>> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures/lora")
            .join(name);
        let sha256 = hash(&map(&path)?, &Cancel::new())?;
        let lora = Lora {
            name: name.to_owned(),
            path: path.display().to_string(),
            sha256,
            unet: 1.0,
            text: 1.0,
        };
        Files::default().open(&lora, &Cancel::new())
    }

    /// `tests/oracle/pickles.py` wrote one LoRA in both formats.
    #[test]
    fn a_pickle_holds_what_a_safetensors_file_does() {
        let [plain, pickled] = ["tiny.safetensors", "tiny.pt"].map(|name| opened(name).unwrap());
        let read = |file: &File| {
            let path = Path::new(&file.path);
            let header = darkroom_formats::safetensors::Header::read(path).unwrap();
            let all = header.tensors.iter();
            all.map(|(name, entry)| (name.clone(), file.tensor(entry).unwrap()))
                .collect::<Vec<_>>()
        };
        let (plain, pickled) = (read(&plain), read(&pickled));
        assert_eq!(plain.len(), 3);
        for ((one, a), (other, b)) in plain.iter().zip(&pickled) {
            assert!(one == other && a.equal(b), "{one} and {other}");
        }
    }

    #[test]
    fn what_a_pickle_calls_is_refused_by_name() {
        let error = opened("hostile.pt").unwrap_err().to_string();
        assert!(error.contains("hostile.pt") && error.contains("system"), "{error}");
    }
}
