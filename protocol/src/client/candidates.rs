//! Where a daemon of this user may listen.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::paths::{LockRecord, Paths};

/// What the last daemon wrote into a file that it locked. It may be dead: only an answer on the socket says that it lives. A file
/// that another user could have written says nothing.
pub fn lock_record(lock: &Path) -> Option<LockRecord> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(lock, flags, Mode::empty()).ok()?);
    let meta = file.metadata().ok()?;
    if !meta.is_file() || meta.uid() != rustix::process::geteuid().as_raw() || meta.mode() & 0o022 != 0 {
        return None;
    }
    let mut text = String::new();
    file.take(64 * 1024).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// Sockets to try, in order: those in the lock files, which every daemon of these folders signs wherever it listens; the one that
/// the environment gives; then the service manager's, which starts a daemon that has signed nothing yet, for a login without
/// `XDG_RUNTIME_DIR`. The last is left out where `DARKROOM_HOME` puts everything under one folder.
///
/// Nothing else is tried: a daemon that listens there has other folders.
pub fn candidates(paths: &Paths) -> Vec<PathBuf> {
    let uid = rustix::process::geteuid().as_raw();
    let shared = ["darkroom".to_owned(), format!("darkroom-{uid}")];
    let records = paths.locks().into_iter().filter_map(|lock| lock_record(&lock));
    let mut all: Vec<PathBuf> = records.map(|record| record.socket).collect();
    all.push(paths.socket());
    if shared.iter().any(|name| paths.run.ends_with(name)) {
        let service = Paths {
            run: format!("/run/user/{uid}/darkroom").into(),
            ..paths.clone()
        };
        all.push(service.socket());
    }
    let mut seen = std::collections::HashSet::new();
    all.retain(|path| seen.insert(path.clone()));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_lock_file_comes_first() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::under(dir.path());
        assert_eq!(candidates(&paths), [paths.socket()]);
        std::fs::create_dir_all(&paths.state).unwrap();
        let record = LockRecord {
            pid: 1,
            version: "0".into(),
            protocol: 1,
            socket: "/elsewhere/darkroom.sock".into(),
        };
        std::fs::write(paths.lock(), serde_json::to_vec(&record).unwrap()).unwrap();
        assert_eq!(
            candidates(&paths),
            [Path::new("/elsewhere/darkroom.sock"), &paths.socket()]
        );
        std::fs::set_permissions(paths.lock(), PermissionsExt::from_mode(0o666)).unwrap();
        assert_eq!(candidates(&paths), [paths.socket()], "anybody may have written it");
        std::fs::set_permissions(paths.lock(), PermissionsExt::from_mode(0o600)).unwrap();
        std::fs::rename(paths.lock(), dir.path().join("record")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("record"), paths.lock()).unwrap();
        assert_eq!(candidates(&paths), [paths.socket()], "a link");
        std::fs::remove_file(paths.lock()).unwrap();
        std::fs::write(paths.lock(), b"{ half").unwrap();
        assert_eq!(candidates(&paths), [paths.socket()]);
    }

    #[test]
    fn the_service_managers_socket_is_found_from_any_session() {
        let uid = rustix::process::geteuid().as_raw();
        let paths = Paths {
            run: "/run/elsewhere/darkroom".into(),
            ..Paths::under(Path::new("/h"))
        };
        assert_eq!(
            candidates(&paths),
            [
                PathBuf::from("/run/elsewhere/darkroom/darkroom.sock"),
                PathBuf::from(format!("/run/user/{uid}/darkroom/darkroom.sock"))
            ]
        );
    }
}
