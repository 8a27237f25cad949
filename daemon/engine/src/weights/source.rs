//! Where the files of a model are: a folder, a single file, or the program itself. `model/blueprint.rs` opens it, and
//! configuration, tokenizer and weights of a model are all read through it. What belongs into a folder or a single file is known
//! to `darkroom_formats`; bytes inside the program are in `embedded.rs`, headers of tensors in `files.rs`.

use std::path::PathBuf;
use std::sync::Arc;

use darkroom_formats::folder::{Directory, Embedded, Files};
use darkroom_formats::parts::{Naming, Parts};
use darkroom_formats::single::SingleFile;
use darkroom_protocol::text::escape_line;
use darkroom_protocol::{ModelSource, PartFile};

use super::files::map;
use super::pieces::Piece;
use crate::torch::Bytes;
use crate::{Error, Result};

/// A family's map of names: what a tensor of a component is for the layers, by the key that a single file has it under. Nothing where
/// no layer reads it; several pieces where it is fused.
pub type Spell<'a> = dyn Fn(&str, &str) -> Vec<Piece> + 'a;

/// A model's files: on disk, or inside the program. Everything above reads both alike.
#[derive(Clone, Debug)]
pub enum Source {
    /// A folder on disk.
    Directory(Directory),
    /// Inside the program.
    Embedded(Embedded),
    /// One file on disk, in the names of the code that trained it.
    Single(Arc<SingleFile>),
    /// Any of them with components from files of their own.
    Assembled(Arc<WithParts>),
}

/// A model's files and the components that come from elsewhere.
#[derive(Debug)]
pub struct WithParts {
    base: Source,
    parts: Parts,
    notices: Vec<String>,
}

/// Names of the models inside the program.
pub fn embedded_models() -> Vec<&'static str> {
    EMBEDDED.iter().map(|model| model.name).collect()
}

#[cfg(feature = "embedded-model")]
static EMBEDDED: &[&Embedded] = &[&super::embedded::EMOJI];
#[cfg(not(feature = "embedded-model"))]
static EMBEDDED: &[&Embedded] = &[];

/// The upscaler inside the program, and what its file is called there.
///
/// # Errors
/// [`Error::Unsupported`] where this build lacks it.
pub fn embedded_upscaler() -> Result<(Source, String)> {
    #[cfg(feature = "embedded-model")]
    {
        let upscaler = super::embedded::UPSCALER;
        let file = upscaler.files.first().ok_or(Error::Defect)?.0.to_owned();
        Ok((Source::Embedded(upscaler), file))
    }
    #[cfg(not(feature = "embedded-model"))]
    Err(Error::Unsupported(format!(
        "This worker was built without the upscaler {}: name another one, or none.",
        darkroom_protocol::upscaler::EMBEDDED
    )))
}

impl Source {
    /// The files that a task names.
    ///
    /// # Errors
    /// [`Error::Format`] when the folder is not there or the file is no checkpoint of a known family, [`Error::Unsupported`]
    /// for embedded models that this build lacks.
    pub fn open(source: &ModelSource) -> Result<Self> {
        match source {
            ModelSource::Folder(path) => Ok(Self::Directory(Directory::open(path)?)),
            ModelSource::Embedded(name) => {
                let found = EMBEDDED.iter().find(|model| model.name == name);
                let missing = || {
                    Error::Unsupported(format!(
                        "This worker was built without the model {}: name a folder with -m.",
                        escape_line(name)
                    ))
                };
                found.map(|model| Self::Embedded(**model)).ok_or_else(missing)
            }
            ModelSource::File(path) => Ok(Self::Single(Arc::new(SingleFile::open(path)?))),
        }
    }

    /// The files that a task names, with these in place of its model's own.
    ///
    /// # Errors
    /// As [`Self::open`] and [`Parts::of`].
    pub fn with_parts(source: &ModelSource, given: &[PartFile]) -> Result<Self> {
        let base = Self::open(source)?;
        if given.is_empty() {
            return Ok(base);
        }
        let parts = base.with(|files| Parts::of(files, given))?;
        let notices = base.with(|files| parts.over(files).notices().to_vec());
        Ok(Self::Assembled(Arc::new(WithParts { base, parts, notices })))
    }

    /// The bytes of a file, without a copy; of a component in a single file, the whole of it.
    ///
    /// # Errors
    /// [`Error::Io`] when it is not there or cannot be mapped.
    pub fn bytes(&self, name: &str) -> Result<Bytes> {
        match self {
            Self::Directory(folder) => map(&folder.path().join(name)),
            Self::Single(file) => map(file.path()),
            Self::Assembled(all) => match all.parts.find(name) {
                Some((part, inside)) => map(&part.on_disk(inside)),
                None => all.base.bytes(name),
            },
            Self::Embedded(model) => match model.get(name) {
                Some(bytes) => Ok(Bytes::fixed(bytes)),
                None => Err(Error::Io {
                    path: self.called(name).into(),
                    source: std::io::ErrorKind::NotFound.into(),
                }),
            },
        }
    }

