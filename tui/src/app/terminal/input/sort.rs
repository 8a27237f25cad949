//! Tells the terminal's answers from what a person did, in a stream that is cut anywhere: whole sequences come out, beginnings are held
//! back until the rest is there or a moment has passed. Pure; `mod.rs` feeds it. Pasted text is a person's, whatever it looks like.

use std::time::Duration;

/// A part of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Keys, the mouse, pastes, focus: as they came.
    Typed(Vec<u8>),
    /// One whole answer.
    Answer(Vec<u8>),
}

/// The stream so far, as far as it has not come out.
#[derive(Clone, Debug, Default)]
pub struct Sorter {
    held: Vec<u8>,
    is_pasting: bool,
}

/// What may be the beginning of a sequence is held back so long: Escape is a key too.
const HOLD: Duration = Duration::from_millis(40);
/// What nobody types is held back so long: a slow link cuts sequences.
const LONG_HOLD: Duration = Duration::from_secs(2);
/// No answer is longer; what is held back beyond that is a person's.
const LONGEST: usize = 8192;
const PASTE: &[u8] = b"\x1b[200~";
const PASTED: &[u8] = b"\x1b[201~";

/// What the held bytes begin with.
enum Found {
    /// So many bytes that a person did.
    Typed(usize),
    /// Escape, with another behind it, which is none of its.
    Escape,
    /// An answer of so many bytes.
    Answer(usize),
    /// What cannot be told yet.
    Beginning,
}

impl Sorter {
    /// What is whole with these bytes.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Piece> {
        self.held.extend_from_slice(bytes);
        self.sort(false)
    }

    /// How long what waits for its rest may wait, where something does. Escape and one character are a key with Alt; with more behind, what
    /// would be a sequence is one.
    pub fn hold(&self) -> Option<Duration> {
        let is_one = |second: u8| b"[]P_".contains(&second);
        match self.held.as_slice() {
            _ if self.is_pasting => None,
            [] => None,
            [0x1b, second, _, ..] if is_one(*second) => Some(LONG_HOLD),
            _ => Some(HOLD),
        }
    }

    /// What waits, as it is: nothing more has come.
    pub fn release(&mut self) -> Vec<Piece> {
        self.sort(true)
    }

    fn sort(&mut self, is_all: bool) -> Vec<Piece> {
        let (mut pieces, mut typed, mut at) = (Vec::new(), Vec::new(), 0);
        while at < self.held.len() {
            let rest = &self.held[at..];
            if self.is_pasting {
                // To the end of the paste, or as far as that cannot have begun.
                let end = find(rest, PASTED);
                let length = end.map_or_else(|| rest.len() - overlap(rest, PASTED), |end| end + PASTED.len());
                typed.extend_from_slice(&rest[..length]);
                at += length;
                self.is_pasting = end.is_none();
                if end.is_none() {
                    break;
                }
                continue;
            }
            match found(rest) {
                Found::Typed(length) => {
                    self.is_pasting = rest.starts_with(PASTE);
                    typed.extend_from_slice(&rest[..length]);
                    at += length;
                }
                Found::Answer(length) => {
                    push(&mut pieces, &mut typed);
                    pieces.push(Piece::Answer(rest[..length].to_vec()));
                    at += length;
                }
                Found::Escape => {
                    push(&mut pieces, &mut typed);
                    pieces.push(Piece::Typed(vec![0x1b]));
                    at += 1;
                }
                Found::Beginning if is_all || rest.len() > LONGEST => {
                    typed.extend_from_slice(rest);
                    at = self.held.len();
                }
                Found::Beginning => break,
            }
        }
        self.held.drain(..at);
        push(&mut pieces, &mut typed);
        pieces
    }
}

fn push(pieces: &mut Vec<Piece>, typed: &mut Vec<u8>) {
    if !typed.is_empty() {
        pieces.push(Piece::Typed(std::mem::take(typed)));
    }
}

fn found(bytes: &[u8]) -> Found {
    if bytes[0] != 0x1b {
        let next = bytes.iter().position(|byte| *byte == 0x1b);
        return Found::Typed(next.unwrap_or(bytes.len()));
    }
    match bytes.get(1) {
        None => Found::Beginning,
        Some(b'[') => sequence(bytes),
        Some(b'O') if bytes.len() < 3 => Found::Beginning,
        Some(b'O') => Found::Typed(3),
        Some(b']' | b'P' | b'_') => string(bytes).map_or(Found::Beginning, Found::Answer),
        // Escape and a key: Alt.
        Some(0x1b) => Found::Escape,
        Some(_) => Found::Typed(2),
    }
}

/// `CSI … letter`. Of those that begin with a digit a state's is an answer, and a size's; all others are keys or the mouse.
fn sequence(bytes: &[u8]) -> Found {
    let body = &bytes[2..];
    // F1 to F5 of the Linux console.
    if body.first() == Some(&b'[') {
        return if body.len() < 2 {
            Found::Beginning
        } else {
            Found::Typed(4)
        };
    }
    let Some(end) = body.iter().position(|byte| !(0x20..=0x3f).contains(byte)) else {
        return Found::Beginning;
    };
    let (parameters, length) = (&body[..end], end + 3);
    let is_answer = match body[end] {
        b'n' | b't' => true,
        b'c' | b'u' | b'y' => parameters.starts_with(b"?") || parameters.starts_with(b">"),
        _ => false,
    };
    if is_answer {
        Found::Answer(length)
    } else {
        Found::Typed(length)
    }
}

