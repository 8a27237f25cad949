//! What a model's name means: a path, a name in the folders of the settings, a repository in a Hugging Face cache, or
//! the model inside the worker.
//!
//! A name is taken whole first (as it lies in a folder), then without its ending, then as the end of exactly one
//! model's path, then the same without regard to case, spaces, `_` and `-`. Own files come before the embedded model of
//! that name, which is then called `embedded/emoji`. What fits several models is refused with all of their names.

use std::path::{Component, Path, PathBuf};

use darkroom_protocol::message::RemoteError;
use darkroom_protocol::text::fold;

use super::scan::{self, Found, SINGLE};
use super::{EMOJI, cache, remedy};

/// The embedded model's name where an own model has its short one.
pub(super) const EMBEDDED: &str = "embedded/emoji";
/// How lists of models in memory tell the embedded one from others of its name.
const IN_WORKER: &str = "in the worker";

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
    /// The model at `path`, which is there and is called `name`.
    pub fn at(name: String, path: PathBuf) -> Self {
        if path.is_dir() {
            Self::Folder { name, path }
        } else {
            Self::File { name, path }
        }
    }
}

/// Where models with names are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places<'a> {
    /// The folders of the settings.
    pub folders: &'a [PathBuf],
    /// Hugging Face's download caches.
    pub caches: &'a [PathBuf],
}

/// One that a name fits.
#[derive(Debug, PartialEq, Eq)]
enum Fit<'a> {
    Embedded,
    Found(&'a Found),
}

