//! Files that are whole or absent.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::pattern::Pattern;
use crate::{Error, Result, say};

/// Finds out, before any work is done, whether files can be made in the pattern's folder.
///
/// # Errors
/// [`Error::Failed`] with the reason.
pub fn check(pattern: &Pattern) -> Result<()> {
    if !pattern.is_replacing() {
        return Ok(());
    }
    let folder = pattern.existing_folder();
    match temporary(folder) {
        Ok(_) => Ok(()),
        Err(_) if !folder.exists() => Err(Error::Failed(format!(
            "The folder {} does not exist: make it first.",
            say::shown(folder)
        ))),
        Err(e) => Err(Error::Failed(format!(
            "Nothing can be written in {}: {}.",
            say::shown(folder),
            say::reason(&e)
        ))),
    }
}

/// Writes `bytes` to `path`: beside it, then under its name, so that nobody sees half a picture.
///
/// # Errors
/// What the system says; nothing is left behind.
pub fn write(path: &Path, bytes: &[u8], replace: bool) -> io::Result<()> {
    if !replace {
        return OpenOptions::new().write(true).open(path)?.write_all(bytes);
    }
    // A link stays a link: what it points to is replaced.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .map_or(PathBuf::from("."), Path::to_path_buf);
    let mut file = temporary(&folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_data()?;
    file.persist(&path).map_err(|e| e.error)?;
    Ok(())
}

/// A file without a name to be, with the rights that the person's umask leaves.
fn temporary(folder: &Path) -> io::Result<tempfile::NamedTempFile<File>> {
    tempfile::Builder::new()
        .prefix(".darkroom-")
        .suffix(".part")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .map_err(plain)
}

/// The error as the system gave it: tempfile adds the path, which the messages name already.
fn plain(error: io::Error) -> io::Error {
    error
        .raw_os_error()
        .map_or_else(|| io::Error::from(error.kind()), io::Error::from_raw_os_error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::pattern::Name;

    fn pattern(folder: &Path) -> Pattern {
        Pattern {
            folder: folder.to_path_buf(),
            name: Name::Fixed("x.png".into()),
        }
    }

    #[test]
    fn a_file_is_replaced_whole_and_a_link_stays_one() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("a.png"), dir.path().join("link.png"));
        std::fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write(&link, b"new", true).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"new");
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(
            std::fs::read_dir(dir.path()).unwrap().count(),
            2,
            "nothing else is left"
        );
    }

    #[test]
    fn the_person_can_read_it_as_any_file() {
        let dir = tempfile::tempdir().unwrap();
        let (ours, usual) = (dir.path().join("a.png"), dir.path().join("b.png"));
        write(&ours, b"x", true).unwrap();
        std::fs::write(&usual, b"x").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&usual));
    }

    #[test]
    fn what_cannot_be_written_is_found_out_first() {
        let dir = tempfile::tempdir().unwrap();
        check(&pattern(dir.path())).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        let missing = check(&pattern(&dir.path().join("none"))).unwrap_err();
        assert!(
            missing.to_string().ends_with("does not exist: make it first."),
            "{missing}"
        );
        assert_eq!(missing.code(), 1);
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(
            check(&pattern(&file))
                .unwrap_err()
                .to_string()
                .starts_with("Nothing can be written in")
        );
    }

    #[test]
    fn a_device_is_written_and_never_replaced() {
        write(Path::new("/dev/null"), b"x", false).unwrap();
        use std::os::unix::fs::FileTypeExt;
        assert!(std::fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_said() {
        let error = write(Path::new("/dev/full"), b"x", false).unwrap_err();
        assert_eq!(say::reason(&error), "the disk is full");
    }
}
