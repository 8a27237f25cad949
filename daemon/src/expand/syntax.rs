//! Prompt syntax of other programs that the task's own syntax does not have, found so that it can be said.
//!
//! Weights of another program than the one whose syntax is read, wildcards, options of Midjourney. [`super::notices`] says what was
//! found; the words themselves reach the text encoder as they are. Only syntax that the other program would act on counts: a smile
//! `:)` is none, `(red)` is a weight of 1.1. Tags (`<lora:x:1>`) are not words for anybody: the worker takes them out or refuses them.

use darkroom_protocol::PromptSyntax;

/// Brackets that weigh, schedule or choose. Angle brackets do so only with a colon: `<cat-toy>` may be a token of the model.
const BRACKETS: [(u8, u8); 3] = [(b'(', b')'), (b'[', b']'), (b'{', b'}')];
/// Options that people leave in prompts from Midjourney.
const OPTIONS: [&str; 18] = [
    "ar", "aspect", "c", "chaos", "cref", "cw", "iw", "niji", "no", "q", "quality", "s", "seed", "sref", "style",
    "stylize", "tile", "v",
];
/// The longest name in angle brackets or between underscores, in bytes.
const LONGEST: usize = 256;

/// Every piece in `prompt` that is syntax elsewhere and not in `syntax`, in reading order, outermost brackets only. Linear in its length.
pub(super) fn foreign(prompt: &str, syntax: PromptSyntax) -> Vec<&str> {
    let mut scan = Scan {
        text: prompt,
        syntax,
        found: Vec::new(),
        open: Vec::new(),
    };
    let mut at = 0;
    while at < prompt.len() {
        at = scan.step(at);
    }
    scan.found.sort_unstable();
    scan.found.into_iter().map(|(start, end)| &prompt[start..end]).collect()
}

struct Scan<'a> {
    text: &'a str,
    syntax: PromptSyntax,
    /// Start and end of each piece.
    found: Vec<(usize, usize)>,
    /// Brackets that are open: where, and which.
    open: Vec<(usize, u8)>,
}

impl Scan<'_> {
    /// Looks at what begins at `at`; where to look next.
    fn step(&mut self, at: usize) -> usize {
        let bytes = self.text.as_bytes();
        let found = match bytes[at] {
            b'\\' => bytes.get(at + 1).filter(|c| is_bracket(**c)).map(|_| at + 2),
            b'<' => network(self.text, at),
            b'_' => wildcard(self.text, at),
            b'-' if starts_word(bytes, at) => option(self.text, at),
            b':' => weight(bytes, at),
            c if c.is_ascii_alphanumeric() && starts_word(bytes, at) => return self.word(at),
            c => {
                self.bracket(at, c);
                return at + 1;
            }
        };
        if let Some(end) = found {
            self.note(at, end);
        }
        found.unwrap_or(at + 1)
    }

    /// A piece of syntax, where it is not of the task's own.
    fn note(&mut self, start: usize, end: usize) {
        if !understood(&self.text[start..end], self.syntax) {
            self.found.push((start, end));
        }
    }

    /// The word at `at`: one that AUTOMATIC1111 takes for a command, an embedding, or one with compel's weight.
    fn word(&mut self, at: usize) -> usize {
        let bytes = self.text.as_bytes();
        let end = at + bytes[at..].iter().take_while(|c| is_word(**c)).count();
        let word = &self.text[at..end];
        let rest = &self.text[end..];
        if word == "BREAK" || word == "AND" || word.starts_with("AND_") {
            self.note(at, end);
        } else if word.eq_ignore_ascii_case("embedding") && rest.starts_with(':') {
            let name = |c: &char| !c.is_whitespace() && !matches!(c, ',' | ')' | '(' | ']');
            let name: usize = rest[1..].chars().take_while(name).map(char::len_utf8).sum();
            if name > 0 {
                self.note(at, end + 1 + name);
                return end + 1 + name;
            }
        } else if let Some(after) = rest.strip_prefix("++") {
            // Of one letter it is a language: C++.
            let pluses = 2 + after.bytes().take_while(|c| *c == b'+').count();
            if end - at > 1 && bytes.get(end + pluses).is_none_or(|c| !is_word(*c)) {
                self.note(at, end + pluses);
                return end + pluses;
            }
        }
        end
    }

    fn bracket(&mut self, at: usize, c: u8) {
        if BRACKETS.iter().any(|(open, _)| *open == c) {
            self.open.push((at, c));
            return;
        }
        let Some((opens, _)) = BRACKETS.iter().find(|(_, close)| *close == c) else {
            return;
        };
        // One that closes nothing is no syntax, and what stands open inside it is not either.
        let Some(place) = self.open.iter().rposition(|(_, open)| open == opens) else {
            return;
        };
        let (start, _) = self.open[place];
        self.open.truncate(place);
        let inside = &self.text[start + 1..at];
        let says = inside.chars().any(|c| !c.is_whitespace() && !c.is_ascii_punctuation());
        // In braces, quotation marks are JSON.
        if understood(&self.text[start..=at], self.syntax) {
            // In `[a::0.5]` the colons are its own.
            let text = self.text;
            self.found
                .retain(|(inner, _)| *inner < start || !text[*inner..].starts_with("::"));
        } else if says && !(c == b'}' && inside.contains('"')) {
            while self.found.last().is_some_and(|(inner, _)| *inner > start) {
                self.found.pop();
            }
            self.found.push((start, at + 1));
        }
    }
}

