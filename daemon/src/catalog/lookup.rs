use std::fs;
use std::path::{Path, PathBuf};

use darkroom_protocol::message::RemoteError;
use darkroom_protocol::text::{closest, escape_line, fold};

use super::{EMOJI, not_found};

/// The most entries of a folder that are looked at.
const LOOKED_AT: usize = 10_000;
/// Endings of models in one file, the one that is read first.
const SINGLE: [&str; 3] = ["safetensors", "ckpt", "gguf"];

/// What a model's name turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meant {
    /// The embedded one.
    Emoji,
    /// A folder, with the name to call it by.
    Folder { name: String, path: PathBuf },
    /// A single file, with the name to call it by.
    File { name: String, path: PathBuf },
}

impl Meant {
    /// The model at `path`, which is there.
    fn at(path: PathBuf) -> Self {
        let name = name_of(&path);
        if path.is_dir() {
            Self::Folder { name, path }
        } else {
            Self::File { name, path }
        }
    }
}

/// What `given` means: `emoji`, an absolute folder or file, or a name in one of `folders`.
pub(super) fn meant(given: &str, folders: &[PathBuf]) -> Result<Meant, RemoteError> {
    if fold(given) == EMOJI {
        return Ok(Meant::Emoji);
    }
    let path = Path::new(given);
    if path.is_absolute() {
        return absolute(path);
    }
    if given.contains('/') || given.starts_with(['~', '.']) {
        return Err(RemoteError::usage(format!(
            "{} is a relative path, and the daemon has another working directory: give the whole path.",
            escape_line(given)
        )));
    }
    named(given, folders)
}

fn absolute(path: &Path) -> Result<Meant, RemoteError> {
    // Without the slash at the end and the dots within, so that one folder has one card.
    let path: PathBuf = path.components().collect();
    if !path.exists() {
        return Err(missing_folder(&path));
    }
    Ok(Meant::at(path))
}

fn named(given: &str, folders: &[PathBuf]) -> Result<Meant, RemoteError> {
    let exact = folders
        .iter()
        .map(|folder| folder.join(given))
        .find(|path| path.is_dir());
    if let Some(path) = exact {
        return Ok(Meant::at(path));
    }
    if let Some(file) = folders.iter().find_map(|folder| file_called(folder, given)) {
        return Ok(Meant::at(file));
    }
    let names: Vec<(String, PathBuf)> = folders.iter().flat_map(|folder| models_in(folder)).collect();
    // Spelled another way: case, spaces, `_` and `-` do not matter.
    if let Some((_, path)) = names.iter().find(|(name, _)| fold(name) == fold(given)) {
        return Ok(Meant::at(path.clone()));
    }
    Err(missing_name(
        given,
        folders,
        names.iter().map(|(name, _)| name.as_str()),
    ))
}

/// The models directly inside `folder`: subfolders with a model_index.json, and .safetensors files, in order.
pub(super) fn models_in(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().take(LOOKED_AT).flatten();
    let paths = entries.map(|entry| entry.path()).filter(|path| path.to_str().is_some());
    let mut models: Vec<_> = paths
        .filter(|path| is_single(path) || path.join("model_index.json").is_file())
        .map(|path| (name_of(&path), path))
        .collect();
    models.sort();
    models
}

fn is_single(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == SINGLE[0]) && path.is_file()
}

/// The model in one file that `given` names in `folder`, with or without its ending.
fn file_called(folder: &Path, given: &str) -> Option<PathBuf> {
    let endings = SINGLE.iter().map(|ending| folder.join(format!("{given}.{ending}")));
    std::iter::once(folder.join(given))
        .chain(endings)
        .find(|path| path.is_file())
}

/// What to call the model at `path`: its folder's name, or its file's without the ending. In a Hugging Face cache, where that is a commit
/// (`models--owner--name/snapshots/<commit>`), the repository's name.
fn name_of(path: &Path) -> String {
    if path.is_file() {
        return path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    }
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let parent = path.parent().filter(|parent| parent.ends_with("snapshots"));
    let repository = parent.and_then(Path::parent).and_then(name);
    let cached = repository.and_then(|name| Some(name.strip_prefix("models--")?.rsplit("--").next()?.to_owned()));
    cached
        .or_else(|| name(path))
        .unwrap_or_else(|| path.to_string_lossy().into_owned())
}

fn missing_folder(path: &Path) -> RemoteError {
    let shown = path.to_string_lossy();
    let siblings = path.parent().map(models_in).unwrap_or_default();
    let name = name_of(path);
    let near = closest(&name, siblings.iter().map(|(name, _)| name.as_str()));
    let hint = match near.and_then(|near| siblings.iter().find(|(name, _)| name == near)) {
        Some((_, path)) => format!("did you mean {}?", escape_line(&path.to_string_lossy())),
        None => "give the folder that holds model_index.json.".to_owned(),
    };
    not_found(format!("There is no model {}: {hint}", escape_line(&shown)))
}

fn missing_name<'a>(given: &str, folders: &[PathBuf], names: impl Iterator<Item = &'a str>) -> RemoteError {
    let shown: String = given.chars().take(60).collect();
    let shown = escape_line(&shown);
    let hint = match closest(given, names.chain([EMOJI])) {
        Some(near) => format!("did you mean {}?", escape_line(near)),
        None if folders.is_empty() => {
            "give its folder as a path, or name the folder of your models in config.toml (models = [\"~/models\"])."
                .to_owned()
        }
        None => {
            let list: Vec<_> = folders
                .iter()
                .map(|f| escape_line(&f.to_string_lossy()).into_owned())
                .collect();
            format!(
                "none of that name is in {}. Give its folder as a path.",
                list.join(", ")
            )
        }
    };
    not_found(format!("There is no model {shown}: {hint}"))
}
