//! Where things are.
//!
//! `DARKROOM_HOME` puts everything under one folder: for tests, and for two daemons side by side. Homes that share the folder of
//! the sockets or of the logs have names of their own in it (see `data_folder`), so that their daemons never meet.

use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::host::Host;
use crate::{Error, Result, data_folder};

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
    /// What is added to the socket's name where another home has the plain one.
    pub tag: Option<String>,
    /// What can be had again: pictures that were fetched from another machine. `~/.cache/darkroom`.
    pub cache: PathBuf,
    /// The machine whose daemon is meant; this one when absent.
    pub host: Option<Host>,
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
        let state = match data_folder::is_free(&state, &data) {
            true => state,
            false => state.join(data_folder::tag(&data)),
        };
        let run = run_folder();
        let tag = (!has_plain_name(&run, &data)).then(|| data_folder::tag(&data));
        Ok(Self {
            state,
            config: dirs.config_dir().to_path_buf(),
            cache: dirs.cache_dir().to_path_buf(),
            run,
            tag,
            data,
            host: None,
        })
    }

    /// Everything under `home`.
    pub fn under(home: &Path) -> Self {
        Self {
            data: home.join("data"),
            state: home.join("state"),
            config: home.join("config"),
            run: home.join("run"),
            cache: home.join("cache"),
            tag: None,
            host: None,
        }
    }

    /// The daemon's socket.
    pub fn socket(&self) -> PathBuf {
        self.run.join(socket_name(self.tag.as_deref()))
    }

    /// The same paths with the names that no other home uses.
    pub fn tagged(&self) -> Self {
        Self {
            tag: Some(data_folder::tag(&self.data)),
            ..self.clone()
        }
    }

    /// The file that a living daemon holds locked; its content is a [`LockRecord`]. It is beside the database, so that whoever
    /// shares that shares the daemon, and nobody else does.
    pub fn lock(&self) -> PathBuf {
        self.data.join("daemon.lock")
    }

    /// The file that a client holds locked while it starts a daemon.
    pub fn startup_lock(&self) -> PathBuf {
        self.data.join("daemon.startup.lock")
    }

    /// The daemon's log.
    pub fn log(&self) -> PathBuf {
        self.state.join("daemon.log")
    }

    /// What workers wrote between jobs.
    pub fn worker_log(&self) -> PathBuf {
        self.state.join("worker.log")
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

    /// Small pictures of pictures.
    pub fn thumbnails(&self) -> PathBuf {
        self.data.join("thumbnails")
    }

    /// Uploaded inputs, by hash.
    pub fn inputs(&self) -> PathBuf {
        self.data.join("inputs")
    }

    /// LoRAs that are known by their names, beside those in the folders of the settings.
    pub fn loras(&self) -> PathBuf {
        self.data.join("loras")
    }

    /// Models that were pulled where the settings name no folder of models; one of those that are looked through.
    pub fn models(&self) -> PathBuf {
        self.data.join("models")
    }

    /// What is known of pulls: a small file each.
    pub fn pulls(&self) -> PathBuf {
        self.data.join("pulls")
    }

    /// The person's settings.
    pub fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }
}

/// The socket's file in its folder, by the home's tag.
pub fn socket_name(tag: Option<&str>) -> String {
    match tag {
        None => "darkroom.sock".to_owned(),
        Some(tag) => format!("darkroom-{tag}.sock"),
    }
}

/// Whether the home with that data folder has the plain name in `run`. The person's own home always has; another one does not
/// where the login's sockets are and the own one is in use; elsewhere the first one has.
fn has_plain_name(run: &Path, data: &Path) -> bool {
    let own = own_data();
    if own.as_deref().is_some_and(|own| data_folder::is_same(own, data)) {
        return true;
    }
    let in_use = own.is_some_and(|own| own.is_dir());
    !(in_use && is_of_login(run)) && data_folder::is_free(run, data)
}

/// The data folder of the home that the system knows for this user, whatever `HOME` says.
fn own_data() -> Option<PathBuf> {
    let home = login_home()?;
    let below = if cfg!(target_os = "macos") {
        "Library/Application Support/darkroom"
    } else {
        ".local/share/darkroom"
    };
    Some(home.join(below))
}

