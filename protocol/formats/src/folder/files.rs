//! `Files`: a model's files by relative name, wherever they lie, and two places: a folder on disk, and files compiled into the
//! program. A checkpoint in one file is another (`single/file.rs`); the daemon and the engine have their own
//! (`catalog/builtin.rs`, `weights/source.rs`). `read.rs` reads configurations through it, each under a cap. Weights and their
//! headers do not pass through it: the engine maps them, the catalogue reads headers by path.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use darkroom_protocol::files;

use crate::{Error, Result};

/// The most files that a listing returns; no published component has a hundred.
const MAX_LISTED: usize = 10_000;

/// The files of a model, wherever they are. Names are relative and use `/`: `unet/config.json`.
pub trait Files {
    /// Where they are, for messages.
    fn place(&self) -> String;

    /// The file as messages call it.
    fn called(&self, name: &str) -> String {
        format!("{}: {name}", self.place())
    }

    /// Bytes of the file, or `None` where there is none. Links are followed, as download caches are made of them.
    ///
    /// # Errors
    /// [`Error::Io`] when the system will not say.
    fn len(&self, name: &str) -> Result<Option<u64>>;

    /// The whole file, refused when it is longer than `cap` bytes.
    ///
    /// # Errors
    /// [`Error::Io`] when it is not there or unreadable, [`Error::TooLong`] over `cap`.
    fn read(&self, name: &str, cap: u64) -> Result<Vec<u8>>;

    /// Names of the files directly inside `folder`, in order; empty when there is no such folder.
    ///
    /// # Errors
    /// [`Error::Io`] when the system will not say.
    fn list(&self, folder: &str) -> Result<Vec<String>>;

    /// Lines for the person about what was found beside the configurations; a folder has none.
    fn notices(&self) -> &[String] {
        &[]
    }

    /// Components whose weights are not there and must come from files of their own; a folder has all.
    fn lacks(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A folder on disk.
#[derive(Clone, Debug)]
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// The folder at `path`.
    ///
    /// # Errors
    /// [`Error::NoFolder`] when there is none, or a file is there instead.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        match path.metadata() {
            Ok(found) if found.is_dir() => Ok(Self { path }),
            Ok(_) => Err(Error::NoFolder {
                path,
                instead: "a file is there",
            }),
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Err(Error::NoFolder {
                path,
                instead: "nothing is there",
            }),
            Err(source) => Err(Error::io(&path, source)),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Files for Directory {
    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn called(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    fn len(&self, name: &str) -> Result<Option<u64>> {
        let path = self.path.join(name);
        match path.metadata() {
            Ok(found) => Ok(found.is_file().then_some(found.len())),
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(source) => Err(Error::io(&path, source)),
        }
    }

    fn read(&self, name: &str, cap: u64) -> Result<Vec<u8>> {
        let path = self.path.join(name);
        let io = |source| Error::io(&path, source);
        let mut bytes = Vec::new();
        files::open(&path)
            .map_err(io)?
            .take(cap.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(io)?;
        within(bytes, cap, || self.called(name))
    }

    fn list(&self, folder: &str) -> Result<Vec<String>> {
        let path = self.path.join(folder);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(Vec::new()),
            Err(source) => return Err(Error::io(&path, source)),
        };
        let mut names = Vec::new();
        for entry in entries.take(MAX_LISTED) {
            let entry = entry.map_err(|source| Error::io(&path, source))?;
            // A name that is not UTF-8 is none that a model has.
            names.extend(entry.file_name().into_string());
        }
        names.sort();
        Ok(names)
    }
}

/// Files compiled into the program.
#[derive(Clone, Copy)]
pub struct Embedded {
    /// The model's name.
    pub name: &'static str,
    /// Every file: its name with `/`, and its bytes.
    pub files: &'static [(&'static str, &'static [u8])],
}

impl std::fmt::Debug for Embedded {
    /// Without the bytes, which are many.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedded")
            .field("name", &self.name)
            .field("files", &self.files.len())
            .finish()
    }
}

impl Embedded {
    /// The bytes of a file, without a copy.
    pub fn get(&self, name: &str) -> Option<&'static [u8]> {
        self.files
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, bytes)| *bytes)
    }
}

impl Files for Embedded {
    fn place(&self) -> String {
        format!("the built-in model {}", self.name)
    }

    fn len(&self, name: &str) -> Result<Option<u64>> {
        Ok(self.get(name).map(|bytes| bytes.len() as u64))
    }

    fn read(&self, name: &str, cap: u64) -> Result<Vec<u8>> {
        let bytes = self
            .get(name)
            .ok_or_else(|| Error::io(Path::new(&self.called(name)), ErrorKind::NotFound.into()))?;
        within(bytes.to_vec(), cap, || self.called(name))
    }

    fn list(&self, folder: &str) -> Result<Vec<String>> {
        let inside = |name: &str| {
            let rest = name.strip_prefix(folder)?.strip_prefix('/')?;
            (!rest.contains('/')).then(|| rest.to_owned())
        };
        let mut names: Vec<_> = self.files.iter().filter_map(|(name, _)| inside(name)).collect();
        names.sort();
        Ok(names)
    }
}

fn within(bytes: Vec<u8>, cap: u64, file: impl FnOnce() -> String) -> Result<Vec<u8>> {
    if bytes.len() as u64 > cap {
        return Err(Error::TooLong { file: file(), cap });
    }
    Ok(bytes)
}
