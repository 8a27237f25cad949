//! Pipes and devices: written as they are, never replaced, and only while somebody waits.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use tokio::sync::oneshot;

use crate::{Error, Result, say};

/// Finds out whether it can be written at all.
///
/// # Errors
/// [`Error::Failed`] with the reason.
pub fn check(path: &Path) -> Result<()> {
    let failed = |why: String| Err(Error::Failed(format!("{} cannot be written: {why}.", say::shown(path))));
    match std::fs::metadata(path) {
        Ok(meta) if meta.file_type().is_socket() => failed("it is a socket".to_owned()),
        Ok(_) => match rustix::fs::access(path, rustix::fs::Access::WRITE_OK) {
            Ok(()) => Ok(()),
            Err(e) => failed(say::reason(&e.into())),
        },
        Err(e) => failed(say::reason(&e)),
    }
}

/// Writes `bytes`. A pipe that nobody reads keeps a thread waiting, not this task, so that the person can leave.
///
/// # Errors
/// What the system says.
pub async fn write(path: &Path, bytes: Vec<u8>) -> io::Result<()> {
    let (path, (reply, written)) = (PathBuf::from(path), oneshot::channel());
    std::thread::Builder::new().spawn(move || {
        let opened = OpenOptions::new().write(true).open(path);
        // Nobody waits when the person has left.
        let _ = reply.send(opened.and_then(|mut file| file.write_all(&bytes)));
    })?;
    written.await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_device_is_written_and_never_replaced() {
        check(Path::new("/dev/null")).unwrap();
        write(Path::new("/dev/null"), vec![1]).await.unwrap();
        assert!(std::fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_full_disk_is_said() {
        let error = write(Path::new("/dev/full"), vec![1]).await.unwrap_err();
        assert_eq!(say::reason(&error), "the disk is full");
    }

    #[test]
    fn a_socket_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert!(check(&path).unwrap_err().to_string().ends_with("it is a socket."));
    }
}