/// The home directory that the system knows for this user, whatever `HOME` says.
pub fn login_home() -> Option<PathBuf> {
    let user = nix::unistd::User::from_uid(nix::unistd::Uid::effective()).ok()??;
    Some(user.dir)
}

/// Whether `run` is where every login of this user has its sockets.
fn is_of_login(run: &Path) -> bool {
    let uid = rustix::process::geteuid().as_raw();
    [
        PathBuf::from(format!("/run/user/{uid}/darkroom")),
        PathBuf::from(format!("/tmp/darkroom-{uid}")),
    ]
    .iter()
    .any(|login| login == run)
}

/// The folder of the socket in this environment.
fn run_folder() -> PathBuf {
    let uid = rustix::process::geteuid().as_raw();
    let asked = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let is_ours = |dir: &Path| std::fs::metadata(dir).is_ok_and(|m| m.is_dir() && m.uid() == uid);
    choose_run(asked, uid, is_ours)
}

/// `$XDG_RUNTIME_DIR/darkroom`, else `/run/user/UID/darkroom`, else `/tmp/darkroom-UID`: the first of them whose parent is a
/// folder of ours (`su` and `sudo -E` hand on another user's) and where a socket's path fits.
///
/// Never `$TMPDIR`: system cleaners reap what lives there, and each login may have another one.
fn choose_run(asked: Option<PathBuf>, uid: u32, is_ours: impl Fn(&Path) -> bool) -> PathBuf {
    let login = PathBuf::from(format!("/run/user/{uid}"));
    asked
        .filter(|dir| dir.is_absolute())
        .into_iter()
        .chain([login])
        .filter(|dir| is_ours(dir))
        .map(|dir| dir.join("darkroom"))
        .find(|run| check_socket_path(&run.join(socket_name(Some("0123456789ab")))).is_ok())
        .unwrap_or_else(|| PathBuf::from(format!("/tmp/darkroom-{uid}")))
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

/// Makes `dir` (0700) or checks that it is a real directory, ours, and closed to others: for sockets, whose folder may be in a
/// place where others write.
///
/// # Errors
/// A symbolic link, another owner (a squatted `/tmp/darkroom-UID`) or an unwritable parent, each in words.
pub fn private_folder(dir: &Path) -> Result<()> {
    make(dir)?;
    let meta = std::fs::symlink_metadata(dir).map_err(|e| fail(dir, format!("cannot be read: {e}")))?;
    if !meta.is_dir() {
        let what = "is not a directory (or a link to one): move it away".to_owned();
        return Err(fail(dir, what));
    }
    close(dir, &meta)
}

/// As [`private_folder`], for what is kept: a link of ours to a folder of ours, for instance on another disk, is followed.
///
/// # Errors
/// As [`private_folder`], but for links; one that leads nowhere is told with its target.
pub fn kept_folder(dir: &Path) -> Result<()> {
    make(dir)?;
    let unreadable = |e| fail(dir, format!("cannot be read: {e}"));
    let link = std::fs::symlink_metadata(dir).map_err(unreadable)?;
    if !link.is_symlink() {
        return private_folder(dir);
    }
    let ours = rustix::process::geteuid().as_raw();
    if link.uid() != ours {
        return Err(fail(dir, foreign(link.uid(), ours)));
    }
    match std::fs::metadata(dir) {
        Ok(meta) if meta.is_dir() => close(dir, &meta),
        Ok(_) => {
            let what = "is a link to something that is no folder: move it away".to_owned();
            Err(fail(dir, what))
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let target = std::fs::read_link(dir).map_err(unreadable)?;
            let what = format!(
                "is a link to {}, where nothing is: mount that disk or make the folder, or move the link away",
                target.display()
            );
            Err(fail(dir, what))
        }
        Err(e) => Err(unreadable(e)),
    }
}

/// Makes `dir` and what is missing above it, 0700 whatever the umask is.
fn make(dir: &Path) -> Result<()> {
    let new = |recursive| {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(recursive).mode(0o700);
        builder
    };
    if let Some(parent) = dir.parent() {
        new(true).create(parent).map_err(|e| {
            let what = format!("its parent cannot be made: {e}: set DARKROOM_HOME to a folder of yours");
            fail(dir, what)
        })?;
    }
    match new(false).create(dir) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => Err(fail(dir, format!("cannot be made: {e}"))),
        _ => Ok(()),
    }
}

