//! Files that other hands may have put there: opened without waiting, and only where they are regular files.
//!
//! Daemon, worker and command open a person's files through these functions. A pipe, a device or a folder in a file's place is
//! refused by its kind, before anything that could wait or never end. What a slow disk does is the caller's affair: whoever
//! serves others reads on a thread that may block.

use std::fs::{File, FileType};
use std::io::{Error, ErrorKind, Read as _, Result};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

/// The regular file at `path`, to be read; links are followed. Never waits for another process.
///
/// # Errors
/// What the system says; [`ErrorKind::InvalidInput`] with the kind in words for what is no regular file.
pub fn open(path: &Path) -> Result<File> {
    // Opening some devices does something: the kind is asked before, and of what was opened once more.
    regular(std::fs::metadata(path)?.file_type())?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    regular(file.metadata()?.file_type())?;
    Ok(file)
}

/// The whole regular file at `path`, of at most `cap` bytes; links are followed.
///
/// # Errors
/// As [`open`]; [`ErrorKind::FileTooLarge`] when it has more than `cap` bytes, whatever it says of its length.
pub fn read(path: &Path, cap: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(cap.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > cap {
        let why = format!("it has more than {cap} bytes, which is the most");
        return Err(Error::new(ErrorKind::FileTooLarge, why));
    }
    Ok(bytes)
}

/// As [`read`], for text.
///
/// # Errors
/// As [`read`]; [`ErrorKind::InvalidData`] when it is not UTF-8.
pub fn read_text(path: &Path, cap: u64) -> Result<String> {
    String::from_utf8(read(path, cap)?).map_err(|_| Error::new(ErrorKind::InvalidData, "it is not UTF-8"))
}

/// `path` with a leading `~` replaced by the home directory.
pub fn expand_home(path: &str, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix('~'), home) {
        (Some(""), Some(home)) => home.to_path_buf(),
        (Some(rest), Some(home)) if rest.starts_with('/') => home.join(rest.trim_start_matches('/')),
        _ => PathBuf::from(path),
    }
}

/// Nothing when that is a regular file, else an error that says what is there.
///
/// # Errors
/// [`ErrorKind::InvalidInput`].
pub fn regular(kind: FileType) -> Result<()> {
    if kind.is_file() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidInput,
        format!("{} is there, not a regular file", kind_name(kind)),
    ))
}

/// What people call a file of that kind.
fn kind_name(kind: FileType) -> &'static str {
    match kind {
        kind if kind.is_dir() => "a folder",
        kind if kind.is_fifo() => "a pipe",
        kind if kind.is_socket() => "a socket",
        kind if kind.is_char_device() || kind.is_block_device() => "a device",
        _ => "something else",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn a_file_is_read_up_to_its_cap() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "four").unwrap();
        assert_eq!(read_text(&path, 4).unwrap(), "four");
        let error = read(&path, 3).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
        std::fs::write(&path, b"\xff").unwrap();
        assert_eq!(read_text(&path, 4).unwrap_err().to_string(), "it is not UTF-8");
        assert_eq!(
            read(&dir.path().join("none"), 4).unwrap_err().kind(),
            ErrorKind::NotFound
        );
    }

    #[rstest]
    #[case::pipe("pipe", "a pipe is there, not a regular file")]
    #[case::folder("folder", "a folder is there, not a regular file")]
    #[case::socket("socket", "a socket is there, not a regular file")]
    #[case::device("device", "a device is there, not a regular file")]
    fn nothing_else_is_opened(#[case] kind: &str, #[case] words: &str) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        match kind {
            "pipe" => {
                let made = std::process::Command::new("mkfifo").arg(&path).status();
                assert!(made.unwrap().success());
            }
            "folder" => std::fs::create_dir(&path).unwrap(),
            "socket" => drop(std::os::unix::net::UnixListener::bind(&path).unwrap()),
            _ => std::os::unix::fs::symlink("/dev/zero", &path).unwrap(),
        }
        let error = read(&path, 4).unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::InvalidInput, words)
        );
    }
}
