//! Where the last lines of a file begin, read backwards in pieces. `darkroom logs` asks it for the newest part of a log, and for
//! earlier parts while lines are missing. It prints nothing, and knows nothing of rotation.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// Pieces in which a log is read.
const PIECE: u64 = 64 * 1024;

/// Where the last lines of a log begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    /// In bytes from its beginning.
    pub begin: u64,
    /// So many lines follow: as many as were wanted, or all there are.
    pub lines: u64,
}

/// The last `lines` lines of a log.
///
/// # Errors
/// What the system says.
pub fn tail(file: &mut File, lines: u64) -> io::Result<Tail> {
    let length = file.metadata()?.len();
    let mut at = length;
    let mut found = 0;
    if lines == 0 || length == 0 {
        return Ok(Tail {
            begin: length,
            lines: 0,
        });
    }
    while at > 0 {
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
            found += 1;
            if found == lines {
                return Ok(Tail { begin: after, lines });
            }
        }
        at = begin;
    }
    Ok(Tail {
        begin: 0,
        lines: found + 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn of(text: &str, lines: u64) -> Tail {
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        tail(&mut file, lines).unwrap()
    }

    #[rstest]
    #[case("a\nb\nc\n", 2, "b\nc\n", 2)]
    #[case("a\nb\nc", 2, "b\nc", 2)]
    #[case("a\nb\nc\n", 9, "a\nb\nc\n", 3)]
    #[case("a\nb\n", 0, "", 0)]
    #[case("", 5, "", 0)]
    #[case("\n\n\n", 1, "\n", 1)]
    fn ends(#[case] text: &str, #[case] wanted: u64, #[case] expected: &str, #[case] lines: u64) {
        let tail = of(text, wanted);
        assert_eq!((&text[tail.begin as usize..], tail.lines), (expected, lines));
    }

    #[test]
    fn lines_longer_than_a_piece() {
        let long = "x".repeat(PIECE as usize * 2);
        let text = format!("first\n{long}\nlast\n");
        assert_eq!(of(&text, 2).begin, 6);
        assert_eq!(of(&text, 3), Tail { begin: 0, lines: 3 });
    }
}
