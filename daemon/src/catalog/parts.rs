//! Which files a request's VAE, text encoders and denoiser are, beside the model: paths, or names in the folders where A1111, ComfyUI
//! and SD.Next keep such files. A VAE that lies beside the model's own file under its name is found here too. What a file is for a
//! model its tensors say (`formats/src/parts`), which the card of the whole is made by.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use darkroom_formats::folder::{Directory, Files};
use darkroom_formats::{Card, Folder, Parts, SingleFile};
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::part::{is_automatic, is_own, named};
use darkroom_protocol::text::{closest, escape_line, fold};
use darkroom_protocol::{FailureKind, GenerateRequest, ModelCard, ModelSource, PartFile, PartRole};

use super::folder::refused;
use super::lookup::home;
use super::loras::hash;
use super::seen::Stamp;
use super::{Catalog, builtin, not_found};

/// Endings of such files, the one that is taken first.
const ENDINGS: [&str; 6] = ["safetensors", "sft", "pt", "ckpt", "pth", "bin"];
/// Endings of a VAE beside a model's file, as A1111 looks for it.
const BESIDE: [&str; 3] = ["vae.safetensors", "vae.pt", "vae.ckpt"];
/// How deep a folder of such files is looked through, and the most entries.
const DEPTH: usize = 3;
const LOOKED_AT: usize = 2000;
/// The most hashes that are kept.
const KEPT: usize = 256;
/// Larger files are known by size and time alone: a text encoder of 16 GB takes a minute to read.
const MAX_HASHED: u64 = 1 << 30;

/// The hashes of files that were looked at.
pub(super) type Hashes = Mutex<HashMap<PathBuf, (Stamp, String)>>;

/// Subfolders of the models folders that hold files of a role: ComfyUI's, A1111's and Forge's, SD.Next's.
fn folders(role: PartRole) -> &'static [&'static str] {
    match role {
        PartRole::Vae => &["vae", "VAE"],
        PartRole::TextEncoder => &["text_encoders", "text_encoder", "clip", "Text-encoder"],
        PartRole::Denoiser => &["diffusion_models", "unet", "UNET"],
    }
}

impl Catalog {
    /// The request with its denoiser as the model where it names no other.
    #[must_use]
    pub fn denoiser_as_model(&self, request: &GenerateRequest) -> Option<Result<GenerateRequest, RemoteError>> {
        let model = request.model.as_deref().filter(|model| !model.is_empty());
        let (None, Some(denoiser)) = (model, &request.denoiser) else {
            return None;
        };
        let found = self.place_of(PartRole::Denoiser, named(denoiser).0).and_then(|path| {
            let text = path.into_os_string().into_string();
            text.map_err(|_| not_found("The path of the denoiser is not UTF-8: rename its folder.".to_owned()))
        });
        Some(found.map(|path| GenerateRequest {
            model: Some(path),
            denoiser: None,
            ..request.clone()
        }))
    }

    /// The files of a request's denoiser, text encoders and VAE for the model of `card`. Reads files, may block.
    ///
    /// # Errors
    /// `ModelNotFound` with what may have been meant, `BadModel` for another file than the request's hash says, `Usage` for a relative
    /// path.
    pub fn parts(&self, request: &GenerateRequest, card: &ModelCard) -> Result<Vec<PartFile>, RemoteError> {
        let mut all = Vec::new();
        if let Some(word) = &request.denoiser {
            all.push(self.part(PartRole::Denoiser, word)?);
        }
        for word in request.text_encoders.iter().flatten() {
            all.push(self.part(PartRole::TextEncoder, word)?);
        }
        match request.vae.as_deref() {
            word if is_automatic(word) => {
                if let Some(path) = beside(&card.source) {
                    all.push(self.look_at_part(PartRole::Vae, path, None)?);
                }
            }
            Some(word) if !is_own(word) => all.push(self.part(PartRole::Vae, word)?),
            _ => {}
        }
        Ok(all)
    }

    /// The card of the model of `card` with these files in place of its own components.
    ///
    /// # Errors
    /// `ModelNotFound` for a file that is no such component, and where the model lacks one that no file gives; `BadModel` where the
    /// parts do not fit each other.
    pub fn with_parts(&self, card: &ModelCard, parts: &[PartFile]) -> Result<ModelCard, RemoteError> {
        let whole = |base: &dyn Files| {
            let parts = Parts::of(base, parts)?;
            let folder = Folder::read(&parts.over(base))?;
            folder.check_whole()?;
            Card::new(&card.name, &folder)
        };
        let found = match &card.source {
            ModelSource::Embedded(_) => whole(&builtin::Builtin),
            ModelSource::Folder(path) => Directory::open(path).and_then(|folder| whole(&folder)),
            ModelSource::File(path) => SingleFile::open(path).and_then(|file| whole(&file)),
        };
        let found = found.map_err(refused)?.to_model_card(card.source.clone());
        Ok(match card.source {
            // What its README recommends is not in its configurations.
            ModelSource::Embedded(_) => ModelCard {
                notice: found.notice,
                ..card.clone()
            },
            _ => found,
        })
    }

    fn part(&self, role: PartRole, word: &str) -> Result<PartFile, RemoteError> {
        let (given, hash) = named(word);
        let path = self.place_of(role, given)?;
        self.look_at_part(role, path, hash)
    }

