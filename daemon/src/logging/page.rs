//! A page of a log: whole lines before or after a place, through the parts that were set aside. The verb `log` asks for it on a thread
//! that may block. One page reads a bounded piece of the files, whatever is in them; what a place is as text, and which lines pass a
//! filter, is in `protocol/src/log`.

use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use darkroom_protocol::log::{Cursor, Filter};
use darkroom_protocol::message::log::{LogLook, LogPage};
use darkroom_protocol::text::bounded;
use sha2::{Digest as _, Sha256};

use super::parts::{Part, parts};

/// Pieces in which a log is read.
const PIECE: u64 = 256 << 10;
/// The most bytes that are read for a page. A longer line is taken for several.
const MOST_READ: u64 = 4 << 20;
/// Bytes of a file's beginning that tell it from another one.
const MARK: u64 = 64;

/// Which way a page goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The last lines.
    Newest,
    /// The last lines before a place.
    Before(Cursor),
    /// The first lines after a place.
    After(Cursor),
}

/// A page of at most `limit` lines of the log at `path`; an empty one where there is no log.
///
/// # Errors
/// What the system says.
pub fn page(path: &Path, way: Way, limit: usize, filter: &Filter) -> io::Result<LogPage> {
    let mut found = parts(path)?;
    found.reverse();
    let mut log = Log {
        lengths: found
            .iter()
            .map(|part| Ok(part.file.metadata()?.len()))
            .collect::<io::Result<_>>()?,
        parts: found,
        filter,
        limit,
        lines: Vec::new(),
        told: 0,
        read: 0,
    };
    let Some(newest) = log.parts.len().checked_sub(1) else {
        let newer = Cursor::Start.to_string();
        return Ok(LogPage {
            newer,
            ..LogPage::default()
        });
    };
    let start = Spot { part: 0, at: 0 };
    let (mut gap, mut unfinished) = (false, String::new());
    let (from, to, more) = match way {
        Way::After(cursor) => {
            let from = log.find(cursor)?;
            gap = from.is_none() && cursor != Cursor::Start;
            let from = from.unwrap_or(start);
            let (to, more) = log.forth(from)?;
            if !more {
                unfinished = log.unfinished(to)?;
            }
            (from, to, more)
        }
        Way::Before(cursor) => {
            // What is before a place that is gone is gone too.
            let to = log.find(cursor)?.unwrap_or(start);
            let (from, more) = log.back(to)?;
            (from, to, more)
        }
        Way::Newest => {
            let length = log.lengths[newest];
            let at = log.line_begin(newest, length)?;
            let to = Spot { part: newest, at };
            unfinished = log.unfinished(to)?;
            let (from, more) = log.back(to)?;
            (from, to, more)
        }
    };
    let older = (from != start).then(|| log.cursor(from)).transpose()?;
    Ok(LogPage {
        older: older.map(|cursor| cursor.to_string()),
        newer: log.cursor(to)?.to_string(),
        more,
        unfinished,
        gap,
        lines: log.lines,
    })
}

/// Between two lines of one of the parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Spot {
    part: usize,
    at: u64,
}

/// A log on its way to a page.
struct Log<'a> {
    /// The oldest first, each with how long it was at first: what is written meanwhile is the next page's.
    parts: Vec<Part>,
    lengths: Vec<u64>,
    filter: &'a Filter,
    limit: usize,
    lines: Vec<String>,
    /// Bytes of these lines, and bytes that were read for them.
    told: usize,
    read: u64,
}

