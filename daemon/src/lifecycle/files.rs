//! The folders that a daemon needs, made and checked before it begins, and how many files it may have open.

use darkroom_protocol::data_folder;
use darkroom_protocol::paths::{Paths, check_socket_path, kept_folder, private_folder};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Result;

/// File descriptors for anything but connections.
const RESERVED: u64 = 64;

/// Makes and checks the daemon's own folders, that of the socket only when it is its `own_socket`, and takes the plain names in
/// those that homes may share. The paths as they are then.
///
/// # Errors
/// Each in words: a path too long for a socket, a folder of another user, a link in place of the socket's folder.
pub fn prepare(mut paths: Paths, own_socket: bool) -> Result<Paths> {
    let (logs, inputs) = (paths.job_logs(), paths.inputs());
    let kept = [paths.pictures(), paths.staging()];
    for folder in [&paths.state, &paths.data, &logs, &inputs].into_iter().chain(&kept) {
        kept_folder(folder)?;
    }
    data_folder::claim(&paths.state, &paths.data);
    if own_socket {
        private_folder(&paths.run)?;
        if paths.tag.is_none() && !data_folder::claim(&paths.run, &paths.data) {
            paths = paths.tagged();
        }
        check_socket_path(&paths.socket())?;
    }
    Ok(paths)
}

/// Raises the limit of open files as far as the system lets, and says how many connections fit under it.
pub fn raise_limit() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: maximum,
        maximum,
    };
    // macOS refuses "unlimited"; then the limit stays.
    let raised = setrlimit(Resource::Nofile, wanted).is_ok();
    let limit = if raised { maximum } else { current };
    let room = limit.unwrap_or(u64::MAX).saturating_sub(RESERVED).max(1);
    usize::try_from(room).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn there_is_room_for_connections() {
        assert!(raise_limit() > 100);
    }

    #[test]
    fn data_may_be_a_link_and_the_sockets_folder_may_not() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::under(dir.path());
        fs::create_dir(dir.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), &paths.run).unwrap();
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), &paths.data).unwrap();
        let error = prepare(paths, true).unwrap_err().to_string();
        assert!(error.contains("run: is not a directory"), "{error}");
        assert!(dir.path().join("elsewhere/pictures").is_dir());
    }

    #[test]
    fn two_homes_in_one_folder_of_sockets_have_two_sockets() {
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [first, second] = dirs.each_ref().map(|dir| Paths::under(dir.path()));
        let second = Paths {
            run: first.run.clone(),
            ..second
        };
        let first = prepare(first, true).unwrap();
        assert_eq!(first.socket(), first.run.join("darkroom.sock"));
        let second = prepare(second, true).unwrap();
        assert_eq!(second.socket(), second.tagged().socket());
        assert_eq!(prepare(first.clone(), true).unwrap(), first, "it keeps its own");
    }
}
