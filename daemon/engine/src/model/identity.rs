//! Files as the system knows them: the same file under another path is the same, and one that was touched is another.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use darkroom_formats::folder::Files;

use crate::weights::Source;

/// Which files these are and in what state. Equal identities are equal content: device, inode, length and both times of change
/// are those of the same file, untouched since, whatever path leads to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity(Vec<File>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum File {
    OnDisk {
        device: u64,
        inode: u64,
        bytes: u64,
        modified: (i64, i64),
        changed: (i64, i64),
    },
    /// Part of the program, which never changes.
    Inside(String),
    /// Not there; never equal to anything that is.
    Gone(PathBuf),
}

impl Identity {
    /// Of the files called `names`, as they are now.
    pub fn of<'a>(source: &Source, names: impl IntoIterator<Item = &'a str>) -> Self {
        let one = |name: &str| match source.on_disk(name) {
            None => File::Inside(source.called(name)),
            Some(path) => match path.metadata() {
                Ok(meta) => File::OnDisk {
                    device: meta.dev(),
                    inode: meta.ino(),
                    bytes: meta.len(),
                    modified: (meta.mtime(), meta.mtime_nsec()),
                    changed: (meta.ctime(), meta.ctime_nsec()),
                },
                Err(_) => File::Gone(path),
            },
        };
        Self(names.into_iter().map(one).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_protocol::ModelSource;

    #[test]
    fn a_file_is_itself_under_another_name_until_it_changes() {
        let dir = tempfile::tempdir().unwrap();
        let source = Source::open(&ModelSource::Folder(dir.path().display().to_string())).unwrap();
        let of = |name: &str| Identity::of(&source, [name]);
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("a"), "one").unwrap();
        std::fs::hard_link(path("a"), path("b")).unwrap();
        std::fs::write(path("c"), "one").unwrap();
        assert_eq!(of("a"), of("b"));
        assert_ne!(of("a"), of("c"));
        assert_ne!(of("gone"), of("lost"));
        let before = of("a");
        let file = std::fs::File::options().write(true).open(path("a")).unwrap();
        file.set_modified(std::time::UNIX_EPOCH).unwrap();
        assert_ne!(of("b"), before);
    }
}