impl Log<'_> {
    /// Up to so many bytes of a part; fewer where somebody has cut it short.
    fn bytes(&mut self, part: usize, begin: u64, end: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(end.saturating_sub(begin)).unwrap_or(0)];
        let mut full = 0;
        while full < bytes.len() {
            match self.parts[part].file.read_at(&mut bytes[full..], begin + full as u64)? {
                0 => break,
                more => full += more,
            }
        }
        bytes.truncate(full);
        self.read += full as u64;
        Ok(bytes)
    }

    fn mark(&mut self, part: usize, at: u64) -> io::Result<u64> {
        let begin = self.bytes(part, 0, at.min(MARK))?;
        let digest: [u8; 32] = Sha256::digest(&begin).into();
        Ok(digest[..8].iter().fold(0, |mark, byte| mark << 8 | u64::from(*byte)))
    }

    fn cursor(&mut self, spot: Spot) -> io::Result<Cursor> {
        Ok(Cursor::At {
            file: self.parts[spot.part].number,
            offset: spot.at,
            mark: self.mark(spot.part, spot.at)?,
        })
    }

    /// Where that is now; `None` where it is gone.
    fn find(&mut self, cursor: Cursor) -> io::Result<Option<Spot>> {
        let Cursor::At { file, offset, mark } = cursor else {
            return Ok(None);
        };
        for part in 0..self.parts.len() {
            let is_it = self.parts[part].number == file && self.lengths[part] >= offset;
            if is_it && self.mark(part, offset)? == mark {
                return Ok(Some(Spot { part, at: offset }));
            }
        }
        Ok(None)
    }

    /// Where the line begins that ends or goes on at `end`: behind the last line's end before it.
    fn line_begin(&mut self, part: usize, end: u64) -> io::Result<u64> {
        let mut at = end;
        while at > 0 && end - at < MOST_READ {
            let begin = at.saturating_sub(PIECE);
            let piece = self.bytes(part, begin, at)?;
            if let Some(last) = piece.iter().rposition(|byte| *byte == b'\n') {
                return Ok(begin + last as u64 + 1);
            }
            at = begin;
        }
        Ok(at)
    }

    /// Where the line ends that begins at `begin`; `None` where its end is not written.
    fn line_end(&mut self, part: usize, begin: u64) -> io::Result<Option<u64>> {
        let (mut at, length) = (begin, self.lengths[part]);
        while at < length && at - begin < MOST_READ {
            let piece = self.bytes(part, at, (at + PIECE).min(length))?;
            if piece.is_empty() {
                break;
            }
            if let Some(first) = piece.iter().position(|byte| *byte == b'\n') {
                return Ok(Some(at + first as u64 + 1));
            }
            at += piece.len() as u64;
        }
        let is_newest = part + 1 == self.parts.len();
        Ok((at < length || !is_newest).then_some(at))
    }

    /// Takes a line of which these are the first bytes and that has so many: whether there was room.
    fn take(&mut self, first: &[u8], whole: u64) -> bool {
        let line = told(first, whole);
        if !self.filter.passes(&line) {
            return true;
        }
        let is_room =
            self.lines.len() < self.limit && (self.lines.is_empty() || self.told + line.len() <= LogLook::MAX_PAGE);
        if is_room {
            self.told += line.len();
            self.lines.push(line);
        }
        is_room
    }

    fn is_full(&self) -> bool {
        self.lines.len() >= self.limit || self.read >= MOST_READ
    }

    /// Takes the lines before a spot, from the last one on: where they begin, and whether there are more.
    fn back(&mut self, mut spot: Spot) -> io::Result<(Spot, bool)> {
        let more = loop {
            if spot.at == 0 {
                let Some(part) = spot.part.checked_sub(1) else {
                    break false;
                };
                spot = Spot {
                    part,
                    at: self.lengths[part],
                };
                continue;
            }
            if self.is_full() {
                break true;
            }
            let begin = spot.at.saturating_sub(PIECE);
            let piece = self.bytes(spot.part, begin, spot.at)?;
            let Some((_, before_last)) = piece.split_last() else {
                break false;
            };
            // What is before the first line's end in the piece begins before it.
            let first = match begin {
                0 => Some(0),
                _ => before_last.iter().position(|byte| *byte == b'\n').map(|at| at + 1),
            };
            let Some(first) = first else {
                let at = self.line_begin(spot.part, spot.at - 1)?;
                let head = self.bytes(spot.part, at, (at + LogLook::MAX_LINE as u64).min(spot.at))?;
                if !self.take(&head, spot.at - at) {
                    break true;
                }
                spot.at = at;
                continue;
            };
            let lines: Vec<&[u8]> = piece[first..].split_inclusive(|byte| *byte == b'\n').collect();
            let mut is_room = true;
            for line in lines.into_iter().rev() {
                is_room = self.take(line, line.len() as u64);
                if !is_room {
                    break;
                }
                spot.at -= line.len() as u64;
            }
            if !is_room {
                break true;
            }
        };
        self.lines.reverse();
        Ok((spot, more))
    }

    /// Takes the lines after a spot: where they end, and whether there are more.
    fn forth(&mut self, mut spot: Spot) -> io::Result<(Spot, bool)> {
        loop {
            let length = self.lengths[spot.part];
            if spot.at >= length {
                if spot.part + 1 == self.parts.len() {
                    return Ok((spot, false));
                }
                spot = Spot {
                    part: spot.part + 1,
                    at: 0,
                };
                continue;
            }
            if self.is_full() {
                return Ok((spot, true));
            }
            let piece = self.bytes(spot.part, spot.at, (spot.at + PIECE).min(length))?;
            let Some(last) = piece.iter().rposition(|byte| *byte == b'\n') else {
                let Some(end) = self.line_end(spot.part, spot.at)? else {
                    return Ok((spot, false));
                };
                let head = &piece[..piece.len().min(LogLook::MAX_LINE)];
                if !self.take(head, end - spot.at) {
                    return Ok((spot, true));
                }
                // A part that was cut short meanwhile has nothing more.
                spot.at = if end > spot.at { end } else { length };
                continue;
            };
            for line in piece[..=last].split_inclusive(|byte| *byte == b'\n') {
                if !self.take(line, line.len() as u64) {
                    return Ok((spot, true));
                }
                spot.at += line.len() as u64;
            }
        }
    }

    /// The beginning of the line whose end is not written, which begins there.
    fn unfinished(&mut self, spot: Spot) -> io::Result<String> {
        let length = self.lengths[spot.part];
        let head = self.bytes(spot.part, spot.at, (spot.at + LogLook::MAX_LINE as u64).min(length))?;
        let line = told(&head, length.saturating_sub(spot.at));
        Ok(if self.filter.passes(&line) { line } else { String::new() })
    }
}

/// A line as it is told: without its end, and with how long it is where it is too long.
fn told(first: &[u8], whole: u64) -> String {
    let line = first.strip_suffix(b"\n").unwrap_or(first);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if whole <= LogLook::MAX_LINE as u64 {
        // What is not UTF-8 grows as it is replaced.
        return bounded(String::from_utf8_lossy(line).into_owned(), LogLook::MAX_LINE);
    }
    let sign = format!(" … (cut: {whole} bytes)");
    let mut text = String::from_utf8_lossy(&line[..line.len().min(LogLook::MAX_LINE)]).into_owned();
    while text.len() + sign.len() > LogLook::MAX_LINE {
        text.pop();
    }
    text + &sign
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