impl Places<'_> {
    /// What `given` means.
    ///
    /// # Errors
    /// `ModelNotFound` with what may be meant and what to do, `Usage` for a relative path and for a name that fits several.
    pub fn meant(self, given: &str) -> Result<Meant, RemoteError> {
        if let Some(path) = file_url(given) {
            return self.absolute(Path::new(&path));
        }
        if let Some(id) = repository_of(given) {
            return self
                .in_cache(&id)
                .map_or_else(|| Err(remedy::not_downloaded(given, &id)), |path| Ok(self.at(path)));
        }
        if given.contains("://") {
            return Err(remedy::url(given));
        }
        let path = home(given);
        if path.is_absolute() {
            return self.absolute(&path);
        }
        if given.starts_with('~')
            || ["./", "../"].iter().any(|up| given.starts_with(up))
            || [".", ".."].contains(&given)
        {
            return Err(remedy::relative(given));
        }
        match placed(given) {
            Some((_, IN_WORKER)) => Ok(Meant::Emoji),
            Some((_, place)) if place.starts_with('/') && Path::new(place).exists() => self.absolute(Path::new(place)),
            _ => self.named(given.trim_end_matches('/')),
        }
    }

    /// The model at `path`, which is there, with the name to call it by.
    fn at(self, path: PathBuf) -> Meant {
        Meant::at(self.name_of(&path), path)
    }

    fn absolute(self, path: &Path) -> Result<Meant, RemoteError> {
        // Without the slash at the end and the dots within, so that one folder has one card.
        let path: PathBuf = path.components().collect();
        if !path.exists() {
            return Err(remedy::no_path(&path));
        }
        if path.file_name().is_some_and(|name| name == "model_index.json") {
            return Ok(self.at(path.parent().unwrap_or(&path).to_owned()));
        }
        if cache::is_repository(&path) {
            let snapshot = cache::snapshot(&path).ok_or_else(|| remedy::empty_repository(&path))?;
            return self.content(snapshot);
        }
        if cache::id_of_snapshot(&path).is_some() {
            return self.content(path);
        }
        if path.is_dir() && !scan::is_model(&path) {
            return Err(remedy::no_model(&path));
        }
        Ok(self.at(path))
    }

    /// The model that a snapshot is, or the one file that it holds.
    fn content(self, snapshot: PathBuf) -> Result<Meant, RemoteError> {
        if scan::is_model(&snapshot) {
            return Ok(self.at(snapshot));
        }
        let inside = scan::near(&snapshot);
        match inside.as_slice() {
            [one] => Ok(self.at(one.path.clone())),
            _ => Err(remedy::no_model(&snapshot)),
        }
    }

    fn in_cache(self, id: &str) -> Option<PathBuf> {
        let name = cache::folder_of(id)?;
        let mut repositories = self.folders.iter().chain(self.caches).map(|root| root.join(&name));
        let repository = repositories.find(|path| cache::is_repository(path))?;
        cache::snapshot(&repository).filter(|path| scan::is_model(path))
    }

    fn named(self, given: &str) -> Result<Meant, RemoteError> {
        if let Some(path) = self.exact(given)? {
            return self.absolute(&path);
        }
        if [EMOJI, EMBEDDED].contains(&given) {
            return Ok(Meant::Emoji);
        }
        if let Some(path) = self.in_cache(given) {
            return Ok(self.at(path));
        }
        let all = scan::models(self.folders, self.caches);
        match fit(given, &all) {
            Some(fits) => match fits.as_slice() {
                [Fit::Embedded] => Ok(Meant::Emoji),
                [Fit::Found(found)] => Ok(self.at(found.path.clone())),
                several => {
                    let several = several.iter().filter_map(|fit| match fit {
                        Fit::Embedded => None,
                        Fit::Found(found) => Some(called(found, &all)),
                    });
                    Err(remedy::several(given, several.collect()))
                }
            },
            None => Err(remedy::no_name(given, self, &all)),
        }
    }

    /// The one path that `given` is in the folders: whole, else without its ending. No folder is walked.
    fn exact(self, given: &str) -> Result<Option<PathBuf>, RemoteError> {
        // `..` and a root would leave the folders.
        if given.is_empty()
            || !Path::new(given)
                .components()
                .all(|part| matches!(part, Component::Normal(_)))
        {
            return Ok(None);
        }
        let whole = || {
            self.folders
                .iter()
                .map(|root| root.join(given))
                .filter(|path| is_something(path))
                .collect()
        };
        let mut hits: Vec<PathBuf> = whole();
        for end in SINGLE {
            if hits.is_empty() {
                let file = |root: &PathBuf| root.join(format!("{given}.{end}"));
                hits = self.folders.iter().map(file).filter(|path| path.is_file()).collect();
            }
        }
        let mut places: Vec<PathBuf> = Vec::new();
        for path in &hits {
            let place = path.canonicalize().unwrap_or_else(|_| path.clone());
            if !places.contains(&place) {
                places.push(place);
            }
        }
        match places.len() {
            0 | 1 => Ok(hits.into_iter().next()),
            _ => {
                let paths = hits.iter().map(|path| path.to_string_lossy().into_owned());
                Err(remedy::several(given, paths.collect()))
            }
        }
    }

    /// What to call the model at `path`: as it lies in a folder of the settings or in a cache, without a file's ending
    /// unless something else has that name; elsewhere its folder's or file's own name. In a Hugging Face cache, where
    /// that is a commit (`models--owner--name/snapshots/<commit>`), the repository's name.
    pub fn name_of(self, path: &Path) -> String {
        let roots = self.folders.iter().chain(self.caches);
        let name = roots
            .filter(|root| path.starts_with(root))
            .find_map(|root| scan::names(root, path).into_iter().next());
        let own = || {
            let id = cache::id_of_snapshot(path);
            let repository = id.as_deref().and_then(|id| id.rsplit('/').next()).map(str::to_owned);
            repository.or_else(|| path.file_name().map(|name| name.to_string_lossy().into_owned()))
        };
        let whole = name.or_else(own).unwrap_or_else(|| path.to_string_lossy().into_owned());
        let stem = SINGLE.iter().find_map(|end| whole.strip_suffix(end)?.strip_suffix('.'));
        match stem {
            Some(stem) if path.is_file() && !path.with_extension("").exists() => stem.to_owned(),
            _ => whole,
        }
    }
}

/// A name by which a request reaches `found`, given all that there are: the shortest of its own, else its path.
pub(super) fn called(found: &Found, all: &[Found]) -> String {
    let whole = found.names.first().cloned().unwrap_or_default();
    let stem = found.stem().map(str::to_owned);
    let reaches = |name: &String| match fit(name, all) {
        Some(fits) => fits == [Fit::Found(found)],
        None => false,
    };
    let path = || found.path.to_string_lossy().into_owned();
    stem.into_iter().chain([whole]).find(reaches).unwrap_or_else(path)
}

