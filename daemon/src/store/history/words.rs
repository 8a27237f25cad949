//! What a picture's texts and facts are in the full-text index, and what a search is there: both sides of `picture_words`. A text is
//! its overlapping threes of characters, so that any part of it is found, in any script, by looking for threes in a row; ones and
//! twos have columns of their own. A fact (model, size, tag…) is one word. Characters are folded and encoded here, so that nothing a
//! person writes is ever syntax of the index.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::RangeInclusive;

use unicode_normalization::UnicodeNormalization as _;

/// Characters of a row of overlapping ones.
const GRAM: usize = 3;

/// Text as it is compared: compatible forms are one (NFKC), small letters, single spaces.
fn folded(text: &str) -> Vec<char> {
    let mut all = Vec::with_capacity(text.len());
    for c in text.nfkc().flat_map(char::to_lowercase) {
        match c.is_whitespace() {
            false => all.push(c),
            true if all.last().is_some_and(|last| *last != ' ') => all.push(' '),
            true => {}
        }
    }
    if all.last() == Some(&' ') {
        all.pop();
    }
    all
}

/// A character as a part of a word of the index, whose tokenizer splits at ASCII characters that are no letters or digits: these are
/// put where Unicode has none of its own.
fn encoded(c: char) -> char {
    match c.is_ascii() && !c.is_ascii_alphanumeric() {
        true => char::from_u32(0xe000 + u32::from(c)).unwrap_or(c),
        false => c,
    }
}

fn grams(text: &[char], size: usize) -> impl Iterator<Item = String> {
    text.windows(size)
        .map(|gram| gram.iter().map(|c| encoded(*c)).collect())
}

/// The column of a text: its threes in their order.
pub(super) fn long(text: &str) -> String {
    grams(&folded(text), GRAM).collect::<Vec<_>>().join(" ")
}

/// The column of a text for words of one or two characters: each once.
pub(super) fn short(text: &str) -> String {
    let text = folded(text);
    let each: BTreeSet<String> = (1..GRAM).flat_map(|size| grams(&text, size)).collect();
    each.into_iter().collect::<Vec<_>>().join(" ")
}

/// What is asked of the index so that `text` is in the text of one of `columns`; `None` for nothing but white space.
pub(super) fn part(text: &str, columns: &[&str]) -> Option<String> {
    let text = folded(text);
    let (suffix, size) = match text.len() {
        0 => return None,
        n if n < GRAM => ("_short", n),
        _ => ("", GRAM),
    };
    let columns: Vec<String> = columns.iter().map(|column| format!("{column}{suffix}")).collect();
    let phrase: Vec<String> = grams(&text, size).collect();
    Some(format!("{{{}}} : \"{}\"", columns.join(" "), phrase.join(" ")))
}

/// Characters that a whole has; longer ones are not asked for.
const WHOLE: RangeInclusive<usize> = GRAM..=48;
/// Wholes of one text.
const MOST_WHOLES: usize = 400;

/// Parts of a text that searches often name whole: its words, and what stands between commas. Each is somewhere in the text: a picture
/// that has one as a fact has it in its text, which is known without a look at its threes. One without the fact may have it all the same.
pub(super) fn wholes(text: &str) -> BTreeSet<String> {
    let text = folded(text);
    let words = text.split(|c| !c.is_alphanumeric());
    let parts = text.split(|c| *c == ',').map(trimmed);
    let all = words.chain(parts).filter(|part| WHOLE.contains(&part.len()));
    all.map(word_of).take(MOST_WHOLES).collect()
}

/// `text` as a whole; `None` where none is kept of its length.
pub(super) fn whole(text: &str) -> Option<String> {
    let text = folded(text);
    WHOLE.contains(&text.len()).then(|| word_of(&text))
}

/// Those of the [`wholes`] of `text` that `part` is a part of.
pub(super) fn wholes_with(text: &str, part: &str) -> BTreeSet<String> {
    let part = word_of(&folded(part));
    let mut wholes = wholes(text);
    wholes.retain(|whole| !part.is_empty() && whole.contains(&part));
    wholes
}

fn trimmed(text: &[char]) -> &[char] {
    let from = text.iter().take_while(|c| **c == ' ').count();
    let end = text.iter().rposition(|c| *c != ' ').map_or(from, |last| last + 1);
    &text[from..end]
}

fn word_of(text: &[char]) -> String {
    text.iter().map(|c| encoded(*c)).collect()
}

