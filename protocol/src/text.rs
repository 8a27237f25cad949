//! Text from strangers: read from bytes, made safe to print.

use std::borrow::Cow;
use std::fmt::Write as _;

/// `text` with every control and direction-changing character written as an escape, so that a prompt, a file name or an
/// error cannot drive the terminal. Newlines and tabs are escaped too: the result is one line.
pub fn escape_line(text: &str) -> Cow<'_, str> {
    escape(text, |_| false)
}

/// As [`escape_line`], but newlines and tabs stay: for logs and multi-line prompts.
pub fn escape_block(text: &str) -> Cow<'_, str> {
    escape(text, |c| matches!(c, '\n' | '\t'))
}

fn escape(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(|c| is_unsafe(c) && !keep(c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if !is_unsafe(c) || keep(c) => out.push(c),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c => write!(out, "\\u{{{:x}}}", c as u32).unwrap_or_default(),
        }
    }
    Cow::Owned(out)
}

/// A line of JSON with every character that a terminal obeys, or that hides or turns what stands beside it, as `\uXXXX`: it means
/// the same. Beside what [`escape_line`] escapes, zero-width ones and tags.
pub fn escape_json(json: &str) -> Cow<'_, str> {
    let is_hidden = |c: char| !c.is_ascii() && (is_unsafe(c) || is_invisible(c)) || c == '\u{7f}';
    if !json.chars().any(is_hidden) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}").unwrap_or_default();
            }
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Characters that take no room and show nothing: zero-width spaces and joiners, invisible operators, marks of byte order and
/// annotation, tags.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{206a}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// C0, DEL and C1 controls, line and paragraph separators, and the bidirectional overrides of CVE-2021-42574.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` in at most so many bytes, the last of which say `…` where something was cut.
pub fn bounded(mut text: String, most: usize) -> String {
    const CUT: char = '…';
    if text.len() <= most {
        return text;
    }
    let mut end = most.saturating_sub(CUT.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text.push(CUT);
    text
}

/// At most 60 characters of what a stranger sent, for a message that repeats it.
pub(crate) fn shorten(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What some editors begin a text with. It says how the text is encoded and is no part of it.
pub const BYTE_ORDER_MARK: char = '\u{feff}';

/// `text` without the byte order mark that it may begin with.
pub fn unmarked(text: &str) -> &str {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

/// The text of a file or of standard input: UTF-8, or UTF-16 that begins with its byte order mark. The mark is dropped.
///
/// # Errors
/// What the bytes are instead, to complete "the prompt is": for people.
pub fn decode(bytes: &[u8]) -> Result<String, &'static str> {
    const BROKEN: &str = "cut off or damaged UTF-16: save it as UTF-8";
    let wide = |bytes: &[u8], order: fn([u8; 2]) -> u16| {
        let pairs = bytes.chunks_exact(2);
        if !pairs.remainder().is_empty() {
            return Err(BROKEN);
        }
        let units: Vec<u16> = pairs.map(|pair| order([pair[0], pair[1]])).collect();
        String::from_utf16(&units).map_err(|_| BROKEN)
    };
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Err("UTF-32: save it as UTF-8"),
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(unmarked(text).to_owned()),
            Err(_) => Err("not UTF-8: save it as UTF-8"),
        },
    }
}

/// Where byte `at` of `text` is, for errors about a file: `line 3, column 7`, both counted from 1, columns in characters.
pub fn place(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = 1 + before.bytes().filter(|b| *b == b'\n').count();
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let column = 1 + before[start..].chars().count();
    format!("line {line}, column {column}")
}

