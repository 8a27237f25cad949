//! The pictures below a folder in the order of their paths, from a place on. Hidden folders and links to folders are left out: the
//! first are other programs' business, the others may lead in circles.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Folders within folders that are looked into.
const DEEP: u32 = 16;
/// What pictures' names end in.
const KINDS: [&str; 4] = ["png", "jpg", "jpeg", "webp"];

/// The next files below `folder` that are called pictures, after the path `from`: at most `most`, in the order of their paths.
pub(super) fn next(folder: &Path, from: Option<&Path>, most: usize) -> Vec<PathBuf> {
    let mut found = Vec::new();
    // What the path is within the folder; one of another folder begins anew.
    let from = from.and_then(|from| from.strip_prefix(folder).ok());
    down(folder, from, most, DEEP, &mut found);
    found
}

fn down(folder: &Path, from: Option<&Path>, most: usize, deep: u32, found: &mut Vec<PathBuf>) {
    let first = from.and_then(|from| from.iter().next());
    let rest = from.map(|from| from.iter().skip(1).collect::<PathBuf>());
    let mut names = names(folder);
    names.sort_unstable();
    for name in names {
        if found.len() >= most {
            return;
        }
        let is_first = first == Some(name.as_os_str());
        if first.is_some_and(|first| name.as_os_str() < first) {
            continue;
        }
        let path = folder.join(&name);
        let Ok(meta) = path.symlink_metadata() else { continue };
        if meta.is_dir() {
            if let Some(deep) = deep.checked_sub(1) {
                down(&path, rest.as_deref().filter(|_| is_first), most, deep, found);
            }
        } else if !is_first && is_picture(&name) {
            found.push(path);
        }
    }
}

fn names(folder: &Path) -> Vec<std::ffi::OsString> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name());
    names
        .filter(|name| !name.as_encoded_bytes().starts_with(b"."))
        .collect()
}

fn is_picture(name: &OsStr) -> bool {
    let ending = Path::new(name).extension().and_then(OsStr::to_str);
    ending.is_some_and(|ending| KINDS.iter().any(|kind| ending.eq_ignore_ascii_case(kind)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_picture_comes_once_wherever_the_walk_was_cut() {
        let dir = tempfile::tempdir().unwrap();
        for path in [
            "a.png",
            "b/1.PNG",
            "b/2.txt",
            "b/c/3.webp",
            "b.jpg",
            ".hidden/4.png",
            "d/5.jpeg",
            "e",
        ] {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        std::os::unix::fs::symlink(dir.path(), dir.path().join("loop")).unwrap();
        let all = next(dir.path(), None, 100);
        let names: Vec<_> = all
            .iter()
            .map(|path| path.strip_prefix(dir.path()).unwrap().to_str().unwrap())
            .collect();
        assert_eq!(names, ["a.png", "b/1.PNG", "b/c/3.webp", "b.jpg", "d/5.jpeg"]);
        for most in 1..4 {
            let (mut parts, mut from) = (Vec::new(), None);
            loop {
                let part = next(dir.path(), from.as_deref(), most);
                let Some(last) = part.last() else { break };
                assert!(part.len() <= most);
                from = Some(last.clone());
                parts.extend(part);
            }
            assert_eq!(parts, all, "{most}");
        }
        assert!(next(Path::new("/nowhere"), None, 5).is_empty());
    }
}
