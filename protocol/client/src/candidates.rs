//! Where a daemon of this user may listen: what its lock file says, what the environment says, the service manager's place. Whether
//! somebody does is found out by connecting.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use darkroom_protocol::paths::{LockRecord, Paths, check_socket_path};
use rustix::fs::{Mode, OFlags};

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

/// Sockets to try, in order: the one in the lock file, which every daemon of this data folder signs wherever it listens; the one
/// that the environment gives, by both names; then the service manager's, which starts a daemon that has signed nothing yet, for
/// a login without `XDG_RUNTIME_DIR`. The last is left out where `DARKROOM_HOME` puts everything under one folder.
///
/// Who answers may be another home's daemon all the same, for instance where a home was copied with its lock file: whoever
/// connects compares the data folders.
pub fn candidates(paths: &Paths) -> Vec<PathBuf> {
    let uid = rustix::process::geteuid().as_raw();
    let shared = ["darkroom".to_owned(), format!("darkroom-{uid}")];
    let mut all: Vec<PathBuf> = lock_record(&paths.lock())
        .map(|record| record.socket)
        .into_iter()
        .collect();
    let mut add = |paths: &Paths| {
        all.push(paths.socket());
        // Where that is too long, no daemon listens there either.
        all.extend(Some(paths.tagged().socket()).filter(|socket| check_socket_path(socket).is_ok()));
    };
    add(paths);
    if shared.iter().any(|name| paths.run.ends_with(name)) {
        add(&Paths {
            run: format!("/run/user/{uid}/darkroom").into(),
            ..paths.clone()
        });
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
        let own = [paths.socket(), paths.tagged().socket()];
        assert_eq!(candidates(&paths), own);
        std::fs::create_dir_all(&paths.data).unwrap();
        let record = LockRecord {
            pid: 1,
            version: "0".into(),
            protocol: 1,
            socket: "/elsewhere/darkroom.sock".into(),
        };
        std::fs::write(paths.lock(), serde_json::to_vec(&record).unwrap()).unwrap();
        assert_eq!(
            candidates(&paths),
            [Path::new("/elsewhere/darkroom.sock"), &own[0], &own[1]]
        );
        std::fs::set_permissions(paths.lock(), PermissionsExt::from_mode(0o666)).unwrap();
        assert_eq!(candidates(&paths), own, "anybody may have written it");
        std::fs::set_permissions(paths.lock(), PermissionsExt::from_mode(0o600)).unwrap();
        std::fs::rename(paths.lock(), dir.path().join("record")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("record"), paths.lock()).unwrap();
        assert_eq!(candidates(&paths), own, "a link");
        std::fs::remove_file(paths.lock()).unwrap();
        std::fs::write(paths.lock(), b"{ half").unwrap();
        assert_eq!(candidates(&paths), own);
    }

    #[test]
    fn the_service_managers_socket_is_found_from_any_session() {
        let uid = rustix::process::geteuid().as_raw();
        let paths = Paths {
            run: "/run/elsewhere/darkroom".into(),
            ..Paths::under(Path::new("/h"))
        };
        let (here, login) = ("/run/elsewhere/darkroom", format!("/run/user/{uid}/darkroom"));
        let tagged = darkroom_protocol::paths::socket_name(paths.tagged().tag.as_deref());
        let at = |folder: &str| [Path::new(folder).join("darkroom.sock"), Path::new(folder).join(&tagged)];
        assert_eq!(candidates(&paths), [at(here), at(&login)].concat());
    }
}
