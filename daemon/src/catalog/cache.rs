//! The download caches of Hugging Face: where they are, and which folder of one a repository's id means.
//!
//! A cache holds `models--OWNER--NAME/snapshots/COMMIT/…` and `refs/main`, which names the commit. Nothing is
//! downloaded here.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The most snapshots of a repository that are looked at.
const SNAPSHOTS: usize = 1_000;
/// The longest `refs/main`; a commit has 40 characters.
const MAX_REF: u64 = 256;

/// The caches of this user, as `huggingface_hub` finds them: what `HF_HUB_CACHE` or `HUGGINGFACE_HUB_CACHE` says, else
/// `hub` in `HF_HOME`, else in `~/.cache/huggingface`. Those that are not there are left out.
pub fn caches() -> Vec<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = env::home_dir().filter(|home| !home.as_os_str().is_empty());
    let of_home = || {
        let cache = set("XDG_CACHE_HOME").or_else(|| home.as_ref().map(|home| home.join(".cache")));
        let base = set("HF_HOME").or_else(|| cache.map(|cache| cache.join("huggingface")));
        base.map(|base| base.join("hub"))
    };
    let named = set("HF_HUB_CACHE").or_else(|| set("HUGGINGFACE_HUB_CACHE"));
    let found = named
        .or_else(of_home)
        .map(|path| match (path.strip_prefix("~"), &home) {
            (Ok(rest), Some(home)) => home.join(rest),
            _ => path,
        });
    found
        .into_iter()
        .filter(|path| path.is_absolute() && path.is_dir())
        .collect()
}

/// The folder of the repository `id` in the first of `caches` that holds a snapshot of it.
pub fn cached(id: &str, caches: &[PathBuf]) -> Option<PathBuf> {
    let name = folder_of(id)?;
    let mut repositories = caches.iter().map(|root| root.join(&name));
    repositories.find(|path| is_repository(path) && snapshot(path).is_some())
}

/// The id of the repository whose folder in a cache is called `name`: `models--a--b` is `a/b`.
pub(super) fn id_of(name: &str) -> Option<String> {
    let rest = name.strip_prefix("models--").filter(|rest| !rest.is_empty())?;
    Some(rest.replacen("--", "/", 1))
}

/// The repository's folder for an id, in any cache: `a/b` is `models--a--b`. `None` for what is no id.
pub(super) fn folder_of(id: &str) -> Option<String> {
    let plain = |part: &str| {
        let chars = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !part.is_empty() && part.len() <= 96 && part.chars().all(chars) && !part.starts_with('.')
    };
    let parts: Vec<&str> = id.split('/').collect();
    let fits = parts.len() <= 2 && parts.iter().all(|part| plain(part));
    fits.then(|| format!("models--{}", parts.join("--")))
}

/// Whether `path` is a repository's folder in a cache.
pub(super) fn is_repository(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    id_of(name).is_some() && path.join("snapshots").is_dir()
}

/// The id of the repository that the snapshot at `path` is of.
pub(super) fn id_of_snapshot(path: &Path) -> Option<String> {
    let snapshots = path.parent().filter(|parent| parent.ends_with("snapshots"))?;
    id_of(snapshots.parent()?.file_name()?.to_str()?)
}

/// The snapshot that a repository's folder means: that of its main branch, else the newest; one with a model in
/// diffusers' layout before one without.
pub(super) fn snapshot(repository: &Path) -> Option<PathBuf> {
    let snapshots = repository.join("snapshots");
    let main = commit(&repository.join("refs/main")).map(|commit| snapshots.join(commit));
    let whole = |path: &Path| path.join("model_index.json").is_file();
    if let Some(main) = main.as_ref().filter(|path| whole(path)) {
        return Some(main.clone());
    }
    let entries = fs::read_dir(&snapshots).ok()?.take(SNAPSHOTS).flatten();
    let mut all: Vec<(bool, bool, SystemTime, PathBuf)> = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir() && path.to_str().is_some())
        .map(|path| {
            let changed = path.metadata().and_then(|meta| meta.modified());
            (
                whole(&path),
                main.as_ref() == Some(&path),
                changed.unwrap_or(SystemTime::UNIX_EPOCH),
                path,
            )
        })
        .collect();
    all.sort();
    all.pop().map(|(_, _, _, path)| path)
}

/// The commit that a file of `refs/` names.
fn commit(file: &Path) -> Option<String> {
    let meta = file
        .metadata()
        .ok()
        .filter(|meta| meta.is_file() && meta.len() <= MAX_REF)?;
    let text = fs::read_to_string(file).ok().filter(|_| meta.len() > 0)?;
    let name = text.trim();
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric());
    plain.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("acme/tiny", Some("models--acme--tiny"))]
    #[case("gpt2", Some("models--gpt2"))]
    #[case("a/b/c", None)]
    #[case("../b", None)]
    #[case("a/", None)]
    #[case("", None)]
    #[case("a b/c", None)]
    fn ids_are_folders(#[case] id: &str, #[case] folder: Option<&str>) {
        assert_eq!(folder_of(id).as_deref(), folder);
        if let Some(folder) = folder {
            assert_eq!(id_of(folder).as_deref(), Some(id));
        }
    }

    #[test]
    fn the_snapshot_of_main_counts_and_else_the_one_that_holds_a_model() {
        let dir = tempfile::tempdir().unwrap();
        let repository = dir.path().join("models--a--b");
        let model = |commit: &str| {
            let at = repository.join("snapshots").join(commit);
            fs::create_dir_all(&at).unwrap();
            fs::write(at.join("model_index.json"), "{}").unwrap();
            at
        };
        let (first, second) = (model("aa"), model("bb"));
        fs::create_dir_all(repository.join("refs")).unwrap();
        fs::write(repository.join("refs/main"), "aa\n").unwrap();
        assert_eq!(snapshot(&repository), Some(first.clone()));
        assert_eq!(id_of_snapshot(&first).as_deref(), Some("a/b"));
        fs::remove_file(first.join("model_index.json")).unwrap();
        assert_eq!(snapshot(&repository), Some(second));
        fs::write(repository.join("refs/main"), "../../..").unwrap();
        assert!(snapshot(&repository).unwrap().ends_with("bb"));
        assert!(is_repository(&repository) && !is_repository(&first));
    }
}
