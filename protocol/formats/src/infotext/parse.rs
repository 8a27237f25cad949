//! A1111's text taken apart into prompt, negative prompt and settings, by A1111's own rules. `foreign/a1111.rs` makes parameters of
//! them for pictures that have no record of Darkroom's. Writing is in `write.rs`; getting the text out of a file is in `png/` and
//! `exif.rs`.

use super::Infotext;

/// Fewer settings than this on the last line, and it is taken for the prompt's (A1111's rule) ...
const ENOUGH: usize = 3;
/// ... unless it starts as every writer starts it.
const FIRST_KEY: &str = "Steps";
const NEGATIVE: &str = "Negative prompt:";

impl Infotext {
    /// The prompt and settings that `text` spells. Any text is some prompt, so nothing is refused.
    pub fn parse(text: &str) -> Self {
        // Byte order marks that are left by editors, with whatever space is between them.
        let text = text
            .trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
            .trim_end();
        let (above, last) = text.rsplit_once('\n').unwrap_or(("", text));
        let settings = settings(last);
        let is_settings = settings.len() >= ENOUGH || settings.first().is_some_and(|(key, _)| key == FIRST_KEY);
        let (prompts, settings) = if is_settings {
            (above, settings)
        } else {
            (text, Vec::new())
        };
        let (prompt, negative) = split_prompts(prompts);
        Self {
            prompt: prompt.to_owned(),
            negative: negative.to_owned(),
            settings,
        }
    }
}

/// The prompt, and what stands after the first line that starts with `Negative prompt:`.
fn split_prompts(text: &str) -> (&str, &str) {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if let Some(rest) = line.trim_start().strip_prefix(NEGATIVE) {
            let negative = start + line.len() - rest.len();
            return (text[..start].trim(), text[negative..].trim());
        }
        start += line.len();
    }
    (text.trim(), "")
}

/// Key and value of every `key: value` on `line`, separated by commas. Linear in the line's length.
fn settings(line: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once(':') {
        let Some(key) = key_at_end(before) else {
            rest = after;
            continue;
        };
        let (value, next) = value(after);
        found.push((key.to_owned(), value));
        rest = next;
    }
    found
}

/// The key that `text` ends with: at least two key characters, the first a letter, a digit or `_`.
fn key_at_end(text: &str) -> Option<&str> {
    let start = text
        .char_indices()
        .rev()
        .take_while(|(_, c)| is_key_char(*c))
        .last()
        .map(|(at, _)| at)?;
    let key = text[start..].trim_start_matches([' ', '-', '/']).trim_end();
    (key.chars().nth(1).is_some()).then_some(key)
}

pub(super) fn is_key_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | ' ' | '-' | '/')
}

/// The value that `text` starts with, and what follows its comma.
fn value(text: &str) -> (String, &str) {
    let text = text.trim_start();
    if let Some((value, rest)) = quoted(text) {
        return (value, rest);
    }
    let (value, rest) = text.split_once(',').unwrap_or((text, ""));
    (value.trim_end().to_owned(), rest)
}

/// A JSON text that ends at a comma or at the end.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut escaped = false;
    let inner = text.strip_prefix('"')?;
    let end = inner.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })?;
    let (json, rest) = text.split_at(end + 2);
    let rest = rest.trim_start();
    let rest = if rest.is_empty() { rest } else { rest.strip_prefix(',')? };
    Some((serde_json::from_str(json).ok()?, rest))
}