/// Whether a piece that is syntax somewhere is so in `syntax` too, or is refused where it is read.
fn understood(piece: &str, syntax: PromptSyntax) -> bool {
    let begins = |all: &[&str]| all.iter().any(|begin| piece.starts_with(begin));
    let named = piece
        .get(..10)
        .is_some_and(|begin| begin.eq_ignore_ascii_case("embedding:"));
    match syntax {
        PromptSyntax::Plain => true,
        _ if named || piece.starts_with('<') => true,
        PromptSyntax::A1111 => begins(&["(", "[", "\\"]) || matches!(piece, "BREAK" | "AND"),
        PromptSyntax::Comfy => begins(&["(", "\\(", "\\)"]),
        PromptSyntax::Compel => begins(&["(", "\\(", "\\)"]) || piece.ends_with("++"),
    }
}

fn is_bracket(c: u8) -> bool {
    BRACKETS.iter().any(|(open, close)| c == *open || c == *close)
}

fn is_word(c: u8) -> bool {
    c.is_ascii_alphanumeric() || c == b'_' || !c.is_ascii()
}

fn starts_word(bytes: &[u8], at: usize) -> bool {
    at == 0 || !(is_word(bytes[at - 1]) || bytes[at - 1] == b'-')
}

/// The end of `<word:…>`.
fn network(text: &str, at: usize) -> Option<usize> {
    let rest = &text.as_bytes()[at + 1..];
    let name = rest
        .iter()
        .take_while(|c| c.is_ascii_alphanumeric() || **c == b'_')
        .count();
    if name == 0 || rest.get(name) != Some(&b':') {
        return None;
    }
    let inside = rest
        .iter()
        .take(LONGEST)
        .position(|c| matches!(c, b'<' | b'>' | b'\n'))?;
    (rest[inside] == b'>').then_some(at + inside + 2)
}

/// The end of `__name__`, where names may have folders and stars.
fn wildcard(text: &str, at: usize) -> Option<usize> {
    let rest = text.as_bytes()[at..].strip_prefix(b"__")?;
    let is_name = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'/' | b'.' | b'*' | b'_') || !c.is_ascii();
    if !rest
        .first()
        .is_some_and(|c| c.is_ascii_alphanumeric() || *c == b'*' || !c.is_ascii())
    {
        return None;
    }
    let name = rest.iter().take(LONGEST).take_while(|c| is_name(c)).count();
    let end = rest[..name].windows(2).position(|pair| pair == b"__")?;
    Some(at + 2 + end + 2)
}

/// The end of `--ar 16:9`.
fn option(text: &str, at: usize) -> Option<usize> {
    let rest = text[at..].strip_prefix("--")?;
    let name = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
    let stops = rest.as_bytes().get(name).is_none_or(|c| c.is_ascii_whitespace());
    if !stops || !OPTIONS.contains(&&rest[..name]) {
        return None;
    }
    let value = rest[name..].strip_prefix(' ').unwrap_or_default();
    let digits = value
        .bytes()
        .take_while(|c| c.is_ascii_digit() || matches!(c, b':' | b'.'))
        .count();
    Some(at + 2 + name + if digits > 0 { 1 + digits } else { 0 })
}

