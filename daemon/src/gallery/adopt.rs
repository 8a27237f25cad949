//! A picture's way from a worker's tray to its place: checked by length and hash, synced, moved. Its row is the caller's affair.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Read;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use darkroom_protocol::hash::hex;
use darkroom_protocol::message::worker::Staged;
use darkroom_protocol::{Format, Picture, failpoint};
use sha2::{Digest, Sha256};

use super::{Gallery, make_private, name};
use crate::{Error, Result, clock};

/// Between two looks whether a test still holds a picture.
const HELD_LOOK: std::time::Duration = std::time::Duration::from_millis(5);

impl Gallery {
    /// Takes a picture from the folder of a [`Tray`](super::Tray) into its place, durable when this returns; the caller then
    /// writes the row. `called` is what [`called`](super::called) makes of its task. It blocks for as long as the disk needs, and passes failpoints 8 (reported, not yet moved) and 9 (moved,
    /// no row yet).
    ///
    /// # Errors
    /// [`Error::Staged`] when the file is not what was reported: it is removed then. [`Error::StagedGone`] when it is not there.
    /// [`Error::Io`] when the disk is full or
    /// fails: the file stays in its tray then.
    pub fn adopt(&self, tray: &Path, staged: &Staged, format: Format, called: &str) -> Result<Picture> {
        failpoint::hit(8);
        while failpoint::holds(|| format!("keep:{}", staged.index)) {
            std::thread::sleep(HELD_LOOK);
        }
        let from = staged_path(tray, &staged.file)?;
        match verify(&from, staged) {
            Err(error @ Error::Staged { .. }) => {
                // What is wrong with it is told; whether its remains could be removed as well is of no use to anybody.
                drop(fs::remove_file(&from));
                return Err(error);
            }
            other => other?,
        }
        let made = clock::local(clock::now_ms(), None);
        let name = name::name(&made, called, staged.job, staged.index, format);
        let to = self.pictures.join(&made.date).join(name);
        self.place(&from, &to)?;
        failpoint::hit(9);
        Ok(Picture {
            job: staged.job,
            index: staged.index,
            path: to.to_string_lossy().into_owned(),
            sha256: staged.sha256.clone(),
            bytes: staged.bytes,
            width: staged.width,
            height: staged.height,
            seed: staged.seed,
            elapsed_ms: staged.elapsed_ms,
        })
    }

    fn place(&self, from: &Path, to: &Path) -> Result<()> {
        let folder = to.parent().unwrap_or(&self.pictures);
        if !folder.is_dir() {
            make_private(folder)?;
            sync(&self.pictures)?;
        }
        relocate(from, to).map_err(|e| Error::io("move a picture to", to, e))?;
        sync(folder)
    }
}

/// Gives a file its place. Where the pictures are on another disk, by a link, it is whole there before it has its name.
fn relocate(from: &Path, to: &Path) -> std::io::Result<()> {
    match fs::rename(from, to) {
        Err(e) if e.kind() == std::io::ErrorKind::CrossesDevices => {}
        other => return other,
    }
    let part = to.with_extension("part");
    let copied = fs::copy(from, &part)
        .and_then(|_| File::open(&part)?.sync_all())
        .and_then(|()| fs::rename(&part, to));
    if copied.is_err() {
        let _ = fs::remove_file(&part);
    }
    copied.and_then(|()| fs::remove_file(from))
}

/// The file in its tray; a name with a folder in it is none.
fn staged_path(tray: &Path, file: &str) -> Result<PathBuf> {
    let plain = Path::new(file).file_name().is_some_and(|name| name == file) && !file.contains('\0');
    if plain {
        Ok(tray.join(file))
    } else {
        Err(differs(file, "is not a plain file name"))
    }
}

/// Checks size and SHA-256, closes the file to others and syncs it.
fn verify(path: &Path, staged: &Staged) -> Result<()> {
    let say = |what: String| differs(&staged.file, &what);
    let mut file = match OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
    {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::StagedGone {
                file: staged.file.chars().take(100).collect(),
            });
        }
        Err(e) if e.raw_os_error() == Some(libc::ELOOP) => return Err(say("is a link".to_owned())),
        Err(e) => return Err(Error::io("read", path, e)),
    };
    let meta = file.metadata().map_err(|e| Error::io("read", path, e))?;
    if !meta.is_file() {
        return Err(say("is not a regular file".to_owned()));
    }
    if meta.len() != staged.bytes {
        return Err(say(format!(
            "has {} bytes, not the {} reported",
            meta.len(),
            staged.bytes
        )));
    }
    if hash(&mut file).map_err(|e| Error::io("read", path, e))? != staged.sha256 {
        return Err(say("has another SHA-256 than reported".to_owned()));
    }
    file.set_permissions(Permissions::from_mode(0o600))
        .and_then(|()| file.sync_all())
        .map_err(|e| Error::io("save", path, e))
}

/// The file's SHA-256 as lower-case hexadecimal.
fn hash(file: &mut File) -> std::io::Result<String> {
    let mut sha = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => sha.update(&buffer[..n]),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(hex(sha.finalize()))
}

/// Makes names in `folder` durable.
fn sync(folder: &Path) -> Result<()> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|e| Error::io("save the folder", folder, e))
}

fn differs(file: &str, what: &str) -> Error {
    Error::Staged {
        file: file.chars().take(100).collect(),
        what: what.to_owned(),
    }
}
