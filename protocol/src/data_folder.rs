//! Whose daemon it is. A daemon belongs to one data folder; both ends of a connection compare theirs before anything is asked.
//!
//! Several homes of one user may share the folder of the sockets or that of the logs. There the plain names belong to the home
//! that had them first, the others add a [`tag`] to theirs. `paths` asks here; the daemon claims when it starts.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::hash::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The file that says whose the plain names in a folder are.
const CLAIM: &str = "home";
/// The longest claim in bytes.
const MAX_CLAIM: u64 = 16 * 1024;

/// A data folder, as a daemon and its clients tell it one another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DataFolder {
    /// Its path without links, for people.
    pub path: String,
    /// The running system that has it: elsewhere the numbers mean nothing.
    pub host: String,
    /// The number of its file system.
    pub device: u64,
    /// Its own number there.
    pub inode: u64,
}

impl DataFolder {
    /// The folder at `path`, links followed; `None` while there is none.
    pub fn at(path: &Path) -> Option<Self> {
        let meta = fs::metadata(path).ok().filter(fs::Metadata::is_dir)?;
        Some(Self {
            path: real(path).to_string_lossy().into_owned(),
            host: host(),
            device: meta.dev(),
            inode: meta.ino(),
        })
    }

    /// Whether both are on one machine and not the same folder.
    pub fn is_another(&self, other: &Self) -> bool {
        self.host == other.host && (self.device, self.inode) != (other.device, other.inode)
    }

    /// Whether a client that keeps its data at `path` may talk to the daemon of this folder: it is the same folder, by whatever
    /// path. One on another machine, whose socket is forwarded here, was put there by the person.
    pub fn is_that_at(&self, path: &Path) -> bool {
        match Self::at(path) {
            Some(ours) => !ours.is_another(self),
            // It was taken away under a daemon that ends for that.
            None => self.host != host() || Path::new(&self.path) == real(path),
        }
    }
}

/// What tells the names of that home's socket, logs and services apart where another home has the plain ones: twelve digits
/// that follow from where its data are.
pub fn tag(data: &Path) -> String {
    let sum = Sha256::digest(real(data).as_os_str().as_bytes());
    hex(&sum[..6])
}

/// Whether the plain names in `folder` may be those of the home with that data folder: nobody has them, or it has.
pub fn is_free(folder: &Path, data: &Path) -> bool {
    match crate::files::read(&folder.join(CLAIM), MAX_CLAIM) {
        Ok(bytes) => {
            let owner = PathBuf::from(std::ffi::OsStr::from_bytes(bytes.trim_ascii_end()));
            // Half a claim, or one of a home that is gone, is none.
            !owner.is_absolute() || !owner.is_dir() || is_same(&owner, data)
        }
        Err(_) => true,
    }
}

/// Takes the plain names in `folder`, which is there, for the home with that data folder; `false` when another one has them.
pub fn claim(folder: &Path, data: &Path) -> bool {
    if !is_free(folder, data) {
        return false;
    }
    let path = folder.join(CLAIM);
    let owner = real(data);
    let written = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        file.write_all(owner.as_os_str().as_bytes())?;
        file.write_all(b"\n")
    };
    if written().is_err() && !names(&path, &owner) && fs::remove_file(&path).is_ok() {
        // That of a home that is gone. Where nothing can be written, nobody else claims either.
        let _ = written();
    }
    is_free(folder, data)
}

/// Whether the claim is that home's.
fn names(claim: &Path, owner: &Path) -> bool {
    crate::files::read(claim, MAX_CLAIM).is_ok_and(|bytes| bytes.trim_ascii_end() == owner.as_os_str().as_bytes())
}

/// Whether both are one folder, by whatever path.
pub fn is_same(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
    match (identity(one), identity(other)) {
        (Some(one), Some(other)) => one == other,
        _ => real(one) == real(other),
    }
}

/// `path` without links, as far as it is there.
fn real(path: &Path) -> PathBuf {
    let there = path
        .ancestors()
        .find_map(|part| Some((part, part.canonicalize().ok()?)));
    match there {
        Some((part, real)) => match path.strip_prefix(part) {
            Ok(rest) if !rest.as_os_str().is_empty() => real.join(rest),
            _ => real,
        },
        None => path.to_owned(),
    }
}

/// A name of the running system that no other one has.
fn host() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    match boot.trim() {
        "" => rustix::system::uname().nodename().to_string_lossy().into_owned(),
        boot => boot.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_a_folder_is_that_folder() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link, other) = (dir.path().join("a"), dir.path().join("l"), dir.path().join("b"));
        fs::create_dir(&real).unwrap();
        fs::create_dir(&other).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let folder = DataFolder::at(&link).unwrap();
        assert!(folder.is_that_at(&real) && folder.is_that_at(&link) && !folder.is_that_at(&other));
        assert_eq!((tag(&real), tag(&real.join("x"))), (tag(&link), tag(&link.join("x"))));
        assert_ne!(tag(&real), tag(&other));
        assert!(!folder.is_that_at(&dir.path().join("none")));
        fs::remove_dir(&real).unwrap();
        assert!(folder.is_that_at(&real), "its daemon is told so and ends");
    }

    #[test]
    fn a_daemon_of_another_machine_is_the_persons_choice() {
        let dir = tempfile::tempdir().unwrap();
        let elsewhere = DataFolder {
            host: "another".into(),
            ..DataFolder::default()
        };
        assert!(elsewhere.is_that_at(dir.path()) && elsewhere.is_that_at(&dir.path().join("none")));
    }

    #[test]
    fn plain_names_are_the_first_homes_while_it_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let [shared, a, b] = ["s", "a", "b"].map(|name| dir.path().join(name));
        [&shared, &a, &b]
            .iter()
            .for_each(|folder| fs::create_dir(folder).unwrap());
        assert!(is_free(&shared, &a) && is_free(&shared, &b));
        assert!(claim(&shared, &a) && claim(&shared, &a) && !claim(&shared, &b));
        assert!(is_free(&shared, &a) && !is_free(&shared, &b));
        fs::remove_dir(&a).unwrap();
        assert!(claim(&shared, &b));
        fs::create_dir(&a).unwrap();
        assert!(!claim(&shared, &a));
        fs::write(shared.join(CLAIM), "half").unwrap();
        assert!(claim(&shared, &a) && !is_free(&shared, &b));
    }
}
