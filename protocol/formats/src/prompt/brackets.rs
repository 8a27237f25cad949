//! Character classes that the syntaxes have in common, as Python's `re` has them.

/// The most brackets of one kind that may be open at a time. Another one is text: a weight of 1.1 to the power of 128 means nothing.
pub const DEEPEST: usize = 128;

/// `\s`.
pub fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// `\w`.
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where `word` stands alone in `text` (`\bword\b`), as byte offsets of its beginnings. `word` begins and ends with a letter.
pub fn alone<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = text[..*at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}
