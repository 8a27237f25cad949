//! The file at which the daemon listens: made with care for what is in its place, looked after while it serves, removed at the end.
//!
//! `lifecycle` binds one or takes over a service manager's; `accept` lets peers in through it. Which path it has is not decided
//! here.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use darkroom_protocol::paths::private_folder;
use interprocess::local_socket::tokio::prelude::*;
use interprocess::local_socket::tokio::{Listener, Stream};
use interprocess::local_socket::{GenericFilePath, ListenerOptions};
use interprocess::os::unix::uds_local_socket::tokio::Listener as UnixDomain;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use crate::{Error, Result};

/// A process that was killed may hold its socket a moment longer than its lock.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(20);

/// The daemon's socket. Only the holder of the lock makes one.
#[derive(Debug)]
pub struct Socket {
    path: PathBuf,
    listener: Listener,
    identity: Option<Identity>,
    /// A service manager's: its file is neither removed nor made again.
    given: bool,
    /// That its file is gone and cannot be made again was said.
    lamented: bool,
}

/// Which file the socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    dev: u64,
    ino: u64,
}

impl Socket {
    /// Listens at `path`, 0600. What a dead daemon left there is removed.
    ///
    /// # Errors
    /// When somebody listens there, something that is no socket is in the way, or the folder cannot be written.
    pub fn bind(path: &Path) -> Result<Self> {
        make_way(path)?;
        let failed = |e| Error::io("listen at", path, e);
        let name = path.to_fs_name::<GenericFilePath>().map_err(failed)?;
        let options = ListenerOptions::new().name(name).reclaim_name(false);
        // Elsewhere the folder's 0700 alone keeps others out.
        #[cfg(target_os = "linux")]
        let options = interprocess::os::unix::local_socket::ListenerOptionsExt::mode(options, 0o600);
        let listener = options.create_tokio().map_err(failed)?;
        Ok(Self {
            identity: Some(identity(path).map_err(failed)?),
            path: path.to_owned(),
            listener,
            given: false,
            lamented: false,
        })
    }

    /// Takes over a socket that a service manager listens on.
    ///
    /// # Errors
    /// When it has no path, or cannot be used.
    pub fn take(given: UnixListener) -> Result<Self> {
        let path = path_of(&given)?;
        let failed = |e| Error::io("listen at", &path, e);
        let listener = UnixDomain::try_from(OwnedFd::from(given)).map_err(failed)?;
        Ok(Self {
            listener: Listener::UdSocket(listener),
            identity: identity(&path).ok(),
            path,
            given: true,
            lamented: false,
        })
    }

    /// Where clients find it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next connection.
    ///
    /// # Errors
    /// What the system says, for instance that there are no more file descriptors.
    pub async fn accept(&self) -> io::Result<Stream> {
        self.listener.accept().await
    }

    /// Is done once somebody took the socket's file away. Looks `every` so often, beside the tasks that must not wait.
    pub fn taken_away(&self, every: Duration) -> impl Future<Output = ()> + Send + use<> {
        let (path, ours) = (self.path.clone(), self.identity);
        async move {
            loop {
                tokio::time::sleep(every).await;
                let path = path.clone();
                let found = tokio::task::spawn_blocking(move || identity(&path).ok()).await;
                if found.is_ok_and(|found| found.is_none() || found != ours) {
                    return;
                }
            }
        }
    }

    /// Makes the socket's file again, which somebody took away. That it cannot be is said once.
    pub fn mend(&mut self) {
        if self.is_in_place() {
            self.lamented = false;
            return;
        }
        match self.again() {
            Ok(new) => {
                tracing::warn!("the socket's file was gone and has been made again");
                *self = new;
            }
            Err(error) if !self.lamented => {
                tracing::error!("the socket's file is gone and cannot be made again: {error}");
                self.lamented = true;
            }
            Err(_) => {}
        }
    }

    fn again(&self) -> Result<Self> {
        if self.given {
            let why = "it is the service manager's: run `systemctl --user restart darkroom.socket`";
            return Err(Error::io("listen at", &self.path, io::Error::other(why)));
        }
        self.path.parent().map_or(Ok(()), private_folder)?;
        Self::bind(&self.path)
    }

    /// Whether its file is still where clients look for it.
    pub fn is_in_place(&self) -> bool {
        identity(&self.path)
            .ok()
            .is_some_and(|found| self.identity == Some(found))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if !self.given && self.is_in_place() {
            // Nothing can be done about a folder that is gone.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Where a given socket listens.
///
/// # Errors
/// When it has no path.
pub fn path_of(given: &UnixListener) -> Result<PathBuf> {
    let address = given.local_addr().ok();
    let path = address.as_ref().and_then(|address| address.as_pathname());
    path.map(Path::to_owned).ok_or_else(|| {
        let why = io::Error::other("it has no path: ListenStream is to be a file");
        Error::io("take over", Path::new("the service manager's socket"), why)
    })
}

fn identity(path: &Path) -> io::Result<Identity> {
    fs::symlink_metadata(path).map(|meta| Identity {
        dev: meta.dev(),
        ino: meta.ino(),
    })
}

/// Whether anybody listens on the socket at `path`. Never waits: a listener whose backlog is full listens too.
pub fn is_listening(path: &Path) -> bool {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let Ok(address) = SocketAddrUnix::new(path) else {
        return false;
    };
    let Ok(probe) = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None) else {
        // Out of file descriptors: nothing is known, and nothing is taken away.
        return true;
    };
    !matches!(
        connect(&probe, &address),
        Err(rustix::io::Errno::CONNREFUSED | rustix::io::Errno::NOENT)
    )
}

/// Removes what a dead daemon left. A socket on which somebody listens is never taken away.
fn make_way(path: &Path) -> Result<()> {
    let refused = |why: &str| Err(Error::io("listen at", path, io::Error::other(why.to_owned())));
    let end = Instant::now() + PATIENCE;
    loop {
        match fs::symlink_metadata(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(Error::io("look at", path, e)),
            Ok(meta) if !meta.file_type().is_socket() => {
                return refused("something that is no socket is in the way: move it away");
            }
            Ok(_) if !is_listening(path) => return fs::remove_file(path).map_err(|e| Error::io("remove", path, e)),
            Ok(_) if Instant::now() >= end => {
                return refused(
                    "another process listens there; see `darkroom status`, or `systemctl --user status darkroom.socket`",
                );
            }
            Ok(_) => std::thread::sleep(PAUSE),
        }
    }
}

#[cfg(test)]
#[path = "socket_tests.rs"]
mod tests;
