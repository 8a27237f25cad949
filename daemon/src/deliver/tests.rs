//! Pictures brought to where their job's output says, on a real folder: links, names that are taken, rights, patterns and what
//! cannot be written. The way through the daemon is tested at the product's door.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rstest::rstest;

use super::*;

/// SHA-256 of `abc` (FIPS 180-2, appendix B.1).
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn wish(force: bool) -> Wish<'static> {
    Wish {
        force,
        umask: 0o027,
        part: "x",
        same: None,
    }
}

fn put(path: &Path, wish: &Wish<'_>) -> Result<Placed, Trouble> {
    place(&Name::of(path.to_owned()), wish, |file| file.write_all(b"abc"))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Everything below a folder.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn folders_and_files_have_the_rights_that_the_umask_leaves() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b/fox.png");
    assert_eq!(
        put(&path, &wish(false)).unwrap(),
        Placed {
            path: path.clone(),
            taken: None
        }
    );
    assert_eq!(
        (mode(&path), mode(&dir.path().join("a")), mode(&dir.path().join("a/b"))),
        (0o640, 0o750, 0o750)
    );
    assert_eq!(names(&dir.path().join("a/b")), ["fox.png"]);
}

#[test]
fn a_name_that_is_taken_gets_a_number() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("fox.png"), "mine").unwrap();
    fs::create_dir(at("fox-1.png")).unwrap();
    symlink("nowhere/at all", at("fox-3.png")).unwrap();
    let placed = put(&at("fox.png"), &wish(false)).unwrap();
    assert_eq!((placed.path, placed.taken), (at("fox-2.png"), Some(at("fox.png"))));
    assert_eq!(fs::read(at("fox.png")).unwrap(), b"mine");
    // A link that points nowhere is written through: its folder is made.
    assert_eq!(put(&at("fox.png"), &wish(false)).unwrap().path, at("fox-3.png"));
    assert_eq!(fs::read(at("nowhere/at all")).unwrap(), b"abc");
    assert!(fs::symlink_metadata(at("fox-3.png")).unwrap().is_symlink());
}

#[test]
fn writers_of_one_name_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fox.png");
    std::thread::scope(|scope| {
        for n in 0..8 {
            let path = &path;
            scope.spawn(move || {
                let part = n.to_string();
                for m in 0..8 {
                    let wish = Wish {
                        part: &part,
                        ..wish(false)
                    };
                    place(&Name::of(path.clone()), &wish, |file| write!(file, "{n} {m}")).unwrap();
                }
            });
        }
    });
    let mut held: Vec<String> = names(dir.path())
        .iter()
        .map(|name| fs::read_to_string(dir.path().join(name)).unwrap())
        .collect();
    held.sort();
    held.dedup();
    assert_eq!(held.len(), 64);
}

#[rstest]
#[case::dangling(&[("link", "far/real.png")], "link", "far/real.png")]
#[case::chain(&[("link", "two"), ("two", "far/real.png")], "link", "far/real.png")]
#[case::folder(&[("link", "far/away")], "link/fox.png", "far/away/fox.png")]
#[case::above(&[("link", "far")], "link/deep/fox.png", "far/deep/fox.png")]
fn links_are_followed_to_what_is_not_there_yet(
    #[case] links: &[(&str, &str)],
    #[case] asked: &str,
    #[case] written: &str,
) {
    let dir = tempfile::tempdir().unwrap();
    for (link, target) in links {
        symlink(target, dir.path().join(link)).unwrap();
    }
    let path = dir.path().join(asked);
    check(&Pattern::parse(path.to_str().unwrap()).unwrap(), 1, false).unwrap();
    assert_eq!(put(&path, &wish(false)).unwrap().path, path);
    assert_eq!(fs::read(dir.path().join(written)).unwrap(), b"abc");
    for (link, _) in links {
        assert!(fs::symlink_metadata(dir.path().join(link)).unwrap().is_symlink());
    }
}

