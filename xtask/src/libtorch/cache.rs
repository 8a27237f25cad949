//! The folder in the user's cache where every libtorch is kept, its lock, its free space, and how a folder is replaced whole.
//! `mod.rs`, `fetch.rs`, `foreign.rs` and `link.rs` use it; `install.rs` replaces folders the same way. What goes into the cache
//! is decided in `wheels.rs` and `keep.rs`.

use std::env;
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};
use crate::say;

/// The folder in the user's cache that holds each libtorch once for all clones.
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// # Errors
    /// When the user has no cache folder, or it cannot be written.
    pub fn open() -> Result<Self> {
        let user = user_cache(cfg!(target_os = "macos"), |name| env::var_os(name).map(PathBuf::from))
            .ok_or_else(|| Failure::new("There is no HOME to keep libtorch in: set HOME or XDG_CACHE_HOME."))?;
        let folder = user.join("darkroom").join("libtorch");
        fs::create_dir_all(&folder).map_err(|error| {
            Failure::new(format!(
                "Cannot make {}: {error}; set XDG_CACHE_HOME to a folder that you can write.",
                folder.display()
            ))
        })?;
        Ok(Self { folder })
    }

    /// Holds off a second set-up until this one ends.
    ///
    /// # Errors
    /// When the lock's file cannot be made.
    pub fn lock(&self) -> Result<File> {
        let path = self.folder.join("lock");
        let cannot = |error| Failure::file("lock", &path, &error);
        let file = File::options().create(true).append(true).open(&path).map_err(cannot)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                eprintln!("Another set-up is at work: waiting for it.");
                file.lock().map_err(cannot)?;
            }
            Err(TryLockError::Error(error)) => return Err(cannot(error)),
        }
        Ok(file)
    }

    pub fn place(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// # Errors
    /// When fewer than `bytes` are free.
    pub fn need(&self, bytes: u64) -> Result<()> {
        let stat =
            rustix::fs::statvfs(&self.folder).map_err(|error| Failure::file("measure", &self.folder, &error.into()))?;
        enough(stat.f_bavail.saturating_mul(stat.f_frsize), bytes, &self.folder)
    }
}

fn enough(free: u64, bytes: u64, folder: &Path) -> Result<()> {
    if free >= bytes {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} has {} free, and set-up needs {}: free some, or set XDG_CACHE_HOME to a roomier folder.",
        folder.display(),
        say::size(free),
        say::size(bytes)
    )))
}

/// The user's cache folder as the system's custom has it. A relative XDG_CACHE_HOME counts as none.
fn user_cache(mac: bool, variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let absolute = |name| variable(name).filter(|path| path.is_absolute());
    absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(if mac { "Library/Caches" } else { ".cache" })))
}

/// `path` with `suffix` after its name. (`with_extension` would take the `.0-cpu` of a version for an extension.)
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Makes `folder` anew and empty.
pub fn fresh(folder: &Path) -> Result<()> {
    remove(folder)?;
    fs::create_dir_all(folder).map_err(|error| Failure::file("make", folder, &error))
}

/// Removes `path` and all in it, if it is there. A link goes alone.
pub fn remove(path: &Path) -> Result<()> {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    let removed = if metadata.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Failure::file("remove", path, &error)),
        _ => Ok(()),
    }
}

/// Puts `new` where `old` is or was: `old` is whole at every moment but one between two renames.
pub fn replace(new: &Path, old: &Path) -> Result<()> {
    let aside = beside(old, ".old");
    remove(&aside)?;
    if fs::symlink_metadata(old).is_ok() {
        fs::rename(old, &aside).map_err(|error| Failure::file("move", old, &error))?;
    }
    fs::rename(new, old).map_err(|error| Failure::file("make", old, &error))?;
    remove(&aside)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(false, Some("/x"), Some("/h"), Some("/x"))]
    #[case(false, Some("x"), Some("/h"), Some("/h/.cache"))]
    #[case(false, None, Some("/h"), Some("/h/.cache"))]
    #[case(true, None, Some("/h"), Some("/h/Library/Caches"))]
    #[case(false, None, Some(""), None)]
    #[case(false, None, None, None)]
    fn the_cache_is_where_the_system_has_it(
        #[case] mac: bool,
        #[case] xdg: Option<&str>,
        #[case] home: Option<&str>,
        #[case] cache: Option<&str>,
    ) {
        let found = user_cache(mac, |name| if name == "HOME" { home } else { xdg }.map(PathBuf::from));
        assert_eq!(found, cache.map(PathBuf::from));
    }

    #[test]
    fn a_full_disk_is_told_before_anything_is_fetched() {
        let failure = enough(1_200_000_000, 3_000_000_000, Path::new("/c")).unwrap_err();
        assert_eq!(
            failure.to_string(),
            "/c has 1.2 GB free, and set-up needs 3.0 GB: free some, or set XDG_CACHE_HOME to a roomier folder."
        );
        enough(3_000_000_000, 3_000_000_000, Path::new("/c")).unwrap();
    }

    #[test]
    fn a_folder_replaces_a_folder_or_a_link_or_nothing() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        std::os::unix::fs::symlink("/nowhere", at("2.11.0-cpu")).unwrap();
        for round in ["a", "b"] {
            fresh(&at("new")).unwrap();
            fs::write(at("new").join(round), "").unwrap();
            replace(&at("new"), &at("2.11.0-cpu")).unwrap();
            assert!(at("2.11.0-cpu").join(round).exists());
        }
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }
}