/// What the embedded model is called, given all that there are.
pub(super) fn embedded_called(all: &[Found]) -> String {
    let reaches = |name: &&str| fit(name, all) == Some(vec![Fit::Embedded]);
    let name = [EMOJI, EMBEDDED].into_iter().find(reaches);
    name.map_or_else(|| format!("{EMOJI} ({IN_WORKER})"), str::to_owned)
}

/// Those that `given` fits best; `None` when it fits nothing.
fn fit<'a>(given: &str, all: &'a [Found]) -> Option<Vec<Fit<'a>>> {
    let wanted = folded(given);
    let ends = |name: &str| name.strip_suffix(given).is_some_and(|rest| rest.ends_with('/'));
    let ends_folded = |name: &str| folded(name).ends_with(&wanted);
    let own = |fits: &dyn Fn(&str) -> bool, stems: bool| {
        let one = |found: &&Found| {
            let stem = found.stem().filter(|_| stems);
            found.names.iter().map(String::as_str).chain(stem).any(fits)
        };
        let fits: Vec<_> = all.iter().filter(one).map(Fit::Found).collect();
        (!fits.is_empty()).then_some(fits)
    };
    let embedded = |is: bool| is.then(|| vec![Fit::Embedded]);
    own(&|name| name == given, false)
        .or_else(|| own(&|name| name == given, true))
        .or_else(|| embedded([EMOJI, EMBEDDED].contains(&given)))
        .or_else(|| own(&ends, false))
        .or_else(|| own(&ends, true))
        .or_else(|| own(&|name| folded(name) == wanted, true))
        .or_else(|| embedded(fold(given) == EMOJI))
        .or_else(|| own(&ends_folded, true))
}

/// A name's parts for comparison.
fn folded(name: &str) -> Vec<String> {
    name.split('/').map(fold).collect()
}

/// Whether a model, a repository or a model's file is at `path`.
fn is_something(path: &Path) -> bool {
    let single = || {
        path.extension()
            .is_some_and(|end| SINGLE.iter().any(|known| end == *known))
    };
    scan::is_model(path) || cache::is_repository(path) || (single() && path.is_file())
}

/// `given` with a leading `~` as the home folder.
pub(super) fn home(given: &str) -> PathBuf {
    let rest = given
        .strip_prefix('~')
        .filter(|rest| rest.is_empty() || rest.starts_with('/'));
    match (rest, std::env::home_dir()) {
        (Some(rest), Some(home)) if home.is_absolute() => home.join(rest.trim_start_matches('/')),
        _ => PathBuf::from(given),
    }
}

/// Name and place of `NAME (PLACE)`, as lists of models in memory write two of one name.
fn placed(given: &str) -> Option<(&str, &str)> {
    given.strip_suffix(')')?.rsplit_once(" (")
}

/// The path of a `file:` URL.
fn file_url(given: &str) -> Option<String> {
    let rest = given.strip_prefix("file://")?;
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    Some(decoded(path))
}

/// `text` with `%20` and the like as the bytes that they stand for.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.first_chunk::<2>().filter(|_| *first == b'%');
        let byte = code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The id of the repository that a page of the Hugging Face Hub, or `hf://`, is about.
fn repository_of(given: &str) -> Option<String> {
    let page = given.strip_prefix("https://").or_else(|| given.strip_prefix("http://"));
    let rest = match page {
        Some(page) => {
            let hosts = ["huggingface.co/", "www.huggingface.co/", "hf.co/"];
            hosts.iter().find_map(|host| page.strip_prefix(host))?
        }
        None => given.strip_prefix("hf://")?,
    };
    let rest = rest.strip_prefix("models/").unwrap_or(rest);
    let mut parts = rest.split(['/', '?', '#']).filter(|part| !part.is_empty());
    let id = format!("{}/{}", parts.next()?, parts.next()?);
    cache::folder_of(&id).map(|_| id)
}