#[test]
fn what_is_replaced_keeps_its_links_rights_and_names() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("real.png"), "old").unwrap();
    fs::set_permissions(at("real.png"), fs::Permissions::from_mode(0o604)).unwrap();
    symlink("real.png", at("link.png")).unwrap();
    assert_eq!(put(&at("link.png"), &wish(true)).unwrap().path, at("link.png"));
    assert!(fs::symlink_metadata(at("link.png")).unwrap().is_symlink());
    assert_eq!(
        (fs::read(at("real.png")).unwrap(), mode(&at("real.png"))),
        (b"abc".to_vec(), 0o604)
    );
    fs::write(at("one.png"), "old").unwrap();
    fs::hard_link(at("one.png"), at("two.png")).unwrap();
    put(&at("one.png"), &wish(true)).unwrap();
    assert_eq!(
        (
            fs::read(at("two.png")).unwrap(),
            fs::metadata(at("two.png")).unwrap().nlink()
        ),
        (b"abc".to_vec(), 2)
    );
}

#[test]
fn what_is_read_only_is_refused_before_the_job_also_to_root() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fox.png");
    let pattern = Pattern::parse(path.to_str().unwrap()).unwrap();
    fs::write(&path, "old").unwrap();
    for read_only in [0o444, 0o464, 0o400] {
        fs::set_permissions(&path, fs::Permissions::from_mode(read_only)).unwrap();
        let trouble = check(&pattern, 1, false).unwrap_err();
        assert!(matches!(trouble, Trouble::ReadOnly(_)), "{trouble}");
        check(&pattern, 1, true).unwrap();
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    check(&pattern, 1, false).unwrap();
}

#[test]
fn what_cannot_be_written_is_said_and_nothing_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let said = |name: &str, force: bool| {
        let path = at(name);
        let checked = check(&Pattern::parse(path.to_str().unwrap()).unwrap(), 1, force);
        (
            checked.unwrap_err().to_string(),
            put(&path, &wish(force)).unwrap_err().to_string(),
        )
    };
    fs::write(at("file"), "").unwrap();
    symlink("b", at("a")).unwrap();
    symlink("a", at("b")).unwrap();
    fs::create_dir(at("folder")).unwrap();
    for (name, force, why) in [
        ("file/x.png", false, "a file on the way to it is no folder"),
        ("a", false, "its links point in a circle"),
        ("a/x.png", false, "its links point in a circle"),
        ("folder", true, "is a folder"),
        (&"x".repeat(300), false, "the name is too long"),
    ] {
        let (before, after) = said(name, force);
        assert!(before.contains(why) && after.contains(why), "{before}; {after}");
    }
    assert_eq!(names(dir.path()), ["a", "b", "file", "folder"]);
}

#[test]
fn a_picture_that_was_brought_already_is_not_brought_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fox.png");
    put(&path, &wish(false)).unwrap();
    let again = Wish {
        same: Some(Same { bytes: 3, sha256: ABC }),
        ..wish(false)
    };
    assert_eq!(put(&path, &again).unwrap().path, path);
    fs::write(&path, "abd").unwrap();
    assert_eq!(put(&path, &again).unwrap().path, dir.path().join("fox-1.png"));
    assert_eq!(put(&path, &again).unwrap().path, dir.path().join("fox-1.png"));
    // What one that was killed left half-written goes.
    fs::write(dir.path().join(".darkroom-x.part"), "half").unwrap();
    put(&path, &wish(true)).unwrap();
    assert_eq!(names(dir.path()), ["fox-1.png", "fox.png"]);
}

#[test]
fn patterns_know_their_folder_and_extension() {
    let pattern = |text: &str| Pattern::parse(text).unwrap();
    assert_eq!(pattern("/a/b/{seed}/c/x.png").fixed_folder(), PathBuf::from("/a/b/"));
    assert_eq!(pattern("{seed}.png").fixed_folder(), PathBuf::new());
    assert_eq!(pattern("x.{seed}").extension().as_deref(), Some("{seed}"));
    assert_eq!(pattern("a.b/{seed}").extension(), None);
    assert_eq!(pattern(&literal("a{seed}b}")), pattern("a{{seed}}b}}"));
}
