//! `SingleFile`: a checkpoint, recognised by its header, shown through `Files` as the diffusers folder that it would be. The
//! daemon's catalogue makes a card of it (`catalog/file.rs`), the engine maps the tensors of each part (`weights/source.rs`).
//! What the header and the `.yaml` beside it say of the model is read in `facts.rs`; the published configurations and the
//! prefixes of the parts are in `family/`. A file may hold less than a whole model, a denoiser alone: what it lacks it shows without
//! a tensor, and says so ([`Files::lacks`]); `parts/` puts other files there.

use std::borrow::Cow;
use std::io::Read;
use std::path::{Path, PathBuf};

use darkroom_protocol::files;

use super::facts::Facts;
use super::measure::numbers;
use crate::family::{Built, Denoiser, Found, Layout, Part, built_labels, detect_file};
use crate::folder::Files;
use crate::safetensors::Header;
use crate::{Error, Result};

/// A checkpoint in one safetensors file, seen as the diffusers folder that it would be.
#[derive(Clone, Debug)]
pub struct SingleFile {
    path: PathBuf,
    built: &'static Built,
    /// What stands before the denoiser's keys.
    prefix: &'static str,
    /// Whose names they are: a denoiser alone may have diffusers'.
    layout: Layout,
    /// Bytes of each part's tensors; 0 for one that is not there.
    bytes: Vec<u64>,
    facts: Facts,
}

impl SingleFile {
    /// The checkpoint at `path`. Only its header is read.
    ///
    /// # Errors
    /// [`Error::Header`] for a damaged file, [`Error::SingleFile`] for one without the denoiser of a known family, with what it
    /// seems to be.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let header = Header::read(&path).map_err(|e| foreign(&path).unwrap_or(e))?;
        let (found, built) = recognised(&path, &header)?;
        let bytes = sizes(&header, built.checkpoint.parts, found.prefix);
        let yaml = beside(&path)?;
        let read = |key: &str| numbers(&path, &header, key);
        let facts = Facts::read(
            &header,
            (built.family, found.prefix, found.layout),
            yaml.as_deref(),
            &read,
        );
        let facts = facts.map_err(|what| refused(&path, format!("cannot be used: {what}.")))?;
        Ok(Self {
            path,
            built,
            prefix: found.prefix,
            layout: found.layout,
            bytes,
            facts,
        })
    }

    /// Names for the files beside it that say something of it: see [`Self::beside`].
    pub const BESIDE: [&str; 2] = ["beside.yaml", "beside.yml"];

    /// Where the file is, or would be, that is called `name` in [`Self::BESIDE`].
    pub fn beside(&self, name: &str) -> Option<PathBuf> {
        Self::BESIDE
            .contains(&name)
            .then(|| self.path.with_extension(&name["beside.".len()..]))
    }

    /// Every file that the model is made of, whether it is there or not: the one at `path`, and those beside it.
    pub fn all_files(path: &Path) -> Vec<PathBuf> {
        let beside = Self::BESIDE.map(|name| path.with_extension(&name["beside.".len()..]));
        std::iter::once(path.to_owned()).chain(beside).collect()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The component whose weights a folder would call `name`.
    pub fn part(&self, name: &str) -> Option<&'static Part> {
        self.parts().iter().find(|part| part.weights == name)
    }

    /// The name of the tensor `key` within `part`, in the file's own spelling; `None` for tensors of other parts.
    pub fn inside<'k>(&self, part: &Part, key: &'k str) -> Option<&'k str> {
        inside(part, self.prefix, key)
    }

    /// Whether its denoiser has the names of the code that trained it; else diffusers', which its layers ask for.
    pub fn is_original(&self) -> bool {
        self.layout == Layout::Original
    }

    fn parts(&self) -> &'static [Part] {
        self.built.checkpoint.parts
    }

    fn config(&self, name: &str) -> Option<Cow<'static, str>> {
        let published = self.built.checkpoint.config(name)?;
        let changed = self.facts.configuration(name, published);
        Some(changed.map_or(Cow::Borrowed(published), Cow::Owned))
    }
}

/// The longest configuration beside a file, in bytes; published ones have two thousand.
const MAX_BESIDE: u64 = 1 << 20;

