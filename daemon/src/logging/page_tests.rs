//! Pages of logs that are written, set aside and cut while they are read: every line is met once, whatever happens between two pages.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::logging::parts::numbered;

fn dir() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("d.log");
    (dir, path)
}

fn append(path: &Path, text: &str) {
    let mut file = fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn set_aside(path: &Path) {
    for n in (1..3).rev() {
        let _ = fs::rename(numbered(path, n), numbered(path, n + 1));
    }
    let _ = fs::rename(path, numbered(path, 1));
}

fn of(path: &Path, way: Way, limit: usize) -> LogPage {
    page(path, way, limit, &Filter::default()).unwrap()
}

fn after(page: &LogPage) -> Way {
    Way::After(page.newer.parse().unwrap())
}

fn before(page: &LogPage) -> Option<Way> {
    page.older.as_ref().map(|place| Way::Before(place.parse().unwrap()))
}

#[test]
fn a_log_is_read_back_through_its_parts_and_on() {
    let (_dir, path) = dir();
    append(&numbered(&path, 2), "a\nb\n");
    append(&numbered(&path, 1), "c\nd\n");
    append(&path, "e\nf\nhal");
    let newest = of(&path, Way::Newest, 3);
    assert_eq!(
        (newest.lines.as_slice(), newest.more),
        (&["d".to_owned(), "e".into(), "f".into()][..], true)
    );
    assert_eq!(newest.unfinished, "hal");
    let older = of(&path, before(&newest).unwrap(), 9);
    assert_eq!(
        (older.lines.join(""), older.more, older.older),
        ("abc".to_owned(), false, None)
    );
    append(&path, "f\ng\n");
    let newer = of(&path, after(&newest), 9);
    assert_eq!(
        (newer.lines.join(" "), newer.unfinished.as_str()),
        ("half g".to_owned(), "")
    );
    assert!(of(&path, after(&newer), 9).lines.is_empty(), "nothing twice");
    assert_eq!(of(&path, Way::After(Cursor::Start), 2).lines, ["a", "b"]);
}

#[test]
fn places_stay_right_while_the_log_is_set_aside() {
    let (_dir, path) = dir();
    append(&path, "a\nb\n");
    let newest = of(&path, Way::Newest, 1);
    append(&path, "c\n");
    set_aside(&path);
    assert_eq!(of(&path, after(&newest), 9).lines, ["c"], "there is no new part yet");
    append(&path, "d\n");
    let newer = of(&path, after(&newest), 9);
    assert_eq!((newer.lines.join(""), newer.gap), ("cd".to_owned(), false));
    assert_eq!(of(&path, before(&newest).unwrap(), 9).lines, ["a"]);
}

/// The file that goes leaves its number to the next one.
#[test]
fn a_part_that_is_gone_is_not_taken_for_another() {
    let (_dir, path) = dir();
    append(&path, "2026-10-30T22:27:59.123+02:00 first\n");
    let page = of(&path, Way::Newest, 1);
    let first = page.newer.parse().unwrap();
    let Cursor::At { offset, mark, .. } = first else {
        panic!("{first}")
    };
    append(&path, "2026-10-30T22:28:59.123+02:00 second\n");
    fs::remove_file(&path).unwrap();
    append(
        &path,
        "2026-10-31T22:27:59.123+02:00 other\n2026-10-31T22:27:59.200+02:00 more\n",
    );
    let file = of(&path, Way::Newest, 1).newer.parse().unwrap();
    let Cursor::At { file, .. } = file else {
        panic!("{file}")
    };
    let reused = Cursor::At { file, offset, mark };
    let lost = of(&path, Way::After(reused), 9);
    assert_eq!((lost.lines.len(), lost.gap), (2, true));
    let older = of(&path, Way::Before(reused), 9);
    assert_eq!((older.lines.len(), older.older, older.more), (0, None, false));
}

#[test]
fn there_may_be_no_log() {
    let (_dir, path) = dir();
    let none = of(&path, Way::Newest, 9);
    assert_eq!(
        (none.newer.as_str(), none.older.as_ref(), none.lines.len()),
        ("start", None, 0)
    );
    append(&path, "a\n");
    let first = of(&path, after(&none), 9);
    assert_eq!((first.lines.as_slice(), first.gap), (&["a".to_owned()][..], false));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(page(&path, Way::Newest, 9, &Filter::default()).is_err());
}

#[rstest]
#[case(LogLook::MAX_LINE, false)]
#[case(LogLook::MAX_LINE + 1, true)]
#[case(PIECE as usize * 2 + 7, true)]
#[case(MOST_READ as usize - 9, true)]
fn a_long_line_is_cut_and_says_so(#[case] length: usize, #[case] is_cut: bool) {
    let (_dir, path) = dir();
    append(&path, &format!("first\n{}\nlast\n", "x".repeat(length - 1)));
    for way in [Way::Newest, Way::After(Cursor::Start)] {
        let page = of(&path, way, 9);
        // One that takes more than a page may read comes in pages of its own.
        let next = match way {
            Way::Newest => before(&page).map(|way| of(&path, way, 9)),
            _ => page.more.then(|| of(&path, after(&page), 9)),
        };
        let mut lines = next.iter().flat_map(|page| &page.lines).chain(&page.lines);
        let line = lines.find(|line| line.starts_with('x')).unwrap();
        assert!(line.len() <= LogLook::MAX_LINE, "{}", line.len());
        assert_eq!(line.ends_with(&format!(" … (cut: {length} bytes)")), is_cut, "{way:?}");
    }
}

#[test]
fn a_page_is_bounded_in_lines_bytes_and_what_is_read() {
    let (_dir, path) = dir();
    append(&path, &format!("{}\n", "x".repeat(999)).repeat(9000));
    let newest = of(&path, Way::Newest, LogLook::MOST as usize);
    let bytes: usize = newest.lines.iter().map(String::len).sum();
    assert!(bytes <= LogLook::MAX_PAGE && newest.more, "{bytes}");
    let rare = Filter::parse("needle").unwrap();
    let page = |way| page(&path, way, 9, &rare).unwrap();
    let first = page(Way::Newest);
    assert!(first.lines.is_empty() && first.more, "it goes on where it stopped");
    let Some(way) = before(&first) else { panic!("{first:?}") };
    assert!(page(way).more);
    assert!(page(Way::After(Cursor::Start)).more);
}

#[test]
fn what_is_no_text_is_replaced() {
    let (_dir, path) = dir();
    fs::write(&path, b"\xff\xfea\r\n\n").unwrap();
    assert_eq!(of(&path, Way::Newest, 9).lines, ["\u{fffd}\u{fffd}a", ""]);
    fs::write(&path, [vec![0xff; LogLook::MAX_LINE - 1], b"\n".to_vec()].concat()).unwrap();
    assert!(of(&path, Way::Newest, 9).lines[0].len() <= LogLook::MAX_LINE);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Lines are written and the log set aside between pages: back from a newest page and on from it every line comes once.
    #[test]
    fn every_line_comes_once(writes in proptest::collection::vec((0usize..5, any::<bool>()), 1..12), limit in 1usize..7, at in 0usize..12) {
        let (_dir, path) = dir();
        let (mut written, mut asides) = (0, 0);
        let mut newest: Option<LogPage> = None;
        for (nth, (lines, aside)) in writes.iter().enumerate() {
            for _ in 0..*lines {
                append(&path, &format!("{written}\n"));
                written += 1;
            }
            if *aside && asides < 3 && path.exists() {
                asides += 1;
                set_aside(&path);
            }
            if nth == at.min(writes.len() - 1) {
                newest = Some(of(&path, Way::Newest, limit));
            }
        }
        let newest = newest.unwrap();
        let mut all = newest.lines.clone();
        let mut page = newest.clone();
        while let Some(way) = before(&page) {
            page = of(&path, way, limit);
            all.splice(0..0, page.lines.clone());
        }
        page = newest;
        loop {
            let next = of(&path, after(&page), limit);
            prop_assert!(!next.gap);
            all.extend(next.lines.clone());
            let more = next.more;
            page = next;
            if !more { break; }
        }
        let expected: Vec<String> = (0..written).map(|n| n.to_string()).collect();
        prop_assert_eq!(all, expected);
    }
}
