//! Prints a log from its last lines on, through earlier parts, and with `--follow` what is added across rotation. `mod.rs` opens
//! it on the file that `source.rs` found. Which files a log is in, and where the last lines begin, the daemon's `logging/` knows, which
//! also sets them aside; a line is taken apart by `protocol/src/log`.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use darkroom_daemon::{Part, parts, tail};

use super::source::Source;
use crate::{Error, Result, say};

/// Pieces in which a log is read.
const PIECE: u64 = 64 * 1024;
/// How often a followed log is looked at.
const PAUSE: Duration = Duration::from_millis(200);

/// Reads the end of a log, through its earlier parts, and what is added, across rotation.
pub struct Follower<'a> {
    source: &'a Source,
    /// The parts to print, newest last.
    parts: Vec<Part>,
    /// The beginning of a line whose end has not come.
    rest: Vec<u8>,
}

impl<'a> Follower<'a> {
    /// At the last `lines` lines of a log.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub fn open(source: &'a Source, lines: u64) -> Result<Self> {
        let failed = |e: io::Error| unreadable(&source.path, &e);
        let mut wanted = Vec::new();
        let mut left = lines;
        for mut part in parts(&source.path).map_err(failed)? {
            if left == 0 && !wanted.is_empty() {
                break;
            }
            let tail = tail(&mut part.file, left).map_err(failed)?;
            part.file.seek(SeekFrom::Start(tail.begin)).map_err(failed)?;
            wanted.insert(0, part);
            left -= tail.lines;
        }
        if wanted.is_empty() {
            return Err(Error::Failed(source.absent.clone()));
        }
        Ok(Self {
            source,
            parts: wanted,
            rest: Vec::new(),
        })
    }

    /// Prints what there is; with `follow`, what is added too, until nobody reads it.
    ///
    /// # Errors
    /// What `line` says; when the log cannot be read.
    pub fn print(mut self, follow: bool, mut line: impl FnMut(&str) -> Result<()>) -> Result<()> {
        let failed = |e: io::Error| unreadable(&self.source.path, &e);
        loop {
            while self.parts.len() > 1 {
                let mut part = self.parts.remove(0);
                drain(&mut part.file, &mut self.rest, &mut line, &failed)?;
            }
            let Some(newest) = self.parts.first_mut() else {
                return Ok(());
            };
            drain(&mut newest.file, &mut self.rest, &mut line, &failed)?;
            if !follow {
                return finish(&mut self.rest, &mut line);
            }
            std::thread::sleep(PAUSE);
            if let Some(next) = successor(&self.source.path, newest).map_err(failed)? {
                self.parts.push(next);
            }
        }
    }
}

/// Prints every whole line up to the end of `file`.
fn drain(
    file: &mut File,
    rest: &mut Vec<u8>,
    line: &mut impl FnMut(&str) -> Result<()>,
    failed: &impl Fn(io::Error) -> Error,
) -> Result<()> {
    while file.take(PIECE).read_to_end(rest).map_err(failed)? > 0 {
        let Some(last) = rest.iter().rposition(|byte| *byte == b'\n') else {
            continue;
        };
        let whole: Vec<u8> = rest.drain(..=last).collect();
        String::from_utf8_lossy(&whole).lines().try_for_each(&mut *line)?;
    }
    Ok(())
}

/// Prints a line that has no end.
fn finish(rest: &mut Vec<u8>, line: &mut impl FnMut(&str) -> Result<()>) -> Result<()> {
    let text = std::mem::take(rest);
    String::from_utf8_lossy(&text).lines().try_for_each(line)
}

/// The log at `path` when it is another file than `part`: that one was set aside.
fn successor(path: &Path, part: &Part) -> io::Result<Option<Part>> {
    Ok(Part::open(path)?.filter(|next| !next.is(part)))
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    Error::Failed(format!(
        "The log {} cannot be read: {}.",
        say::shown(path),
        say::reason(error)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::mpsc;

    fn source(dir: &tempfile::TempDir) -> Source {
        Source {
            path: dir.path().join("d.log"),
            absent: "There is none.".to_owned(),
        }
    }

    fn lines(source: &Source, count: u64) -> Vec<String> {
        let mut all = Vec::new();
        let print = |line: &str| {
            all.push(line.to_owned());
            Ok(())
        };
        Follower::open(source, count).unwrap().print(false, print).unwrap();
        all
    }

    #[test]
    fn earlier_parts_come_first() {
        let dir = tempfile::tempdir().unwrap();
        let source = source(&dir);
        for (name, text) in [("d.log.2", "a\nb\n"), ("d.log.1", "c\nd\n"), ("d.log", "e\nhalf")] {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        assert_eq!(lines(&source, 5), ["b", "c", "d", "e", "half"]);
        assert_eq!(lines(&source, 2), ["e", "half"]);
        assert_eq!(lines(&source, 99), ["a", "b", "c", "d", "e", "half"]);
        assert_eq!(lines(&source, 0), [] as [&str; 0]);
    }

    #[test]
    fn nothing_is_lost_where_a_log_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let source = source(&dir);
        std::fs::write(&source.path, "old\n").unwrap();
        let (told, lines) = mpsc::channel();
        let follower = Follower::open(&source, 9).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let print = |line: &str| match told.send(line.to_owned()) {
                    Ok(()) if line != "last" => Ok(()),
                    _ => Err(Error::BrokenPipe),
                };
                follower.print(true, print)
            });
            assert_eq!(lines.recv().unwrap(), "old");
            let mut log = File::options().append(true).open(&source.path).unwrap();
            log.write_all(b"be").unwrap();
            std::fs::rename(&source.path, source.path.with_extension("log.1")).unwrap();
            std::fs::write(&source.path, "after\nlast\n").unwrap();
            log.write_all(b"fore\n").unwrap();
            let told: Vec<String> = lines.iter().collect();
            assert_eq!(told, ["before", "after", "last"]);
        });
    }

    #[test]
    fn a_log_that_is_not_there_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let error = Follower::open(&source(&dir), 9).err().unwrap();
        assert_eq!(error.to_string(), "There is none.");
    }
}
