use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};
use darkroom_protocol::paths::Paths;
use darkroom_protocol::text::escape_line;

use crate::{Error, Result, say};

/// Pieces in which the log is read.
const PIECE: u64 = 64 * 1024;
/// The most of it that is looked through for the last lines.
const MOST: u64 = 16 << 20;
/// How often `-f` looks.
const PAUSE: Duration = Duration::from_millis(200);

pub fn command() -> Command {
    Command::new("logs")
        .about("Print the end of the daemon's log")
        .arg(
            Arg::new("follow")
                .short('f')
                .long("follow")
                .action(ArgAction::SetTrue)
                .help("Go on printing what is added"),
        )
        .arg(
            Arg::new("lines")
                .short('n')
                .long("lines")
                .value_name("N")
                .default_value("50")
                .value_parser(clap::value_parser!(u64))
                .help("So many lines"),
        )
}

pub fn run(matches: &ArgMatches) -> Result<()> {
    let path = Paths::from_env()?.log();
    let lines = matches.get_one("lines").copied().unwrap_or(50);
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Err(Error::Failed("There is no log yet: no daemon has run.".to_owned()));
        }
        Err(e) => return Err(unreadable(&path, &e)),
    };
    let failed = |e: io::Error| unreadable(&path, &e);
    let begin = last_lines(&mut file, lines).map_err(failed)?;
    file.seek(SeekFrom::Start(begin)).map_err(failed)?;
    let mut rest = Vec::new();
    loop {
        let grown = (&mut file).take(PIECE).read_to_end(&mut rest).map_err(failed)? > 0;
        print(&mut rest, !matches.get_flag("follow") && !grown)?;
        if grown {
            continue;
        }
        if !matches.get_flag("follow") {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
        if let Some(next) = successor(&path, &file).map_err(failed)? {
            file = next;
        }
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    Error::Failed(format!("The log {} cannot be read: {error}.", say::shown(path)))
}

/// Where the last `lines` lines begin.
fn last_lines(file: &mut File, lines: u64) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let mut at = length;
    let mut left = lines;
    while at > length.saturating_sub(MOST) && at > 0 {
        let begin = at.saturating_sub(PIECE);
        file.seek(SeekFrom::Start(begin))?;
        let mut piece = Vec::new();
        file.take(at - begin).read_to_end(&mut piece)?;
        for (i, _) in piece.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
            let after = begin + i as u64 + 1;
            // The end of the last line begins no other.
            if after == length {
                continue;
            }
            if left <= 1 {
                return Ok(if left == 0 { length } else { after });
            }
            left -= 1;
        }
        at = begin;
    }
    Ok(if lines == 0 { length } else { at })
}

/// Prints whole lines, and the unfinished one at the `end`.
fn print(bytes: &mut Vec<u8>, end: bool) -> Result<()> {
    let whole = match bytes.iter().rposition(|byte| *byte == b'\n') {
        _ if end => bytes.len(),
        Some(last) => last + 1,
        None => 0,
    };
    let text: Vec<u8> = bytes.drain(..whole).collect();
    let text = String::from_utf8_lossy(&text);
    text.lines().try_for_each(|line| say::data(&escape_line(line)))
}

/// The file that took this one's place, when the log was set aside.
fn successor(path: &Path, file: &File) -> io::Result<Option<File>> {
    let ours = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(now) if (now.dev(), now.ino()) != (ours.dev(), ours.ino()) => File::open(path).map(Some),
        Ok(_) => Ok(None),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("a\nb\nc\n", 2, "b\nc\n")]
    #[case("a\nb\nc", 2, "b\nc")]
    #[case("a\nb\nc\n", 9, "a\nb\nc\n")]
    #[case("a\nb\n", 0, "")]
    #[case("", 5, "")]
    #[case("\n\n\n", 1, "\n")]
    fn ends(#[case] text: &str, #[case] lines: u64, #[case] expected: &str) {
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        let begin = last_lines(&mut file, lines).unwrap() as usize;
        assert_eq!(&text[begin..], expected);
    }

    #[test]
    fn lines_longer_than_a_piece() {
        let long = "x".repeat(PIECE as usize * 2);
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, format!("first\n{long}\nlast\n").as_bytes()).unwrap();
        assert_eq!(last_lines(&mut file, 2).unwrap(), 6);
        assert_eq!(last_lines(&mut file, 3).unwrap(), 0);
    }
}
