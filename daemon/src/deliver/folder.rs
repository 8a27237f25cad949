//! Folders that are to be, with the rights that the asker's umask leaves.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A chain of more links than this is a circle.
pub const LINKS: usize = 40;

/// `path`, or the working directory where it is empty.
pub fn or_here(path: &Path) -> &Path {
    if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    }
}

/// The folder of a file.
pub fn of(file: &Path) -> &Path {
    or_here(file.parent().unwrap_or(Path::new("/")))
}

/// Where the link at `path` points, seen from where `path` is seen from.
pub fn follow(path: &Path) -> Result<PathBuf> {
    let target = fs::read_link(path)?;
    Ok(path
        .parent()
        .map_or_else(|| target.clone(), |folder| folder.join(&target)))
}

/// Makes `folder` and those above it, through links that point to folders that are not there yet.
///
/// # Errors
/// What the system says; [`ErrorKind::NotADirectory`] when something else is in the way.
pub fn make(folder: &Path, umask: u32) -> Result<()> {
    make_within(folder, umask, LINKS)
}

fn make_within(folder: &Path, umask: u32, links: usize) -> Result<()> {
    let folder = or_here(folder);
    match fs::metadata(folder) {
        Ok(meta) if meta.is_dir() => return Ok(()),
        Ok(_) => return Err(ErrorKind::NotADirectory.into()),
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
        Err(_) => {}
    }
    if fs::symlink_metadata(folder).is_ok() {
        let links = links.checked_sub(1).ok_or_else(circle)?;
        return make_within(&follow(folder)?, umask, links);
    }
    if let Some(above) = folder.parent() {
        make_within(above, umask, links)?;
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => fs::set_permissions(folder, Permissions::from_mode(0o777 & !umask)),
        // Somebody else made it meanwhile.
        Err(_) if folder.is_dir() => Ok(()),
        Err(e) => Err(e),
    }
}

/// The deepest folder on the way to `folder` that is there, links followed.
///
/// # Errors
/// As [`make`].
pub fn deepest(folder: &Path) -> Result<PathBuf> {
    let mut at = or_here(folder).to_path_buf();
    let mut links = LINKS;
    loop {
        match fs::metadata(&at) {
            Ok(meta) if meta.is_dir() => return Ok(at),
            Ok(_) => return Err(ErrorKind::NotADirectory.into()),
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            Err(_) if fs::symlink_metadata(&at).is_ok() => {
                links = links.checked_sub(1).ok_or_else(circle)?;
                at = follow(&at)?;
            }
            Err(e) => match at.parent() {
                Some(above) => at = or_here(above).to_path_buf(),
                None => return Err(e),
            },
        }
    }
}

/// What the system says of links that point in a circle.
pub fn circle() -> Error {
    Error::from_raw_os_error(libc::ELOOP)
}
