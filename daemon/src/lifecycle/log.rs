use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::MakeWriterExt as _;

use crate::{Error, Result};

/// A log that is longer than this at the start of a daemon is set aside as `….1`.
const MAX_LOG: u64 = 4 << 20;

/// Opens a log to append to, 0600; a long one is set aside first.
///
/// # Errors
/// What the system says.
pub fn open(path: &Path) -> io::Result<File> {
    if fs::metadata(path).is_ok_and(|meta| meta.len() > MAX_LOG) {
        let mut aside = path.as_os_str().to_owned();
        aside.push(".1");
        fs::rename(path, aside)?;
    }
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// Sends what `tracing` says to the file at `path`, and to standard error in the foreground. `DARKROOM_LOG` filters
/// (`debug`, `darkroom_daemon::dispatch=trace`). A process that logs already goes on as it does.
///
/// # Errors
/// When the file cannot be opened.
pub fn start(path: &Path, foreground: bool) -> Result<()> {
    let file = open(path).map_err(|e| Error::io("open", path, e))?;
    let filter = EnvFilter::try_from_env("DARKROOM_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_target(false);
    let file = Mutex::new(file);
    // A second logger in one process is refused; the first one serves.
    let _ = if foreground {
        builder.with_writer(file.and(io::stderr)).try_init()
    } else {
        builder.with_writer(file).try_init()
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_long_log_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("d.log");
        fs::write(&path, vec![b'x'; MAX_LOG as usize + 1]).unwrap();
        open(&path).unwrap().write_all(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(dir.path().join("d.log.1")).unwrap().len(), MAX_LOG + 1);
    }

    #[test]
    fn a_short_log_is_continued() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("d.log");
        fs::write(&path, "a").unwrap();
        open(&path).unwrap().write_all(b"b").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"ab");
    }
}
