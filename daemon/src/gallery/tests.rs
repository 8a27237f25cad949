//! Pictures are adopted whole or not at all, and what is left of others goes.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::worker::Staged;
use darkroom_protocol::{FailureKind, Format};
use rstest::rstest;
use tempfile::TempDir;

use super::*;

/// SHA-256 of `abc` (FIPS 180-2, appendix B.1).
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn gallery() -> (TempDir, Gallery) {
    let dir = tempfile::tempdir().unwrap();
    let gallery = Gallery::open(&Paths::under(dir.path())).unwrap();
    (dir, gallery)
}

/// A picture of the three bytes `abc` in the staging folder.
fn staged(gallery: &Gallery) -> Staged {
    fs::write(gallery.staging.join("x.png"), "abc").unwrap();
    Staged {
        job: "019816c5-5000-7000-8000-000000000000".parse().unwrap(),
        index: 3,
        file: "x.png".to_owned(),
        sha256: ABC.to_owned(),
        bytes: 3,
        width: 64,
        height: 48,
        seed: 10,
        elapsed_ms: 5,
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn left(gallery: &Gallery) -> usize {
    fs::read_dir(&gallery.staging).unwrap().count()
}

#[test]
fn a_picture_moves_to_its_place_and_is_private() {
    let (dir, gallery) = gallery();
    let staged = staged(&gallery);
    let picture = gallery.adopt(&gallery.staging, &staged, Format::Png, "fox").unwrap();
    let place = PathBuf::from(&picture.path);
    assert_eq!(fs::read_to_string(&place).unwrap(), "abc");
    let within = place.strip_prefix(dir.path().join("data/pictures")).unwrap();
    let (day, name) = within.to_str().unwrap().split_once('/').unwrap();
    assert!(day.len() == 10 && name.ends_with("-fox-gggggggg-3.png"), "{within:?}");
    assert_eq!(
        (picture.job, picture.index, picture.seed, picture.bytes),
        (staged.job, 3, 10, 3)
    );
    assert_eq!(
        (mode(&place), mode(place.parent().unwrap()), mode(&gallery.staging)),
        (0o600, 0o700, 0o700)
    );
    assert_eq!(left(&gallery), 0);
}

#[test]
fn a_pictures_day_is_the_day_it_was_made_whatever_the_job_s_id_says() {
    let (_dir, gallery) = gallery();
    let staged = Staged {
        job: "ffffffff-ffff-7000-8000-000000000000".parse().unwrap(),
        ..staged(&gallery)
    };
    let today = || crate::clock::local(crate::clock::now_ms(), None).date;
    let before = today();
    let picture = gallery.adopt(&gallery.staging, &staged, Format::Webp, "fox").unwrap();
    let days = [before, today()];
    assert!(
        days.iter().any(|day| picture.path.contains(&format!("/{day}/"))),
        "{}",
        picture.path
    );
}

#[rstest]
#[case::size(|s: &mut Staged| s.bytes = 4, "has 3 bytes, not the 4 reported")]
#[case::hash(|s: &mut Staged| s.sha256 = "00".repeat(32), "has another SHA-256 than reported")]
#[case::missing(|s: &mut Staged| s.file = "y.png".to_owned(), "is not there")]
#[case::outside(|s: &mut Staged| s.file = "../staging/x.png".to_owned(), "is not a plain file name")]
#[case::parent(|s: &mut Staged| s.file = "..".to_owned(), "is not a plain file name")]
#[case::absolute(|s: &mut Staged| s.file = "/etc/passwd".to_owned(), "is not a plain file name")]
#[case::empty(|s: &mut Staged| s.file = String::new(), "is not a plain file name")]
fn what_differs_from_the_report_is_not_kept(#[case] bend: fn(&mut Staged), #[case] why: &str) {
    let (_dir, gallery) = gallery();
    let mut staged = staged(&gallery);
    bend(&mut staged);
    let error = gallery
        .adopt(&gallery.staging, &staged, Format::Png, "fox")
        .unwrap_err();
    assert!(error.to_string().contains(why), "{error}");
    assert_eq!(RemoteError::from(error).kind, FailureKind::Disk);
    assert_eq!(fs::read_dir(&gallery.pictures).unwrap().count(), 0);
}

#[test]
fn links_and_folders_are_no_pictures() {
    let (_dir, gallery) = gallery();
    let mut staged = staged(&gallery);
    std::os::unix::fs::symlink("x.png", gallery.staging.join("link.png")).unwrap();
    staged.file = "link.png".to_owned();
    assert!(
        gallery
            .adopt(&gallery.staging, &staged, Format::Png, "fox")
            .unwrap_err()
            .to_string()
            .contains("is a link")
    );
    fs::create_dir(gallery.staging.join("dir")).unwrap();
    staged.file = "dir".to_owned();
    assert!(
        gallery
            .adopt(&gallery.staging, &staged, Format::Png, "fox")
            .unwrap_err()
            .to_string()
            .contains("is not a regular file")
    );
}

#[test]
fn a_place_that_cannot_be_written_is_named_and_the_picture_stays_staged() {
    let (dir, gallery) = gallery();
    let staged = staged(&gallery);
    let (ms, day) = (crate::clock::now_ms(), 86_400_000);
    let days: Vec<String> = [ms, ms + day].map(|ms| crate::clock::local(ms, None).date).to_vec();
    for day in &days {
        fs::write(dir.path().join("data/pictures").join(day), "a file in the way").unwrap();
    }
    let error = gallery
        .adopt(&gallery.staging, &staged, Format::Png, "fox")
        .unwrap_err();
    assert!(days.iter().any(|day| error.to_string().contains(day)), "{error}");
    assert_eq!(left(&gallery), 1);
}

#[test]
fn a_sweep_empties_the_staging_folder() {
    let (_dir, gallery) = gallery();
    staged(&gallery);
    fs::create_dir_all(gallery.staging.join("a/b")).unwrap();
    assert_eq!(gallery.sweep_staging().unwrap(), 2);
    assert_eq!(left(&gallery), 0);
    assert_eq!(gallery.sweep_staging().unwrap(), 0);
}

#[test]
fn a_tray_goes_with_what_is_in_it() {
    let (_dir, gallery) = gallery();
    let (one, other) = (gallery.tray().unwrap(), gallery.tray().unwrap());
    assert_eq!(mode(one.path()), 0o700);
    fs::write(one.path().join("x.part"), "half").unwrap();
    fs::write(other.path().join("x.part"), "half").unwrap();
    drop(one);
    assert_eq!((left(&gallery), other.path().is_dir()), (1, true));
    fs::remove_dir_all(other.path()).unwrap();
    drop(other);
}

#[test]
fn files_without_rows_are_removed_and_others_stay() {
    let (_dir, gallery) = gallery();
    let staged = staged(&gallery);
    let recorded = gallery.adopt(&gallery.staging, &staged, Format::Png, "fox").unwrap();
    let day = gallery.pictures.join("1969-12-31");
    fs::create_dir(&day).unwrap();
    let files = [
        "gggggggg-1.png",
        "gggggggg-2.jpg",
        "gggggggg-9.png",
        "gggggggh-1.png",
        "x",
    ];
    let files: Vec<PathBuf> = files
        .iter()
        .map(|name| day.join(format!("235959-fox-{name}")))
        .collect();
    files.iter().for_each(|file| fs::write(file, "abc").unwrap());
    let mut task = crate::testing::task("fox");
    let darkroom_protocol::Task::Image(image) = &mut task;
    image.size.batch = 5;
    let sweep = || {
        gallery
            .sweep_unrecorded(staged.job, &task, std::slice::from_ref(&recorded))
            .unwrap()
    };
    assert_eq!((sweep(), sweep()), (2, 0));
    let there: Vec<bool> = files.iter().map(|file| file.exists()).collect();
    assert_eq!(there, [false, false, true, true, true]);
    assert!(Path::new(&recorded.path).exists());
}

#[test]
fn a_full_disk_is_said_in_words() {
    let full = std::io::Error::from_raw_os_error(libc::ENOSPC);
    let error = Error::io("save", Path::new("/data/x.png"), full);
    assert_eq!(
        error.to_string(),
        "Cannot save /data/x.png: the disk is full: free some space and try again."
    );
}
