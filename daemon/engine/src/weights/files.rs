use std::collections::HashMap;
use std::path::Path;

use darkroom_formats::safetensors::{Entry, Header};
use darkroom_protocol::text::escape_line;
use memmap2::Mmap;

use super::source::{Source, Spell};
use crate::torch::Bytes;
use crate::{Error, Result};

/// The safetensors files of one component: which tensor is where.
#[derive(Debug)]
pub struct TensorFiles {
    files: Vec<Bytes>,
    places: HashMap<String, (usize, Entry)>,
}

impl TensorFiles {
    /// Maps the files called `names` and reads their headers; `spell` names the tensors of a single file.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Model`] with what is wrong with a header.
    pub fn open(source: &Source, names: &[String], spell: &Spell) -> Result<Self> {
        let mut all = Self {
            files: Vec::new(),
            places: HashMap::new(),
        };
        for name in names {
            let bytes = source.bytes(name)?;
            let header = header(source, name, &bytes)?;
            let at = all.files.len();
            let own = |(key, entry)| Some((source.spelled(name, key, spell)?, entry));
            for (key, entry) in header.tensors.into_iter().filter_map(own) {
                if let Some((first, _)) = all.places.insert(key.clone(), (at, entry)) {
                    return Err(twice(source, &names[first], name, &key));
                }
            }
            all.files.push(bytes);
        }
        Ok(all)
    }

    /// Gives the memory of mapped files back to the system, until they are read again.
    pub fn rest(&self) {
        self.files.iter().for_each(Bytes::rest);
    }

    /// Every tensor: its name, the file that holds it, and where in it.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Bytes, &Entry)> {
        self.places
            .iter()
            .map(|(key, (file, entry))| (key.as_str(), &self.files[*file], entry))
    }

    /// Where the tensor called `key` is.
    pub fn find(&self, key: &str) -> Option<(&Bytes, &Entry)> {
        let (file, entry) = self.places.get(key)?;
        Some((&self.files[*file], entry))
    }
}

fn twice(source: &Source, first: &str, second: &str, key: &str) -> Error {
    use darkroom_formats::folder::Files;
    Error::Model {
        path: source.called(second).into(),
        what: format!(
            "tensor {} is in {first} too: the shards are not of one model; download them again.",
            escape_line(key)
        ),
    }
}

fn header(source: &Source, name: &str, bytes: &Bytes) -> Result<Header> {
    use darkroom_formats::folder::Files;
    let all = bytes.as_slice();
    let bad = |what: String| Error::Model {
        path: source.called(name).into(),
        what,
    };
    let first = all.get(..8).ok_or_else(|| {
        bad(format!(
            "it has {} bytes, a safetensors file has at least 8.",
            all.len()
        ))
    })?;
    let len = Header::prefix_len(first, all.len() as u64).map_err(|e| bad(e.to_string()))?;
    Header::parse(&all[..len as usize], all.len() as u64).map_err(|e| bad(e.to_string()))
}

/// Maps a file into memory.
///
/// # Errors
/// [`Error::Io`].
#[allow(unsafe_code)]
pub fn map(path: &Path) -> Result<Bytes> {
    let io = |source| Error::Io {
        path: path.to_path_buf(),
        source,
    };
    let file = darkroom_protocol::files::open(path).map_err(io)?;
    // SAFETY: the mapping is private and read-only, and its length is that of the open file. Another process may still write
    // into the file: then weights change, which no code here depends on for soundness, since tensors hold plain numbers.
    // Or truncate it: then touching the lost pages is SIGBUS, which ends this worker and nothing else; the daemon sees it.
    let map = unsafe { Mmap::map(&file) }.map_err(io)?;
    Ok(Bytes::mapped(map))
}