/// The length of a string up to `ESC \` or BEL, where that is there.
fn string(bytes: &[u8]) -> Option<usize> {
    let bell = bytes.iter().position(|byte| *byte == 0x07).map(|at| at + 1);
    let st = find(bytes, b"\x1b\\").map(|at| at + 2);
    match (bell, st) {
        (Some(one), Some(two)) => Some(one.min(two)),
        (one, two) => one.or(two),
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// How many bytes at the end of `bytes` may be the beginning of `wanted`.
fn overlap(bytes: &[u8], wanted: &[u8]) -> usize {
    (1..wanted.len())
        .rev()
        .find(|length| bytes.ends_with(&wanted[..*length]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// What comes out of a stream that is cut at every place: `<…>` around answers.
    fn sorted(stream: &[u8], cut: usize) -> String {
        let mut sorter = Sorter::default();
        let mut pieces = sorter.take(&stream[..cut]);
        pieces.extend(sorter.take(&stream[cut..]));
        pieces.extend(sorter.release());
        let shown = |piece: &Piece| match piece {
            Piece::Typed(bytes) => bytes.clone(),
            Piece::Answer(bytes) => [b"<", bytes.as_slice(), b">"].concat(),
        };
        let all: Vec<u8> = pieces.iter().flat_map(shown).collect();
        String::from_utf8_lossy(&all).into_owned()
    }

    #[rstest]
    #[case("ls\r", "ls\r")]
    #[case("l\x1b[0ns", "l<\x1b[0n>s")]
    #[case("l\x1b_Gi=31;OK\x1b\\s\x1b[?62;4c\r", "l<\x1b_Gi=31;OK\x1b\\>s<\x1b[?62;4c>\r")]
    #[case("\x1b[A\x1b[6;18;9t\x1b[1;5C\x1bOA", "\x1b[A<\x1b[6;18;9t>\x1b[1;5C\x1bOA")]
    #[case("\x1b[1;5R", "\x1b[1;5R")]
    #[case("\x1b[97;5u\x1b[?1u", "\x1b[97;5u<\x1b[?1u>")]
    #[case("\x1b[<0;3;4M\x1b[I\x1b[[A", "\x1b[<0;3;4M\x1b[I\x1b[[A")]
    #[case(
        "\x1b]11;rgb:0/0/0\x07q\x1bP>|kitty\x1b\\",
        "<\x1b]11;rgb:0/0/0\x07>q<\x1bP>|kitty\x1b\\>"
    )]
    #[case("\x1b[?2026;2$y\x1b[?997;1n", "<\x1b[?2026;2$y><\x1b[?997;1n>")]
    #[case(
        "\x1b[200~a\x1b[0n\x1b_x\x1b\\b\x1b[201~\x1b[0n",
        "\x1b[200~a\x1b[0n\x1b_x\x1b\\b\x1b[201~<\x1b[0n>"
    )]
    #[case("\x1b\x1b[A\x1bf狐", "\x1b\x1b[A\x1bf狐")]
    #[case("\x1b", "\x1b")]
    #[case("\x1b[", "\x1b[")]
    #[case("\x1b]", "\x1b]")]
    fn answers_and_what_a_person_did(#[case] stream: &str, #[case] sorted_out: &str) {
        for cut in 0..=stream.len() {
            assert_eq!(sorted(stream.as_bytes(), cut), sorted_out, "cut at {cut}");
        }
    }

    #[test]
    fn a_long_paste_comes_out_as_it_comes_in_and_what_never_ends_is_given_up() {
        let mut sorter = Sorter::default();
        assert_eq!(sorter.take(PASTE).len(), 1);
        let many = vec![b'x'; 1 << 20];
        assert_eq!(sorter.take(&many), [Piece::Typed(many.clone())]);
        assert_eq!(sorter.hold(), None);
        assert_eq!(sorter.take(PASTED), [Piece::Typed(PASTED.to_vec())]);
        let endless = [b"\x1b_".as_slice(), &vec![b'x'; LONGEST]].concat();
        assert_eq!(sorter.take(&endless), [Piece::Typed(endless.clone())]);
    }

    #[rstest]
    #[case("\x1b", Some(HOLD))]
    #[case("\x1b_", Some(HOLD))]
    #[case("\x1b_G", Some(LONG_HOLD))]
    #[case("\x1b[?6", Some(LONG_HOLD))]
    #[case("\x1b]11;rgb:0/0/0\x1b", Some(LONG_HOLD))]
    #[case("x", None)]
    fn what_nobody_types_waits_longer(#[case] stream: &str, #[case] expected: Option<Duration>) {
        let mut sorter = Sorter::default();
        sorter.take(stream.as_bytes());
        assert_eq!(sorter.hold(), expected);
    }

    proptest::proptest! {
        #[test]
        fn no_byte_is_lost_or_changed(chunks: Vec<Vec<u8>>) {
            let mut sorter = Sorter::default();
            let mut pieces: Vec<Piece> = chunks.iter().flat_map(|chunk| sorter.take(chunk)).collect();
            pieces.extend(sorter.release());
            pieces.extend(sorter.take(PASTED));
            let out: Vec<u8> = pieces
                .into_iter()
                .flat_map(|piece| match piece {
                    Piece::Typed(bytes) | Piece::Answer(bytes) => bytes,
                })
                .collect();
            let all = [chunks.concat().as_slice(), PASTED].concat();
            proptest::prop_assert_eq!(out, all);
        }
    }
}
