use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use interprocess::local_socket::tokio::prelude::*;
use interprocess::local_socket::tokio::{Listener, Stream};
use interprocess::local_socket::{GenericFilePath, ListenerOptions};

use crate::{Error, Result};

/// The daemon's socket. Only the holder of the lock makes one.
#[derive(Debug)]
pub struct Socket {
    path: PathBuf,
    listener: Listener,
    identity: Identity,
}

/// Which file the socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    dev: u64,
    ino: u64,
}

impl Socket {
    /// Listens at `path`, 0600. What a dead daemon left there is removed: the caller holds the lock, so nobody listens.
    ///
    /// # Errors
    /// When something that is no socket is in the way, or the folder cannot be written.
    pub fn bind(path: &Path) -> Result<Self> {
        remove_corpse(path)?;
        let failed = |e| Error::io("listen at", path, e);
        let name = path.to_fs_name::<GenericFilePath>().map_err(failed)?;
        let options = ListenerOptions::new().name(name).reclaim_name(false);
        // Elsewhere the folder's 0700 alone keeps others out.
        #[cfg(target_os = "linux")]
        let options = interprocess::os::unix::local_socket::ListenerOptionsExt::mode(options, 0o600);
        let listener = options.create_tokio().map_err(failed)?;
        let identity = identity(path).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            listener,
            identity,
        })
    }

    /// The next connection.
    ///
    /// # Errors
    /// What the system says, for instance that there are no more file descriptors.
    pub async fn accept(&self) -> io::Result<Stream> {
        self.listener.accept().await
    }

    /// Whether its file is still where clients look for it.
    pub fn is_in_place(&self) -> bool {
        identity(&self.path).is_ok_and(|found| found == self.identity)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.is_in_place() {
            // Nothing can be done about a folder that is gone.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<Identity> {
    fs::symlink_metadata(path).map(|meta| Identity {
        dev: meta.dev(),
        ino: meta.ino(),
    })
}

fn remove_corpse(path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(Error::io("look at", path, e)),
        Ok(meta) if meta.file_type().is_socket() => fs::remove_file(path).map_err(|e| Error::io("remove", path, e)),
        Ok(_) => Err(Error::io(
            "listen at",
            path,
            io::Error::other("something that is no socket is in the way: move it away"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_corpse_makes_room_and_our_own_file_goes_with_us() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let socket = Socket::bind(&path).unwrap();
        assert!(socket.is_in_place());
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn anothers_file_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let first = Socket::bind(&path).unwrap();
        let second = Socket::bind(&path).unwrap();
        assert!(!first.is_in_place());
        drop(first);
        assert!(second.is_in_place());
    }

    #[tokio::test]
    async fn a_plain_file_is_not_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        fs::write(&path, "mine").unwrap();
        let error = Socket::bind(&path).unwrap_err().to_string();
        assert!(error.contains("no socket"), "{error}");
        assert!(path.exists());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn only_its_owner_may_connect() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let _socket = Socket::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }
}
