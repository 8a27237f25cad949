//! Tells a terminal's answers from keys: both come in one stream, in any order.

/// What the stream held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Split {
    /// Whole answers, one behind the other.
    pub answers: Vec<u8>,
    /// What a person typed, a sequence that is not whole yet included.
    pub keys: Vec<u8>,
}

/// Answers are strings that begin with `ESC _`, `ESC P` or `ESC ]`, attributes `ESC [ ? … c` and sizes `ESC [ 6 ; … t`. All else is
/// keys: arrows and pastes too.
pub(super) fn split(bytes: &[u8]) -> Split {
    let mut found = Split::default();
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        let length = if *first == 0x1b { answer(rest) } else { None };
        match length {
            Some(length) => {
                found.answers.extend_from_slice(&rest[..length]);
                rest = &rest[length..];
            }
            None => {
                found.keys.push(*first);
                rest = after;
            }
        }
    }
    found
}

/// The length of the answer that `bytes` begin with.
fn answer(bytes: &[u8]) -> Option<usize> {
    match bytes.get(1)? {
        b'_' | b'P' | b']' => string(bytes),
        b'[' => {
            let body = &bytes[2..];
            let end = body.iter().position(|b| !(0x20..=0x3f).contains(b))?;
            let is_answer = match body[end] {
                b'c' => body.starts_with(b"?"),
                b't' => body.starts_with(b"6;"),
                _ => false,
            };
            is_answer.then_some(2 + end + 1)
        }
        _ => None,
    }
}

/// Up to `ESC \` or BEL.
fn string(bytes: &[u8]) -> Option<usize> {
    let mut at = 2;
    loop {
        match bytes.get(at)? {
            0x07 => return Some(at + 1),
            0x1b if bytes.get(at + 1)? == &b'\\' => return Some(at + 2),
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("ls\r", "", "ls\r")]
    #[case("l\x1b_Gi=31;OK\x1b\\s\x1b[?62;4c\r", "\x1b_Gi=31;OK\x1b\\\x1b[?62;4c", "ls\r")]
    #[case("\x1b[A\x1b[6;18;9t\x1b[1;5C", "\x1b[6;18;9t", "\x1b[A\x1b[1;5C")]
    #[case("\x1b[200~paste\x1b[201~", "", "\x1b[200~paste\x1b[201~")]
    #[case("\x1bP>|kitty(0.41)\x1b\\q", "\x1bP>|kitty(0.41)\x1b\\", "q")]
    #[case("\x1b[?62;", "", "\x1b[?62;")]
    #[case("\x1b", "", "\x1b")]
    #[case("\x1b[c", "", "\x1b[c")]
    #[case("狐\x1b]11;rgb:0/0/0\x07", "\x1b]11;rgb:0/0/0\x07", "狐")]
    fn answers_and_keys(#[case] stream: &str, #[case] answers: &str, #[case] keys: &str) {
        let found = split(stream.as_bytes());
        assert_eq!(String::from_utf8_lossy(&found.answers), answers);
        assert_eq!(String::from_utf8_lossy(&found.keys), keys);
    }
}