/// `name` for comparison: lower case, without spaces, `_` and `-`.
pub fn fold(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, ' ' | '_' | '-'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// The longest name, in bytes, that [`closest`] compares. The time that takes grows with the square of it.
const LONGEST_NAME: usize = 64;

/// The candidate that `name` was probably meant to be, for "did you mean". Of a name longer than 64 bytes nothing is guessed.
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > LONGEST_NAME {
        return None;
    }
    let name = fold(name);
    // A loop, not a chain of adapters: over callers' own chains their types grow beyond what the compiler finishes in minutes.
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        if candidate.len() > 2 * LONGEST_NAME {
            continue;
        }
        let distance = strsim::damerau_levenshtein(&name, &fold(candidate));
        if distance <= 1 + candidate.len() / 4 && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        let cut = |text: &str, most| bounded(text.to_owned(), most);
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("longer", 5), "lo…");
        assert_eq!(cut("ééé", 5), "é…");
        assert_eq!(cut("日本語", 3), "…");
    }
    use rstest::rstest;

    #[rstest]
    #[case("a fox", "a fox")]
    #[case("a\x1b]0;x\x07b", "a\\u{1b}]0;x\\u{7}b")]
    #[case("two\nlines", "two\\nlines")]
    #[case("\u{202e}evil", "\\u{202e}evil")]
    #[case("c1 \u{9b}31m", "c1 \\u{9b}31m")]
    fn controls_are_escaped(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(escape_line(text), shown);
    }

    #[test]
    fn blocks_keep_their_lines() {
        assert_eq!(escape_block("a\n\tb\r"), "a\n\tb\\r");
    }

    #[test]
    fn json_hides_nothing_and_means_the_same() {
        let strange =
            "a\u{9b}31m\u{7f}\u{85}\u{202e}b\u{2066}\u{61c}\u{200b}\u{200d}\u{2060}\u{feff}\u{2028}\u{e0041}🦊é\n\"";
        let json = serde_json::to_string(strange).unwrap();
        let escaped = escape_json(&json);
        assert_eq!(
            escaped,
            r#""a\u009b31m\u007f\u0085\u202eb\u2066\u061c\u200b\u200d\u2060\ufeff\u2028\udb40\udc41🦊é\n\"""#
        );
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), strange);
        assert!(matches!(escape_json("{\"a\":\"🦊\"}"), Cow::Borrowed(_)));
    }

    #[rstest]
    #[case("DPM++ 2M", "dpm++2m")]
    #[case("euler_a", "eulera")]
    fn names_fold(#[case] name: &str, #[case] folded: &str) {
        assert_eq!(fold(name), folded);
    }

    #[rstest]
    #[case::plain(b"apple", Ok("apple"))]
    #[case::utf_8(b"\xef\xbb\xbfapple", Ok("apple"))]
    #[case::little(b"\xff\xfea\0p\0", Ok("ap"))]
    #[case::big(b"\xfe\xff\0a\0p", Ok("ap"))]
    #[case::mark_alone(b"\xff\xfe", Ok(""))]
    #[case::half_a_unit(b"\xff\xfea\0p", Err("UTF-16"))]
    #[case::half_a_pair(b"\xfe\xff\xd8\x3d", Err("UTF-16"))]
    #[case::wider(b"\xff\xfe\0\0a\0\0\0", Err("UTF-32"))]
    #[case::latin(b"caf\xe9", Err("not UTF-8"))]
    fn byte_order_marks_are_no_text(#[case] bytes: &[u8], #[case] expected: Result<&str, &str>) {
        match (decode(bytes), expected) {
            (Ok(text), expected) => assert_eq!(Ok(text.as_str()), expected),
            (Err(why), expected) => assert!(expected.is_err_and(|part| why.contains(part)), "{why}"),
        }
    }

    #[test]
    fn places_count_characters() {
        let text = "a = 1\ndé = 2";
        assert_eq!(place(text, 0), "line 1, column 1");
        assert_eq!(place(text, 9), "line 2, column 3");
        assert_eq!(place(text, 10_000), "line 2, column 7");
    }

    #[test]
    fn a_near_miss_finds_its_name() {
        assert_eq!(closest("eulr", ["DDIM", "Euler", "DPM++ 2M"]), Some("Euler"));
        assert_eq!(closest("zzzzzz", ["DDIM", "Euler"]), None);
        let long = "e".repeat(1 << 24);
        assert_eq!(closest(&long, [long.as_str()]), None);
    }
}