/// A fact of a picture: one word of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fact<'a> {
    /// That it is there.
    Any,
    /// Its model's number.
    Model(i64),
    Sampler(&'a str),
    Seed(u64),
    Width(u32),
    Height(u32),
    Tag(&'a str),
    /// Its job's 32 digits, or their beginning.
    Job(&'a str),
    /// The last 8 digits of its job, or their beginning.
    JobsEnd(&'a str),
    Starred,
    Trashed,
    Missing,
    Imported,
    /// One of the [`wholes`] of its prompt.
    Prompt(&'a str),
    /// One of its negative prompt.
    Negative(&'a str),
}

impl Fact<'_> {
    fn word(&self) -> String {
        match self {
            Self::Any => "all".to_owned(),
            Self::Model(id) => format!("m{id}"),
            Self::Sampler(name) => format!("s{}", digits(name)),
            Self::Seed(seed) => format!("d{seed}"),
            Self::Width(width) => format!("w{width}"),
            Self::Height(height) => format!("h{height}"),
            Self::Tag(tag) => format!("t{}", digits(tag)),
            Self::Job(id) => format!("j{id}"),
            Self::JobsEnd(id) => format!("k{id}"),
            Self::Starred => "isstarred".to_owned(),
            Self::Trashed => "istrashed".to_owned(),
            Self::Missing => "ismissing".to_owned(),
            Self::Imported => "isimported".to_owned(),
            Self::Prompt(whole) => format!("x{whole}"),
            Self::Negative(whole) => format!("y{whole}"),
        }
    }

    /// What is asked of the index for this very fact; `begins`: for any that begins so.
    pub(super) fn asked(&self, begins: bool) -> String {
        format!("facts : \"{}\"{}", self.word(), if begins { " *" } else { "" })
    }
}

/// The column of facts.
pub(super) fn facts(all: &[Fact<'_>]) -> String {
    all.iter().map(Fact::word).collect::<Vec<_>>().join(" ")
}

/// Any text as letters and digits.
fn digits(text: &str) -> String {
    let mut digits = String::with_capacity(2 * text.len());
    for byte in text.bytes() {
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn a_text_is_its_threes() {
        assert_eq!(long("A  Fox"), "a\u{e020}f \u{e020}fo fox");
        assert_eq!(long("ab"), "");
        assert_eq!(short("Abb"), "a ab b bb");
        assert_eq!(long("ｆｏｘ"), "fox", "wide letters are letters");
        assert_eq!(long("夜の海"), "夜の海");
    }

    #[rstest]
    #[case("fox", Some("{prompt negative} : \"fox\""))]
    #[case("foxy", Some("{prompt negative} : \"fox oxy\""))]
    #[case("夜", Some("{prompt_short negative_short} : \"夜\""))]
    #[case(" \n", None)]
    #[case("a\"b", Some("{prompt negative} : \"a\u{e022}b\""))]
    #[case("OR NOT", Some("{prompt negative} : \"or\u{e020} r\u{e020}n \u{e020}no not\""))]
    fn nothing_written_is_syntax(#[case] text: &str, #[case] asked: Option<&str>) {
        assert_eq!(part(text, &["prompt", "negative"]).as_deref(), asked);
    }

    #[test]
    fn wholes_are_words_and_what_is_between_commas() {
        let all: Vec<String> = wholes("Best  Quality, (fox:1.2), a 夜の海,,").into_iter().collect();
        let expected = [
            "(fox:1.2)".chars().map(encoded).collect(),
            "a\u{e020}夜の海".to_owned(),
            "best".to_owned(),
            "best\u{e020}quality".to_owned(),
            "fox".to_owned(),
            "quality".to_owned(),
            "夜の海".to_owned(),
        ];
        let expected: BTreeSet<String> = expected.into_iter().collect();
        assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), expected);
        assert_eq!(whole(" BEST quality").as_deref(), Some("best\u{e020}quality"));
        assert_eq!((whole("ab"), whole(&"a".repeat(49))), (None, None));
        assert!(wholes(&(0..10_000).map(|n| format!("word{n},")).collect::<String>()).len() <= MOST_WHOLES);
    }

    #[test]
    fn facts_are_words() {
        let all = [Fact::Any, Fact::Model(3), Fact::Sampler("DPM++ 2M"), Fact::Tag("夜")];
        assert_eq!(facts(&all), "all m3 s44504d2b2b20324d te5a49c");
        assert_eq!(Fact::Job("0198").asked(true), "facts : \"j0198\" *");
    }
}
