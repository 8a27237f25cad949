//! What terminals answered, kept for their next question: asking takes a round trip, and keys that are typed meanwhile must be
//! given back. A line a terminal in one file; the terminal is known by its device, when that was made, and the environment.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use super::probe::{Answers, Question};
use super::terminal::Stream;

static FOLDER: OnceLock<PathBuf> = OnceLock::new();
const FILE: &str = "terminals";
/// Lines that are kept.
const MOST: usize = 64;
/// An answer counts for so long ...
const LIFE: Duration = Duration::from_secs(24 * 3600);
/// ... and silence for so long: the link may have been bad.
const SILENCE: Duration = Duration::from_secs(3600);
/// What tells one terminal program from another.
const VARIABLES: [&str; 6] = [
    "TERM",
    "TERM_PROGRAM",
    "TERM_PROGRAM_VERSION",
    "LC_TERMINAL",
    "KITTY_WINDOW_ID",
    "WINDOWID",
];
/// Behind a multiplexer the terminal changes without a sign.
const MULTIPLEXED: [&str; 3] = ["TMUX", "STY", "ZELLIJ"];

/// From now on answers are kept in this folder, where it exists.
pub fn remember_in(folder: PathBuf) {
    // The first one counts.
    let _ = FOLDER.set(folder);
}

/// What the terminal there answered before: `Some(None)` that it was silent.
pub(super) fn recall(stream: Stream, question: Question) -> Option<Option<Answers>> {
    let key = key(stream, question)?;
    let text = std::fs::read_to_string(FOLDER.get()?.join(FILE)).ok()?;
    text.lines().rev().find_map(|line| read(line, key, now()))
}

/// Keeps what the terminal there answered, or that it did not. Where that fails it is asked again.
pub(super) fn keep(stream: Stream, question: Question, answers: Option<&Answers>) {
    if let (Some(folder), Some(key)) = (FOLDER.get(), key(stream, question)) {
        let _ = write(folder, &line(key, now(), answers), key);
    }
}

fn key(stream: Stream, question: Question) -> Option<u64> {
    if question != Question::All || MULTIPLEXED.iter().any(|name| std::env::var_os(name).is_some()) {
        return None;
    }
    let name = stream.with_fd(|fd| rustix::termios::ttyname(fd, Vec::new())).ok()?;
    let device = std::fs::metadata(std::str::from_utf8(name.to_bytes()).ok()?).ok()?;
    let mut hasher = DefaultHasher::new();
    (name, device.rdev(), device.ctime(), device.ctime_nsec()).hash(&mut hasher);
    VARIABLES.map(std::env::var_os).hash(&mut hasher);
    Some(hasher.finish())
}

fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_secs())
}

fn line(key: u64, now: u64, answers: Option<&Answers>) -> String {
    let said = match answers {
        None => "silent".to_owned(),
        Some(answers) => {
            let Answers { kitty, sixel, cell, .. } = answers;
            let (width, height) = cell.unwrap_or_default();
            let ground = answers
                .ground
                .map_or_else(String::new, |[r, g, b]| format!("{r:02x}{g:02x}{b:02x}"));
            let name = answers.name.replace(|c: char| !c.is_ascii_graphic(), "_");
            format!("kitty={kitty} sixel={sixel} cell={width}x{height} ground={ground} name={name}")
        }
    };
    format!("{key:016x} {now} {said}")
}

fn read(line: &str, key: u64, now: u64) -> Option<Option<Answers>> {
    let mut words = line.split(' ');
    if words.next()? != format!("{key:016x}") {
        return None;
    }
    let age = Duration::from_secs(now.saturating_sub(words.next()?.parse().ok()?));
    let said: Vec<&str> = words.collect();
    let [kitty, sixel, cell, ground, name] = said[..] else {
        return (said == ["silent"] && age < SILENCE).then_some(None);
    };
    let (width, height) = cell.strip_prefix("cell=")?.split_once('x')?;
    let cell: (u32, u32) = (width.parse().ok()?, height.parse().ok()?);
    let answers = Answers {
        kitty: kitty.strip_prefix("kitty=")?.parse().ok()?,
        sixel: sixel.strip_prefix("sixel=")?.parse().ok()?,
        cell: ((1..=256).contains(&cell.0) && (1..=256).contains(&cell.1)).then_some(cell),
        name: name.strip_prefix("name=")?.to_owned(),
        ground: colour(ground.strip_prefix("ground=")?),
        outer: None,
    };
    (age < LIFE).then_some(Some(answers))
}

/// `rrggbb`; nothing where no background was told.
fn colour(digits: &str) -> Option<[u8; 3]> {
    let number = u32::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 6)?;
    Some([(number >> 16) as u8, (number >> 8) as u8, number as u8])
}

/// Whole or not at all. Of two programs that write at a time one may be forgotten.
fn write(folder: &Path, line: &str, key: u64) -> std::io::Result<()> {
    let path = folder.join(FILE);
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    let own = format!("{key:016x} ");
    let others: Vec<&str> = before.lines().filter(|other| !other.starts_with(&own)).collect();
    let kept = &others[others.len().saturating_sub(MOST - 1)..];
    let part = folder.join(format!("{FILE}.{}", std::process::id()));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(&part)?;
    let written = kept.iter().chain([&line]).try_for_each(|line| writeln!(file, "{line}"));
    let moved = written.and_then(|()| std::fs::rename(&part, &path));
    if moved.is_err() {
        // What is left of it would never be read.
        let _ = std::fs::remove_file(&part);
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_known_for_a_while() {
        let kitty = Answers {
            kitty: true,
            cell: Some((9, 18)),
            name: "WezTerm_2024".to_owned(),
            ground: Some([0xfd, 0x06, 0xe3]),
            ..Answers::default()
        };
        for answers in [Some(kitty), Some(Answers::default()), None] {
            let line = line(7, 1000, answers.as_ref());
            assert_eq!(read(&line, 7, 1010), Some(answers), "{line}");
            assert_eq!(read(&line, 8, 1010), None, "another terminal");
            assert_eq!(read(&line, 7, 1000 + 100 * 3600), None, "long ago");
        }
        let spaced = Answers {
            name: "WezTerm 2024\n".to_owned(),
            ..Answers::default()
        };
        let kept = read(&line(7, 1000, Some(&spaced)), 7, 1010).unwrap().unwrap();
        assert_eq!(kept.name, "WezTerm_2024_");
        for nonsense in ["", "x", "0000000000000007", "0000000000000007 1000 kitty=1 a b c"] {
            assert_eq!(read(nonsense, 7, 1010), None);
        }
    }

    #[test]
    fn a_terminal_has_one_line_and_the_oldest_go() {
        let dir = tempfile::tempdir().unwrap();
        for key in (0..100).chain([5, 99]) {
            write(dir.path(), &line(key, 1, None), key).unwrap();
        }
        let text = std::fs::read_to_string(dir.path().join(FILE)).unwrap();
        assert_eq!(text.lines().count(), MOST);
        assert!(read(text.lines().last().unwrap(), 99, 2).is_some());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
