//! The files that a log is in: the newest, and those that were set aside before it. `page.rs` and `darkroom logs` read them;
//! `rotate.rs` sets them aside meanwhile, and may be in the midst of that.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Earlier parts of a log that are looked for.
const PARTS: u32 = 9;

/// A part of a log.
#[derive(Debug)]
pub struct Part {
    /// To be read.
    pub file: File,
    /// Its number in its file system.
    pub number: u64,
    device: u64,
}

impl Part {
    /// The file at `path`; `None` where there is none.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path) -> io::Result<Option<Self>> {
        let file = match darkroom_protocol::files::open(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let meta = file.metadata()?;
        let (number, device) = (meta.ino(), meta.dev());
        Ok(Some(Self { file, number, device }))
    }

    /// Whether that is the same file.
    pub fn is(&self, other: &Self) -> bool {
        (self.number, self.device) == (other.number, other.device)
    }
}

/// The parts of the log at `path`, the newest first; none where there is no log. Opened in the order in which they are set aside, so
/// that one that is renamed meanwhile is met again rather than missed.
///
/// # Errors
/// What the system says.
pub fn parts(path: &Path) -> io::Result<Vec<Part>> {
    let mut parts: Vec<Part> = Vec::new();
    let names = std::iter::once(path.to_owned()).chain((1..=PARTS).map(|n| numbered(path, n)));
    for name in names {
        match Part::open(&name)? {
            Some(part) if !parts.iter().any(|known| known.is(&part)) => parts.push(part),
            _ => {}
        }
    }
    Ok(parts)
}

/// The name of the nth earlier part.
pub fn numbered(path: &Path, n: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{n}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_is_renamed_meanwhile_is_there_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("d.log");
        assert!(parts(&path).unwrap().is_empty());
        std::fs::write(&path, "b").unwrap();
        std::fs::write(numbered(&path, 2), "a").unwrap();
        assert_eq!(
            parts(&path).unwrap().len(),
            2,
            "between two renames a number is missing"
        );
        std::fs::hard_link(&path, numbered(&path, 1)).unwrap();
        let found = parts(&path).unwrap();
        let texts: Vec<String> = found
            .iter()
            .map(|part| io::read_to_string(&part.file).unwrap())
            .collect();
        assert_eq!(texts, ["b", "a"]);
    }
}