    /// Where the file or folder is that `given` names.
    fn place_of(&self, role: PartRole, given: &str) -> Result<PathBuf, RemoteError> {
        let path = home(given);
        let what = role.label();
        if path.is_absolute() {
            let path: PathBuf = path.components().collect();
            return match path.exists() {
                true => Ok(path),
                false => Err(not_found(format!("There is no {what} {}: no such file.", shown(given)))),
            };
        }
        if !path.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(RemoteError::usage(format!(
                "The {what} {} is a relative path, and the daemon has another working directory: give the whole path.",
                shown(given)
            )));
        }
        let settings = self.settings.current();
        let roots = settings.models.iter();
        let places: Vec<PathBuf> = roots
            .flat_map(|root| folders(role).iter().map(|folder| root.join(folder)))
            .collect();
        let whole = places.iter().chain(&settings.models).map(|place| place.join(given));
        let ended = places
            .iter()
            .flat_map(|place| ENDINGS.iter().map(move |end| place.join(format!("{given}.{end}"))));
        if let Some(path) = whole.chain(ended).find(|path| path.exists()) {
            return Ok(path);
        }
        let inside = files_in(&places);
        let fits = |path: &PathBuf| {
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            fold(stem) == fold(given) || fold(name) == fold(given)
        };
        if let Some(path) = inside.iter().find(|path| fits(path)) {
            return Ok(path.clone());
        }
        let names = inside.iter().filter_map(|path| path.file_stem()?.to_str());
        Err(not_found(match closest(given, names) {
            Some(near) => format!("There is no {what} {}: did you mean {}?", shown(given), shown(near)),
            None => format!(
                "There is no {what} {}: give the path of its file or folder, or its name in {} of a models folder{}.",
                shown(given),
                folders(role).join(", "),
                if role == PartRole::Vae {
                    ", or none for the model's own"
                } else {
                    ""
                }
            ),
        }))
    }

    /// What is known of the file or folder at `path`, which must be the one of that hash where one is given.
    fn look_at_part(&self, role: PartRole, path: PathBuf, wanted: Option<&str>) -> Result<PartFile, RemoteError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (files, weights) = weights(&path);
        let sha256 = match weights.as_slice() {
            [one] if one.metadata().is_ok_and(|meta| meta.len() <= MAX_HASHED) => Some(self.hash_of(role, one)?),
            _ => None,
        };
        if wanted.is_some_and(|wanted| sha256.as_deref() != Some(wanted)) {
            let what = format!(
                "The {} {} is another file than the one that is asked for. Put that one back, or ask for it without @ and its hash.",
                role.label(),
                shown(&path.to_string_lossy())
            );
            return Err(RemoteError::new(FailureKind::BadModel, what));
        }
        let metas: Vec<_> = files.iter().filter_map(|path| path.metadata().ok()).collect();
        let changed = metas
            .iter()
            .filter_map(|meta| meta.modified().ok()?.duration_since(UNIX_EPOCH).ok())
            .max();
        let bytes = weights.iter().filter_map(|path| Some(path.metadata().ok()?.len()));
        let text = path.into_os_string().into_string().map_err(|path| {
            not_found(format!(
                "The path {} is not UTF-8: rename its folder.",
                shown(&path.to_string_lossy())
            ))
        })?;
        Ok(PartFile {
            role,
            name,
            path: text,
            bytes: bytes.sum(),
            changed_ms: changed.map_or(0, |since| since.as_millis() as u64),
            sha256,
        })
    }

    fn hash_of(&self, role: PartRole, path: &Path) -> Result<String, RemoteError> {
        let stamp = Stamp::of([path.to_owned()]);
        let mut hashes = self.part_hashes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, hash)) = hashes.get(path).filter(|(seen, _)| *seen == stamp) {
            return Ok(hash.clone());
        }
        let found = hash(path).map_err(|e| {
            let what = format!(
                "The {} {} cannot be read: {e}.",
                role.label(),
                shown(&path.to_string_lossy())
            );
            RemoteError::new(FailureKind::Disk, what)
        })?;
        if hashes.len() >= KEPT {
            hashes.clear();
        }
        hashes.insert(path.to_owned(), (stamp, found.clone()));
        Ok(found)
    }
}

/// The VAE beside a model's own file.
fn beside(source: &ModelSource) -> Option<PathBuf> {
    let ModelSource::File(path) = source else { return None };
    let path = Path::new(path);
    BESIDE
        .iter()
        .map(|end| path.with_extension(end))
        .find(|path| path.is_file())
}

/// The files that a component is made of, and those among them that are weights.
fn weights(path: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
    if !path.is_dir() {
        return (vec![path.to_owned()], vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten().take(LOOKED_AT);
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    let is_weights = |path: &&PathBuf| path.extension().is_some_and(|end| end == "safetensors" || end == "bin");
    let weights = files.iter().filter(is_weights).cloned().collect();
    (files, weights)
}

/// Files with an ending of such, and folders of a component, in and under these, by name.
fn files_in(places: &[PathBuf]) -> Vec<PathBuf> {
    let mut left = LOOKED_AT;
    let mut all = Vec::new();
    let mut waiting: Vec<(PathBuf, usize)> = places.iter().map(|place| (place.clone(), 1)).collect();
    while let Some((folder, depth)) = waiting.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten().take(left) {
            left -= 1;
            let path = entry.path();
            if path.join("config.json").is_file() {
                all.push(path);
            } else if path.is_dir() && depth < DEPTH {
                waiting.push((path, depth + 1));
            } else if path
                .extension()
                .is_some_and(|end| ENDINGS.iter().any(|known| end == *known))
            {
                all.push(path);
            }
        }
    }
    all.sort();
    all
}

fn shown(text: &str) -> String {
    let cut: String = text.chars().take(160).collect();
    escape_line(&cut).into_owned()
}

#[cfg(test)]
#[path = "parts_tests.rs"]
mod tests;