/// The end of `::2`.
fn weight(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes[at..].strip_prefix(b"::")?;
    let sign = usize::from(rest.first() == Some(&b'-'));
    let digits = rest[sign..]
        .iter()
        .take_while(|c| c.is_ascii_digit() || **c == b'.')
        .count();
    (digits > 0).then_some(at + 2 + sign + digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("(a:1.3) [b] [a:b:10] [a|b] [a::0.5] BREAK c AND d", PromptSyntax::A1111, &[])]
    #[case(r"fox \(animal\), <lora:detail (v2):0.8>, embedding:bad-hands.pt", PromptSyntax::A1111, &[])]
    #[case("a fox++ runs AND_SALT", PromptSyntax::A1111, &["fox++", "AND_SALT"])]
    #[case("({red|blue}) [{2$$a|b}] {{best}}", PromptSyntax::A1111, &["{red|blue}", "{2$$a|b}", "{{best}}"])]
    #[case("a __colour__ (__animals/big-cats__) fox", PromptSyntax::A1111, &["__colour__", "__animals/big-cats__"])]
    #[case("(a:1.3), [a:b:10], [a::0.5] BREAK c", PromptSyntax::Comfy, &["[a:b:10]", "[a::0.5]", "BREAK"])]
    #[case("[mixed (x:1.2)]", PromptSyntax::Comfy, &["[mixed (x:1.2)]"])]
    #[case("fox++ (a)1.2 <hypernet:x:1> [x]", PromptSyntax::Compel, &["[x]"])]
    #[case("a fox --ar 16:9 --v 6 --tile", PromptSyntax::Comfy, &["--ar 16:9", "--v 6", "--tile"])]
    #[case("cat::2 dog::-0.5", PromptSyntax::A1111, &["::2", "::-0.5"])]
    #[case("{unclosed {inner}", PromptSyntax::A1111, &["{inner}"])]
    #[case("(a) {b} __c__ d++", PromptSyntax::Plain, &[])]
    fn foreign_syntax_is_found(#[case] prompt: &str, #[case] syntax: PromptSyntax, #[case] found: &[&str]) {
        assert_eq!(foreign(prompt, syntax), found);
    }

    #[rstest]
    #[case("a fox in the snow")]
    #[case("a smile :) and a wink ;-) or :(")]
    #[case("a <cat-toy> on a table, I <3 you, 3 < 4 > 2")]
    #[case("C++ on a screen, 50% off, 3:2, f/1.8, 10:30")]
    #[case("snake_case __init and __ alone")]
    #[case("break and and, BREAKFAST, SAND, HANDLE")]
    #[case("black-and-white -- a dash, well--known, --unknown")]
    #[case("() [] {} (!)")]
    #[case(r#"{"subject": "fox"}"#)]
    #[case(r"C:\temp, a \ b")]
    #[case("embedding: none")]
    fn ordinary_words_are_none(#[case] prompt: &str) {
        let found = foreign(prompt, PromptSyntax::Comfy);
        assert!(found.is_empty(), "{found:?}");
    }

    proptest! {
        #[test]
        fn any_prompt_is_scanned(prompt in any::<String>(), syntax in "[()\\[\\]{}<>:_|\\\\+a-cBREAKND -]{0,80}") {
            for text in [&prompt, &syntax] {
                let pieces = foreign(text, PromptSyntax::Comfy);
                prop_assert!(pieces.iter().all(|piece| !piece.is_empty() && text.contains(piece)));
            }
        }
    }

    #[test]
    fn the_longest_prompt_is_scanned_in_time() {
        let started = std::time::Instant::now();
        for unit in ["(", "(a)", ")", "<a:", "__a", "a++", "--ar ", "([{", "embedding:"] {
            foreign(&unit.repeat(65_536 / unit.len()), PromptSyntax::Comfy);
        }
        // Quadratic work would be minutes.
        assert!(started.elapsed().as_secs() < 20);
    }
}
