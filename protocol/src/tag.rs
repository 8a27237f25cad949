//! Tags: the words by which a person sorts pictures. One rule says how a tag is kept, for the parameter `tags`, for the verbs that
//! change tags and for searches.

/// The most characters of a tag.
pub const MAX_CHARS: usize = 64;
/// The most tags of a picture.
pub const MAX: usize = 32;

/// A tag as it is kept: in small letters, with single spaces. `None` for nothing, for more than [`MAX_CHARS`], and for what lists of
/// tags and searches are written with (commas, quotation marks, control characters).
pub fn canonical(text: &str) -> Option<String> {
    let tag = text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let is_plain = !tag.contains([',', '"']) && !tag.chars().any(char::is_control);
    (is_plain && !tag.is_empty() && tag.chars().count() <= MAX_CHARS).then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(" Night  Sky\t", Some("night sky"))]
    #[case("夜空", Some("夜空"))]
    #[case("", None)]
    #[case("a,b", None)]
    #[case("a\"b", None)]
    #[case("a\u{1b}b", None)]
    fn one_spelling_a_tag(#[case] text: &str, #[case] tag: Option<&str>) {
        assert_eq!(canonical(text).as_deref(), tag);
        assert_eq!(canonical(&"x".repeat(MAX_CHARS + 1)), None);
    }
}
