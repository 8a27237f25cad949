//! Small files that the command itself keeps, such as a unit or the metrics: whole or absent, replaced each time.

use std::io::Write as _;
use std::path::Path;

use darkroom_daemon::deliver::{Name, Trouble, Wish, place};

use super::target::umask;

/// Writes `bytes` to `path`, through links, and makes its folder.
///
/// # Errors
/// [`Trouble`], in words.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Trouble> {
    let wish = Wish {
        force: true,
        umask: umask(),
        part: &darkroom_protocol::id::fresh().simple().to_string(),
        same: None,
    };
    place(&Name::of(path.to_path_buf()), &wish, |file| file.write_all(bytes)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_a_link_stays_one() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("a.txt"), dir.path().join("link"));
        std::fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_whole(&link, b"new").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"new");
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        let names = std::fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(names, 2, "nothing else is left");
    }

    #[test]
    fn the_person_can_read_it_as_any_file() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let (ours, usual) = (dir.path().join("a"), dir.path().join("b"));
        write_whole(&ours, b"x").unwrap();
        std::fs::write(&usual, b"x").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&usual));
    }
}
