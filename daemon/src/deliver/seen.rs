//! Whether two processes mean the same folder by a path: they may be on different machines, with a forwarded socket between
//! them, or see different file systems.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use darkroom_protocol::output::Seen;

use super::folder::deepest;

/// How this process sees the deepest folder on the way to `folder` that is there; `None` where its path is not UTF-8, or
/// nothing can be told.
pub fn look(folder: &Path) -> Option<Seen> {
    let folder = deepest(folder).ok()?;
    let meta = std::fs::metadata(&folder).ok()?;
    Some(Seen {
        folder: folder.to_str()?.to_owned(),
        system: system(),
        device: meta.dev(),
        inode: meta.ino(),
    })
}

/// Whether this process sees the same folder there.
pub fn sees(seen: &Seen) -> bool {
    let here = std::fs::metadata(&seen.folder);
    here.is_ok_and(|meta| meta.is_dir() && meta.dev() == seen.device && meta.ino() == seen.inode)
        && seen.system == system()
}

/// What tells this system from every other one: the number that Linux draws when it starts, else the machine's name.
fn system() -> String {
    match std::fs::read_to_string("/proc/sys/kernel/random/boot_id") {
        Ok(id) => id.trim().to_owned(),
        Err(_) => rustix::system::uname().nodename().to_string_lossy().into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_folder_is_seen_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let seen = look(&dir.path().join("not/yet")).unwrap();
        assert!(sees(&seen) && Path::new(&seen.folder) == dir.path());
        let other = |change: fn(&mut Seen)| {
            let mut other = seen.clone();
            change(&mut other);
            sees(&other)
        };
        assert!(!other(|seen| seen.system = "another".to_owned()));
        assert!(!other(|seen| seen.inode += 1));
        assert!(!other(|seen| seen.folder.push_str("/none")));
    }
}
