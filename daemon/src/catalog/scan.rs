//! The models in and under a folder, found by names alone.
//!
//! The walk is bounded in depth, entries and models, and enters no folder twice, so that links in circles and hostile
//! trees end. A model's folder is not entered; a Hugging Face repository is its snapshot.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, DirEntry};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::cache;

/// How many folders deep models may lie.
const DEPTH: usize = 8;
/// The most entries of all folders together that are looked at, for each folder of the settings.
const LOOKED_AT: usize = 20_000;
/// The most models that are found in each folder of the settings.
const MODELS: usize = 2_000;
/// Endings of models in one file, the one that is read first.
pub(super) const SINGLE: [&str; 3] = ["safetensors", "ckpt", "gguf"];

/// A model that a walk came upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its folder or file.
    pub path: PathBuf,
    /// Its whole names, `/` between folders: as it lies in the folder of the settings, and a repository's id. A file's
    /// come with the ending.
    pub names: Vec<String>,
}

impl Found {
    /// The name without its ending, for one that is a file.
    pub fn stem(&self) -> Option<&str> {
        let name = self.names.first()?;
        SINGLE.iter().find_map(|end| name.strip_suffix(end)?.strip_suffix('.'))
    }
}

/// The walk over one folder of the settings, and what it has used up.
struct Walk<'a> {
    root: &'a Path,
    seen: &'a mut HashSet<(u64, u64)>,
    left: usize,
    depth: usize,
    found: Vec<Found>,
}

/// The models in `folders` and `caches`, in order, each once: those of a folder by name.
pub(super) fn models(folders: &[PathBuf], caches: &[PathBuf]) -> Vec<Found> {
    let mut seen = HashSet::new();
    let mut all = Vec::new();
    for root in folders {
        all.extend(under(root, DEPTH, &mut seen));
    }
    for root in caches {
        // A cache holds much else: only what is a model in diffusers' layout is one here.
        let found = under(root, DEPTH, &mut seen).into_iter();
        all.extend(found.filter(|found| found.path.join("model_index.json").is_file()));
    }
    all
}

/// The models in `folder` and in folders directly inside it.
pub(super) fn near(folder: &Path) -> Vec<Found> {
    under(folder, 2, &mut HashSet::new())
}

/// The models inside `root`, so many folders deep.
fn under(root: &Path, depth: usize, seen: &mut HashSet<(u64, u64)>) -> Vec<Found> {
    let mut walk = Walk {
        root,
        seen,
        left: LOOKED_AT,
        depth,
        found: Vec::new(),
    };
    walk.enter(root, 0);
    walk.found.sort_by(|a, b| a.names.cmp(&b.names));
    walk.found
}

impl Walk<'_> {
    fn enter(&mut self, folder: &Path, depth: usize) {
        if !self.is_new(folder) {
            return;
        }
        if folder.is_file() {
            return self.add(folder.to_owned());
        }
        if cache::is_repository(folder) {
            return self.repository(folder, depth);
        }
        if is_model(folder) {
            return self.add(folder.to_owned());
        }
        if depth >= self.depth {
            return;
        }
        let component = folder.join("config.json").is_file();
        for path in self.entries(folder) {
            if path.is_dir() {
                self.enter(&path, depth + 1);
            } else if is_single(&path) && !(component && is_weights(&path)) && self.is_new(&path) {
                self.add(path);
            }
        }
    }

    /// The snapshot that a repository of a cache means, or what lies in it.
    fn repository(&mut self, folder: &Path, depth: usize) {
        if let Some(snapshot) = cache::snapshot(folder) {
            self.enter(&snapshot, depth);
        }
    }

    /// What a folder holds, by name, as far as entries are left.
    fn entries(&mut self, folder: &Path) -> BTreeSet<PathBuf> {
        let hidden = |entry: &DirEntry| entry.file_name().to_str().is_none_or(|name| name.starts_with('.'));
        let entries = fs::read_dir(folder).into_iter().flatten().take(self.left).flatten();
        let all: Vec<DirEntry> = entries.collect();
        self.left = self.left.saturating_sub(all.len());
        all.iter().filter(|entry| !hidden(entry)).map(DirEntry::path).collect()
    }

    /// Whether nothing at `path` was met before, under whatever name.
    fn is_new(&mut self, path: &Path) -> bool {
        path.metadata()
            .is_ok_and(|meta| self.seen.insert((meta.dev(), meta.ino())))
    }

    fn add(&mut self, path: PathBuf) {
        if self.found.len() < MODELS {
            let names = names(self.root, &path);
            self.found.push(Found { path, names });
        }
    }
}

/// The whole names of the model at `path`, which lies in or under `root`, the one it is called by first.
pub(super) fn names(root: &Path, path: &Path) -> Vec<String> {
    let inside = path
        .strip_prefix(root)
        .ok()
        .filter(|inside| !inside.as_os_str().is_empty());
    let last = || path.file_name().map(|name| name.to_string_lossy().into_owned());
    let Some(inside) = inside else {
        // The folder of the settings is a model itself.
        return cache::id_of_snapshot(path).or_else(last).into_iter().collect();
    };
    let parts: Vec<String> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let repository = (0..parts.len()).find(|at| cache::id_of(&parts[*at]).is_some());
    match repository.filter(|at| parts.get(at + 1).is_some_and(|next| next == "snapshots")) {
        None => vec![parts.join("/")],
        Some(at) => {
            let within = parts.get(at + 3..).unwrap_or_default();
            let whole = |name: String| {
                std::iter::once(name)
                    .chain(within.iter().cloned())
                    .collect::<Vec<_>>()
                    .join("/")
            };
            let id = cache::id_of(&parts[at]).unwrap_or_default();
            vec![whole(id), whole(parts[..=at].join("/"))]
        }
    }
}

/// Whether the folder is a model in diffusers' layout.
pub(super) fn is_model(folder: &Path) -> bool {
    folder.join("model_index.json").is_file()
}

/// Whether the file is one that the catalogue lists.
fn is_single(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == SINGLE[0] || end == SINGLE[1])
        && path.to_str().is_some()
        && path.is_file()
}

/// Whether the file is called as a component's weights are.
fn is_weights(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    ["model", "diffusion_pytorch_model"].iter().any(|stem| {
        let rest = name.strip_prefix(stem);
        rest.is_some_and(|rest| rest.starts_with(['.', '-']))
    })
}
