use darkroom_protocol::paths::{Paths, check_socket_path, private_folder};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Result;

/// File descriptors for anything but connections.
const RESERVED: u64 = 64;

/// Makes and checks the daemon's own folders, that of the socket only when it is its `own_socket`.
///
/// # Errors
/// Each in words: a path too long for a socket, a folder of another user, a link in its place.
pub fn prepare(paths: &Paths, own_socket: bool) -> Result<()> {
    if own_socket {
        check_socket_path(&paths.socket())?;
        private_folder(&paths.run)?;
    }
    let (logs, inputs) = (paths.job_logs(), paths.inputs());
    let kept = [paths.pictures(), paths.staging()];
    for folder in [&paths.state, &paths.data, &logs, &inputs].into_iter().chain(&kept) {
        private_folder(folder)?;
    }
    Ok(())
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
    fn a_folder_that_is_a_link_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::under(dir.path());
        fs::create_dir(dir.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), &paths.run).unwrap();
        let error = prepare(&paths, true).unwrap_err().to_string();
        assert!(error.contains("is not a directory"), "{error}");
    }
}
