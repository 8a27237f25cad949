//! Where things are.
//!
//! `DARKROOM_HOME` puts everything under one folder: for tests, and for two daemons side by side.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The longest socket path in bytes that every system takes: `sockaddr_un` holds 104 on macOS, 108 on Linux, one of them the
/// closing zero.
pub const MAX_SOCKET_PATH: usize = 103;

/// The folders of one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// Jobs and pictures: `~/.local/share/darkroom`.
    pub data: PathBuf,
    /// Lock file and log: `~/.local/state/darkroom`.
    pub state: PathBuf,
    /// `config.toml`: `~/.config/darkroom`.
    pub config: PathBuf,
    /// The folder of the socket, 0700.
    pub run: PathBuf,
}

impl Paths {
    /// The folders that the environment asks for.
    ///
    /// # Errors
    /// When there is no home directory.
    pub fn from_env() -> Result<Self> {
        if let Some(home) = std::env::var_os("DARKROOM_HOME").filter(|h| !h.is_empty()) {
            let home = std::path::absolute(&home).unwrap_or_else(|_| PathBuf::from(home));
            return Ok(Self::under(&home));
        }
        let dirs = directories::ProjectDirs::from("", "", "darkroom").ok_or_else(|| Error::Path {
            path: PathBuf::from("~"),
            what: "there is no home directory: set HOME or DARKROOM_HOME".to_owned(),
        })?;
        let data = dirs.data_dir().to_path_buf();
        let state = dirs.state_dir().map_or_else(|| data.join("state"), Path::to_path_buf);
        Ok(Self {
            state,
            config: dirs.config_dir().to_path_buf(),
            run: run_folder(),
            data,
        })
    }

    /// Everything under `home`.
    pub fn under(home: &Path) -> Self {
        Self {
            data: home.join("data"),
            state: home.join("state"),
            config: home.join("config"),
            run: home.join("run"),
        }
    }

    /// The daemon's socket.
    pub fn socket(&self) -> PathBuf {
        self.run.join("darkroom.sock")
    }

    /// The file that a living daemon holds locked; its content is a [`LockRecord`].
    pub fn lock(&self) -> PathBuf {
        self.state.join("daemon.lock")
    }

    /// The file beside the database that a living daemon holds locked too.
    pub fn data_lock(&self) -> PathBuf {
        self.data.join("daemon.lock")
    }

    /// The file that a client holds locked while it starts a daemon.
    pub fn startup_lock(&self) -> PathBuf {
        self.state.join("daemon.startup.lock")
    }

    /// The daemon's log.
    pub fn log(&self) -> PathBuf {
        self.state.join("daemon.log")
    }

    /// Logs of jobs: what their workers wrote.
    pub fn job_logs(&self) -> PathBuf {
        self.state.join("jobs")
    }

    /// The log of a job.
    pub fn job_log(&self, job: crate::JobId) -> PathBuf {
        self.job_logs().join(format!("{job}.log"))
    }

    /// The store of jobs and pictures.
    pub fn database(&self) -> PathBuf {
        self.data.join("darkroom.db")
    }

    /// Finished pictures.
    pub fn pictures(&self) -> PathBuf {
        self.data.join("pictures")
    }

    /// Pictures on their way from a worker.
    pub fn staging(&self) -> PathBuf {
        self.data.join("staging")
    }

    /// Uploaded inputs, by hash.
    pub fn inputs(&self) -> PathBuf {
        self.data.join("inputs")
    }

    /// The person's settings.
    pub fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }
}

/// `$XDG_RUNTIME_DIR/darkroom`, else `/run/user/UID/darkroom` where that is ours, else `/tmp/darkroom-UID`.
///
/// Never `$TMPDIR`: system cleaners reap what lives there, and each login may have another one.
fn run_folder() -> PathBuf {
    let uid = rustix::process::getuid().as_raw();
    if let Some(dir) = std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|d| d.is_absolute() && d.is_dir())
    {
        return dir.join("darkroom");
    }
    let dir = PathBuf::from(format!("/run/user/{uid}"));
    let ours = std::fs::metadata(&dir).is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == uid);
    if ours {
        dir.join("darkroom")
    } else {
        PathBuf::from(format!("/tmp/darkroom-{uid}"))
    }
}

/// What a living daemon writes into its lock file, so that every session finds it even where XDG_RUNTIME_DIR differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockRecord {
    /// Process id.
    pub pid: u32,
    /// Release.
    pub version: String,
    /// Protocol version.
    pub protocol: u16,
    /// Its socket.
    pub socket: PathBuf,
}

/// Makes `dir` (0700) or checks that it is a real directory, ours, and closed to others.
///
/// # Errors
/// A symbolic link, another owner (a squatted `/tmp/darkroom-UID`) or an unwritable parent, each in words.
pub fn private_folder(dir: &Path) -> Result<()> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
    let fail = |what: String| Error::Path {
        path: dir.to_path_buf(),
        what,
    };
    if let Some(parent) = dir.parent() {
        std::fs::create_dir_all(parent).map_err(|e| fail(format!("its parent cannot be made: {e}")))?;
    }
    match std::fs::DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => {}
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(e) => return Err(fail(format!("cannot be made: {e}"))),
    }
    let meta = std::fs::symlink_metadata(dir).map_err(|e| fail(format!("cannot be read: {e}")))?;
    if !meta.is_dir() {
        return Err(fail("is not a directory (or a link to one): move it away".to_owned()));
    }
    if meta.uid() != rustix::process::getuid().as_raw() {
        return Err(fail(format!(
            "belongs to user {}, not to you: set XDG_RUNTIME_DIR or DARKROOM_HOME",
            meta.uid()
        )));
    }
    if meta.mode() & 0o077 != 0 {
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))
            .map_err(|e| fail(format!("is open to other users and cannot be closed: {e}")))?;
    }
    Ok(())
}

/// Checks that a socket may have this path.
///
/// # Errors
/// When it is longer than [`MAX_SOCKET_PATH`].
pub fn check_socket_path(socket: &Path) -> Result<()> {
    let bytes = socket.as_os_str().len();
    if bytes > MAX_SOCKET_PATH {
        return Err(Error::Path {
            path: socket.to_path_buf(),
            what: format!(
                "a socket's path has at most {MAX_SOCKET_PATH} bytes, this one has {bytes}: set DARKROOM_HOME to a shorter folder"
            ),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn one_folder_holds_everything() {
        let paths = Paths::under(Path::new("/h"));
        assert_eq!(paths.socket(), Path::new("/h/run/darkroom.sock"));
        assert_eq!(paths.database(), Path::new("/h/data/darkroom.db"));
    }

    #[test]
    fn long_socket_paths_are_refused_in_words() {
        let long = PathBuf::from(format!("/{}", "x".repeat(MAX_SOCKET_PATH)));
        let message = check_socket_path(&long).unwrap_err().to_string();
        assert!(message.contains("at most 103 bytes"), "{message}");
    }

    #[test]
    fn a_link_is_no_private_folder() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path(), &link).unwrap();
        assert!(private_folder(&link).is_err());
    }

    #[test]
    fn an_open_folder_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        let open = dir.path().join("open");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o755)).unwrap();
        private_folder(&open).unwrap();
        assert_eq!(std::fs::metadata(&open).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
