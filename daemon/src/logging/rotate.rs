//! Log files that never grow beyond bounds. The daemon's own log rotates as it is written; logs of jobs and workers are set aside
//! when they are opened.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::parts::numbered;

/// The longest log file, in bytes.
const MAX_LOG: u64 = 4 << 20;
/// Earlier parts of the daemon's log that are kept: `daemon.log.1` is the newest.
const KEPT: u32 = 3;

/// Opens a log to append to, 0600; a long one is set aside first, as `….1`.
///
/// # Errors
/// What the system says.
pub fn open(path: &Path) -> io::Result<File> {
    if fs::metadata(path).is_ok_and(|meta| meta.len() > MAX_LOG) {
        set_aside(path, 1)?;
    }
    append(path)
}

/// A log that never grows beyond [`MAX_LOG`] times one more than [`KEPT`]. A file that was moved or removed is made again at the
/// next line. A line that cannot be written is lost: there is nobody to tell.
#[derive(Debug)]
pub struct Rotating {
    path: PathBuf,
    file: Option<File>,
}

impl Rotating {
    /// Opens the log at `path`, 0600.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut log = Self {
            path: path.to_owned(),
            file: None,
        };
        log.file = Some(append(path)?);
        log.make_room(0)?;
        Ok(log)
    }

    fn put(&mut self, line: &[u8]) -> io::Result<()> {
        self.make_room(line.len() as u64)?;
        match &mut self.file {
            Some(file) => file.write_all(line),
            None => Ok(()),
        }
    }

    /// Sees to it that the file is where it belongs and takes `more` bytes.
    fn make_room(&mut self, more: u64) -> io::Result<()> {
        let found = fs::symlink_metadata(&self.path).ok();
        let ours = self.file.as_ref().and_then(|file| file.metadata().ok());
        let identity = |meta: &fs::Metadata| (meta.dev(), meta.ino());
        if found.is_none() || found.as_ref().map(identity) != ours.as_ref().map(identity) {
            self.file = Some(append(&self.path)?);
        }
        let length = found.map_or(0, |meta| meta.len());
        if length > 0 && length + more > MAX_LOG {
            set_aside(&self.path, KEPT)?;
            self.file = Some(append(&self.path)?);
        }
        Ok(())
    }
}

impl Write for Rotating {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // A full disk must not stop the daemon, nor a folder that is gone.
        if self.put(line).is_err() {
            self.file = None;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    // Opening a pipe would wait for a reader.
    if let Ok(meta) = fs::metadata(path) {
        darkroom_protocol::files::regular(meta.file_type())?;
    }
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// Renames `log` to `log.1`, what was `log.1` to `log.2`, and so on up to `kept`; the last one goes.
fn set_aside(path: &Path, kept: u32) -> io::Result<()> {
    for n in (1..kept).rev() {
        match fs::rename(numbered(path, n), numbered(path, n + 1)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    fs::rename(path, numbered(path, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("d.log");
        (dir, path)
    }

    fn length(path: &Path) -> u64 {
        fs::metadata(path).unwrap().len()
    }

    #[test]
    fn a_long_log_is_set_aside() {
        let (_dir, path) = dir();
        fs::write(&path, vec![b'x'; MAX_LOG as usize + 1]).unwrap();
        open(&path).unwrap().write_all(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(length(&numbered(&path, 1)), MAX_LOG + 1);
    }

    #[test]
    fn a_short_log_is_continued() {
        let (_dir, path) = dir();
        fs::write(&path, "a").unwrap();
        open(&path).unwrap().write_all(b"b").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"ab");
    }

    #[test]
    fn a_flood_stays_bounded_and_the_newest_lines_stay() {
        let (dir, path) = dir();
        let mut log = Rotating::open(&path).unwrap();
        let line = vec![b'x'; 1 << 20];
        for n in 0..30_u8 {
            log.write_all(&line).unwrap();
            log.write_all(&[b'\n', n]).unwrap();
        }
        let files = fs::read_dir(dir.path()).unwrap().count() as u64;
        let bytes: u64 = fs::read_dir(dir.path())
            .unwrap()
            .map(|e| length(&e.unwrap().path()))
            .sum();
        assert_eq!(files, u64::from(KEPT) + 1);
        assert!(bytes <= MAX_LOG * files, "{bytes}");
        assert_eq!(fs::read(&path).unwrap().last(), Some(&29));
    }

    #[test]
    fn a_log_that_was_removed_is_made_again() {
        let (_dir, path) = dir();
        let mut log = Rotating::open(&path).unwrap();
        log.write_all(b"lost\n").unwrap();
        fs::remove_file(&path).unwrap();
        log.write_all(b"kept\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"kept\n");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_folder_that_is_gone_stops_nobody() {
        let (dir, path) = dir();
        let mut log = Rotating::open(&path).unwrap();
        drop(dir);
        log.write_all(b"lost\n").unwrap();
        fs::create_dir(path.parent().unwrap()).unwrap();
        log.write_all(b"kept\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"kept\n");
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}