    /// The file on disk behind the one called `name`; `None` inside the program.
    pub fn on_disk(&self, name: &str) -> Option<PathBuf> {
        match self {
            Self::Embedded(_) => None,
            Self::Single(file) => Some(file.beside(name).unwrap_or_else(|| file.path().to_owned())),
            Self::Directory(folder) => Some(folder.path().join(name)),
            Self::Assembled(all) => match all.parts.find(name) {
                Some((part, inside)) => Some(part.on_disk(inside)),
                None => all.base.on_disk(name),
            },
        }
    }

    /// Names of the files beside a single file that say something of it, whether they are there or not.
    pub fn beside(&self) -> Vec<String> {
        match self {
            Self::Single(_) => SingleFile::BESIDE.map(str::to_owned).to_vec(),
            Self::Assembled(all) => all.base.beside(),
            Self::Directory(_) | Self::Embedded(_) => Vec::new(),
        }
    }

    /// Whether the weights of a component are in a file with the spelling of its family's code.
    pub fn is_original(&self, component: &str) -> bool {
        match self {
            Self::Single(file) => file.is_original(),
            Self::Assembled(all) => match all.parts.component(component) {
                Some(part) => part.is_original(),
                None => all.base.is_original(component),
            },
            Self::Directory(_) | Self::Embedded(_) => false,
        }
    }

    /// What the tensor is for the layers that the file called `name` has as `key`. In a folder it is that of its own name; in a single
    /// file `spell` translates what is inside a component.
    pub fn spelled(&self, name: &str, key: &str, spell: &Spell) -> Vec<Piece> {
        let (component, naming, key) = match self {
            Self::Directory(_) | Self::Embedded(_) => return vec![Piece::whole(key)],
            Self::Assembled(all) => {
                let Some((part, _)) = all.parts.find(name) else {
                    return all.base.spelled(name, key, spell);
                };
                match part.inside(key) {
                    Some((key, naming)) => (part.component(), naming, key),
                    None => return Vec::new(),
                }
            }
            Self::Single(file) => {
                let part = file.part(name);
                let naming = match file.is_original() {
                    true => Naming::Original,
                    false => Naming::Layers,
                };
                match part.and_then(|part| Some((part.component, naming, file.inside(part, key)?))) {
                    Some(found) => found,
                    None => return Vec::new(),
                }
            }
        };
        match naming {
            Naming::Layers => vec![Piece::whole(key)],
            Naming::Original => spell(component, key),
        }
    }
}

impl Files for Source {
    fn place(&self) -> String {
        self.with(|files| files.place())
    }

    fn called(&self, name: &str) -> String {
        self.with(|files| files.called(name))
    }

    fn len(&self, name: &str) -> darkroom_formats::Result<Option<u64>> {
        self.with(|files| files.len(name))
    }

    fn read(&self, name: &str, cap: u64) -> darkroom_formats::Result<Vec<u8>> {
        self.with(|files| files.read(name, cap))
    }

    fn list(&self, folder: &str) -> darkroom_formats::Result<Vec<String>> {
        self.with(|files| files.list(folder))
    }

    fn notices(&self) -> &[String] {
        match self {
            Self::Directory(folder) => folder.notices(),
            Self::Embedded(model) => model.notices(),
            Self::Single(file) => file.notices(),
            Self::Assembled(all) => &all.notices,
        }
    }

    fn lacks(&self) -> Vec<String> {
        self.with(|files| files.lacks())
    }
}

impl Source {
    /// What `ask` finds in the files.
    fn with<R>(&self, ask: impl FnOnce(&dyn Files) -> R) -> R {
        match self {
            Self::Directory(folder) => ask(folder),
            Self::Embedded(model) => ask(model),
            Self::Single(file) => ask(&**file),
            Self::Assembled(all) => ask(&all.parts.over(&all.base)),
        }
    }
}

#[cfg(all(test, feature = "embedded-model"))]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_model_is_found_by_name_only() {
        assert!(Source::open(&ModelSource::Embedded("emoji".into())).is_ok());
        let message = Source::open(&ModelSource::Embedded("no\x1b".into()))
            .unwrap_err()
            .to_string();
        assert_eq!(
            message,
            "This worker was built without the model no\\u{1b}: name a folder with -m."
        );
    }

    #[test]
    fn embedded_bytes_are_aligned_for_any_tensor() {
        let source = Source::open(&ModelSource::Embedded("emoji".into())).unwrap();
        let bytes = source.bytes("unet/diffusion_pytorch_model.safetensors").unwrap();
        assert_eq!(bytes.as_slice().as_ptr().addr() % 64, 0);
    }
}
