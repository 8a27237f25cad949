//! Extra-network tags, `<lora:name:0.8>`, which AUTOMATIC1111's extensions read out of a prompt before anything else does. What is not
//! known is an error that names it: it never becomes words for a text encoder.

use darkroom_protocol::text::escape_line;

use super::brackets::is_word;
use super::{Error, Result};

/// A tag of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Its first word: `lora`.
    pub kind: String,
    /// What follows it, cut at colons: the name, a weight.
    pub args: Vec<String>,
    /// As it was written.
    pub written: String,
}

/// `prompt` without its tags, and these in their order: `<(\w+):([^>]+)>`. Time is linear in its length.
pub fn split(prompt: &str) -> (String, Vec<Tag>) {
    let (mut text, mut tags) = (String::new(), Vec::new());
    let mut rest = prompt;
    // Where there is no bracket that closes, there is none further on.
    let mut closes = true;
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        match closes.then(|| tag(rest, &mut closes)).flatten() {
            Some((tag, after)) => {
                tags.push(tag);
                rest = after;
            }
            None => {
                text.push('<');
                rest = &rest[1..];
            }
        }
    }
    text.push_str(rest);
    (text, tags)
}

/// The tag that `rest` begins with, and what is behind it.
fn tag<'a>(rest: &'a str, closes: &mut bool) -> Option<(Tag, &'a str)> {
    let inside = &rest[1..];
    let end = inside.find(|c| !is_word(c)).filter(|end| *end > 0)?;
    let args = inside[end..].strip_prefix(':')?;
    let Some(close) = args.find('>') else {
        *closes = false;
        return None;
    };
    let written = &rest[..rest.len() - args.len() + close + 1];
    let tag = Tag {
        kind: inside[..end].to_owned(),
        args: args[..close].split(':').map(str::to_owned).collect(),
        written: written.to_owned(),
    };
    (close > 0).then(|| (tag, &args[close + 1..]))
}

/// Refuses tags that nobody has taken out.
///
/// # Errors
/// [`Error::Refused`] naming the first.
pub fn refuse(tags: &[Tag]) -> Result<()> {
    let Some(tag) = tags.first() else {
        return Ok(());
    };
    let written: String = tag.written.chars().take(80).collect();
    Err(Error::Refused(format!(
        "{} in the prompt is a tag that Darkroom does not know: take it out, or write --prompt-syntax plain to have it read as words.",
        escape_line(&written)
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("a fox", "a fox", &[])]
    #[case("a <lora:detail (v2):0.8> fox", "a  fox", &["lora|detail (v2)|0.8"])]
    #[case("<hypernet:x:1><lyco:y>", "", &["hypernet|x|1", "lyco|y"])]
    #[case("<a:b c\nd:e:f>", "", &["a|b c\nd|e|f"])]
    #[case("a <cat-toy>, I <3 you, <:x>, <a:>, <a: b", "a <cat-toy>, I <3 you, <:x>, <a:>, <a: b", &[])]
    #[case("<<lora:x:1>>", "<>", &["lora|x|1"])]
    #[case("<b<lora:x:1>", "<b", &["lora|x|1"])]
    fn tags_are_taken_out(#[case] prompt: &str, #[case] text: &str, #[case] tags: &[&str]) {
        let (left, found) = split(prompt);
        let found: Vec<String> = found
            .iter()
            .map(|tag| format!("{}|{}", tag.kind, tag.args.join("|")))
            .collect();
        assert_eq!(
            (left.as_str(), found),
            (text, tags.iter().map(|tag| (*tag).to_owned()).collect())
        );
    }

    #[test]
    fn an_unknown_tag_is_named() {
        let error = refuse(&split("a <hypernet:x\u{1b}:1>").1).unwrap_err().to_string();
        assert!(error.starts_with("<hypernet:x") && !error.contains('\u{1b}'), "{error}");
        assert!(refuse(&[]).is_ok());
    }

    proptest! {
        #[test]
        fn nothing_is_lost(prompt in "[<>:a-c ]{0,60}") {
            let (text, tags) = split(&prompt);
            let written: usize = tags.iter().map(|tag| tag.written.len()).sum();
            prop_assert_eq!(text.len() + written, prompt.len());
        }
    }
}
