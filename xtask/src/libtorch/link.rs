//! Whether a folder is a whole libtorch, the files in it that tell version and backend, and the link `.libtorch`. `mod.rs` and
//! `foreign.rs` call it. Where the link points is kept by `cache.rs`; that cargo reads it is in `.cargo/config.toml`.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::{VERSION, cache};
use crate::failure::{Failure, Result};
use crate::repo;

/// What a libtorch must have for torch-sys to be compiled and linked with it.
pub fn is_whole(folder: &Path) -> bool {
    missing(folder).is_none() && version(folder).as_deref() == Some(VERSION)
}

/// The first thing that `folder` lacks to be a libtorch.
pub fn missing(folder: &Path) -> Option<String> {
    let suffix = std::env::consts::DLL_SUFFIX;
    let libraries = ["libtorch_cpu", "libtorch", "libc10"].map(|name| format!("lib/{name}{suffix}"));
    ["include/ATen/ATen.h".to_owned()]
        .into_iter()
        .chain(libraries)
        .find(|path| !folder.join(path).exists())
}

/// The version that `build-version` names, without what stands after `+`.
pub fn version(folder: &Path) -> Option<String> {
    let text = fs::read_to_string(folder.join("build-version")).ok()?;
    Some(text.trim().split('+').next().unwrap_or_default().to_owned())
}

/// The backend that was written beside the libraries, as in `cpu`.
pub fn backend(folder: &Path) -> String {
    fs::read_to_string(folder.join("backend"))
        .map_or_else(|_| "a backend not named".into(), |name| name.trim().to_owned())
}

/// Writes the files that name version and backend.
///
/// `build-version` gets one time for ever: cargo compiles torch-sys again when it is newer than the last build
/// (`xtask/zip/build.rs`), and another backend of the same version is no reason to.
pub fn seal(folder: &Path, version: &str, backend: &str) -> Result<()> {
    for (name, text) in [("build-version", version), ("backend", backend)] {
        let path = folder.join(name);
        let cannot = |error| Failure::file("write", &path, &error);
        fs::write(&path, format!("{text}\n")).map_err(cannot)?;
        let file = File::options().write(true).open(&path).map_err(cannot)?;
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000))
            .map_err(cannot)?;
    }
    Ok(())
}

/// Makes `.libtorch` a link to `place`.
pub fn make(place: &Path) -> Result<()> {
    let here = repo::root().join(".libtorch");
    let new = repo::root().join(".libtorch.new");
    cache::remove(&new)?;
    symlink(place, &new).map_err(|error| Failure::file("make", &new, &error))?;
    cache::replace(&new, &here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_reads_back_with_the_same_time() {
        let folder = tempfile::tempdir().unwrap();
        let time = || {
            fs::metadata(folder.path().join("build-version"))
                .unwrap()
                .modified()
                .unwrap()
        };
        seal(folder.path(), "2.11.0", "cpu").unwrap();
        let first = time();
        seal(folder.path(), "2.11.0+cu130", "cuda").unwrap();
        assert_eq!(time(), first);
        assert_eq!(version(folder.path()).as_deref(), Some("2.11.0"));
        assert_eq!(backend(folder.path()), "cuda");
        assert!(!is_whole(folder.path()));
    }
}