/// Checks that `dir` is ours, and closes it to others.
fn close(dir: &Path, meta: &std::fs::Metadata) -> Result<()> {
    let ours = rustix::process::geteuid().as_raw();
    if meta.uid() != ours {
        return Err(fail(dir, foreign(meta.uid(), ours)));
    }
    if meta.mode() & 0o077 != 0 {
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))
            .map_err(|e| fail(dir, format!("is open to other users and cannot be closed: {e}")))?;
    }
    Ok(())
}

fn fail(dir: &Path, what: String) -> Error {
    Error::Path {
        path: dir.to_path_buf(),
        what,
    }
}

/// What to do about a folder of user `theirs`.
fn foreign(theirs: u32, ours: u32) -> String {
    match (ours, theirs) {
        (0, _) => format!("belongs to user {theirs}, and this is root: run it as that user, or set DARKROOM_HOME"),
        (_, 0) => format!(
            "belongs to root, not to you, as after a run with sudo: give it back with `sudo chown -R {ours}`, or set DARKROOM_HOME"
        ),
        _ => format!("belongs to user {theirs}, not to you: set XDG_RUNTIME_DIR or DARKROOM_HOME to a folder of yours"),
    }
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
    use rstest::rstest;

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

    #[rstest]
    #[case(Some("/run/user/7"), &["/run/user/7"], "/run/user/7/darkroom")]
    #[case(Some("/run/user/8"), &["/run/user/7"], "/run/user/7/darkroom")]
    #[case(Some("/run/user/8"), &[], "/tmp/darkroom-7")]
    #[case(Some("runtime"), &["runtime"], "/tmp/darkroom-7")]
    #[case(None, &["/run/user/7"], "/run/user/7/darkroom")]
    #[case(None, &[], "/tmp/darkroom-7")]
    fn the_first_folder_of_ours(#[case] asked: Option<&str>, #[case] ours: &[&str], #[case] expected: &str) {
        let run = choose_run(asked.map(PathBuf::from), 7, |dir| {
            ours.iter().any(|our| Path::new(our) == dir)
        });
        assert_eq!(run, Path::new(expected));
    }

    #[test]
    fn a_runtime_folder_too_long_for_a_socket_is_passed_over() {
        let long = PathBuf::from(format!("/{}", "x".repeat(90)));
        assert_eq!(choose_run(Some(long), 7, |_| true), Path::new("/run/user/7/darkroom"));
    }

    #[rstest]
    #[case(1000, 0, "run it as that user")]
    #[case(0, 1000, "sudo chown -R 1000")]
    #[case(65534, 1000, "XDG_RUNTIME_DIR")]
    fn each_foreign_folder_has_its_remedy(#[case] theirs: u32, #[case] ours: u32, #[case] words: &str) {
        let said = foreign(theirs, ours);
        assert!(said.contains(words), "{said}");
    }

    #[test]
    fn a_link_is_no_private_folder() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path(), &link).unwrap();
        assert!(private_folder(&link).is_err());
    }

    #[test]
    fn what_is_kept_may_be_a_link_to_a_folder_of_ours() {
        let dir = tempfile::tempdir().unwrap();
        let (disk, link) = (dir.path().join("disk"), dir.path().join("link"));
        std::os::unix::fs::symlink(&disk, &link).unwrap();
        let told = kept_folder(&link).unwrap_err().to_string();
        assert!(told.contains("disk, where nothing is: mount that disk"), "{told}");
        std::fs::create_dir(&disk).unwrap();
        kept_folder(&link).unwrap();
        assert_eq!(std::fs::metadata(&disk).unwrap().permissions().mode() & 0o777, 0o700);
        kept_folder(&dir.path().join("new/deep")).unwrap();
        std::fs::remove_dir(&disk).unwrap();
        std::fs::write(&disk, "").unwrap();
        assert!(kept_folder(&link).unwrap_err().to_string().contains("no folder"));
    }

    #[test]
    fn a_home_of_its_own_has_a_socket_of_its_own() {
        let paths = Paths::under(Path::new("/h"));
        let tagged = paths.tagged();
        assert_eq!(
            tagged.socket(),
            Path::new("/h/run").join(socket_name(tagged.tag.as_deref()))
        );
        assert!(tagged.socket() != paths.socket() && tagged.lock() == paths.lock());
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