/// The configuration beside the file at `path`: what has its name and ends in `.yaml` or `.yml`.
fn beside(path: &Path) -> Result<Option<String>> {
    for twin in SingleFile::all_files(path)
        .into_iter()
        .skip(1)
        .filter(|twin| twin != path)
    {
        // Opening a pipe would wait for a writer.
        if !twin.metadata().is_ok_and(|found| found.is_file()) {
            continue;
        }
        let io = |source| Error::io(&twin, source);
        let mut bytes = Vec::new();
        let file = files::open(&twin).map_err(io)?;
        file.take(MAX_BESIDE + 1).read_to_end(&mut bytes).map_err(io)?;
        if bytes.len() as u64 > MAX_BESIDE {
            let file = twin.display().to_string();
            return Err(Error::TooLong { file, cap: MAX_BESIDE });
        }
        return Ok(Some(String::from_utf8_lossy(&bytes).into_owned()));
    }
    Ok(None)
}

/// The denoiser in the file at `path`, and what is known of its family.
///
/// # Errors
/// What the file is instead of a checkpoint of a family that is built.
fn recognised(path: &Path, header: &Header) -> Result<(Denoiser, &'static Built)> {
    let reads = |who: &str| format!("from single files {who} reads checkpoints of {}.", built_labels());
    let what = match detect_file(header) {
        None => format!("is no model that Darkroom recognises: {}", reads("it")),
        Some(Found::Other(kind)) => format!("seems to be {kind}: {}", reads("Darkroom")),
        Some(Found::Denoiser(found)) => match (found.row.label, found.row.built) {
            (label, Some(_)) if found.layout == Layout::Diffusers && is_in_a_model(path) => format!(
                "is one component of a {label}, saved by diffusers: give the folder that holds its model_index.json."
            ),
            (_, Some(built)) => return Ok((found, built)),
            (label, None) => format!(
                "seems to be a model of {label}, a family that is not built yet: {}",
                reads("Darkroom")
            ),
        },
    };
    Err(refused(path, what))
}

/// Whether the file lies in a component's folder of a whole model.
fn is_in_a_model(path: &Path) -> bool {
    let model = path.parent().and_then(Path::parent);
    model.is_some_and(|model| model.join("model_index.json").is_file())
}

/// Bytes of each part's tensors, in the order of `parts`.
fn sizes(header: &Header, parts: &[Part], denoiser: &str) -> Vec<u64> {
    let size = |part: &Part| {
        let own = header
            .tensors
            .iter()
            .filter(|(key, _)| inside(part, denoiser, key).is_some());
        own.map(|(_, entry)| entry.bytes()).fold(0, u64::saturating_add)
    };
    parts.iter().map(size).collect()
}

/// The name of the tensor `key` within `part`; `denoiser` stands before the denoiser's.
fn inside<'k>(part: &Part, denoiser: &str, key: &'k str) -> Option<&'k str> {
    key.strip_prefix(part.prefix.unwrap_or(denoiser))
}

fn refused(path: &Path, what: String) -> Error {
    Error::SingleFile {
        file: path.to_string_lossy().into_owned(),
        what,
    }
}

/// A better word for a file without a safetensors header, from its first bytes.
fn foreign(path: &Path) -> Option<Error> {
    let mut first = [0; 4];
    files::open(path).ok()?.read_exact(&mut first).ok()?;
    let what = match &first {
        b"GGUF" => "is a GGUF file, which Darkroom does not read yet: use its .safetensors file.",
        _ => return None,
    };
    Some(refused(path, what.to_owned()))
}

impl Files for SingleFile {
    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn called(&self, _name: &str) -> String {
        self.place()
    }

    fn len(&self, name: &str) -> Result<Option<u64>> {
        let mut parts = self.parts().iter().zip(&self.bytes);
        let weights = parts.find(|(part, _)| part.weights == name).map(|(_, bytes)| *bytes);
        Ok(weights.or_else(|| self.config(name).map(|text| text.len() as u64)))
    }

    fn read(&self, name: &str, _cap: u64) -> Result<Vec<u8>> {
        let missing = || Error::io(&self.path, std::io::ErrorKind::NotFound.into());
        self.config(name)
            .map(|text| text.as_bytes().to_vec())
            .ok_or_else(missing)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>> {
        let weights = self.parts().iter().map(|part| part.weights);
        let all = self
            .built
            .checkpoint
            .configs
            .iter()
            .map(|(name, _)| *name)
            .chain(weights);
        let inside = |name: &str| name.strip_prefix(folder)?.strip_prefix('/').map(str::to_owned);
        let mut names: Vec<_> = all.filter_map(inside).collect();
        names.sort();
        Ok(names)
    }
    fn notices(&self) -> &[String] {
        &self.facts.notices
    }

    fn lacks(&self) -> Vec<String> {
        let parts = self.parts().iter().zip(&self.bytes);
        let lacks = parts.filter(|(_, bytes)| **bytes == 0);
        lacks.map(|(part, _)| part.component.to_owned()).collect()
    }
}
