//! Text from people as a part of a file's name.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// The most bytes of one: a name has several parts, and no more than 143 bytes on the strictest file systems.
const MAX_BYTES: usize = 60;
/// A text is not read beyond so many characters: nothing of that would be seen.
const READ: usize = 16 * MAX_BYTES;
/// Names that mean devices on some systems, whatever their extension.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul", "com", "lpt"];

/// `text` in lower case with a hyphen for whatever is no letter or digit, at most 60 bytes: safe on every file system, never
/// empty (then it is `or`), never with a dot or a hyphen at an end. Letters of every script stay.
pub fn slug(text: &str, or: &str) -> String {
    cut(text.chars().take(READ).flat_map(char::to_lowercase), or, |_| false)
}

/// The same for names: case, dots, underscores and plus signs stay where they stand between others.
pub fn slug_name(text: &str, or: &str) -> String {
    cut(text.chars().take(READ), or, |c| matches!(c, '.' | '_' | '+'))
}

fn cut(text: impl Iterator<Item = char>, or: &str, keep: impl Fn(char) -> bool) -> String {
    let mut out = String::new();
    for c in text.nfc() {
        let stays = c.is_alphanumeric() || (is_combining_mark(c) && !out.is_empty() && !out.ends_with('-')) || keep(c);
        let c = if stays { c } else { '-' };
        if out.len() + c.len_utf8() > MAX_BYTES {
            break;
        }
        if c != '-' || !out.ends_with('-') {
            out.push(c);
        }
    }
    let out = out.trim_matches(['-', '.', '_']);
    match out {
        "" => or.to_owned(),
        device if is_device(device) => format!("{device}_"),
        other => other.to_owned(),
    }
}

/// `con`, `Aux.safetensors`, `com1`, …
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().to_lowercase();
    let stem = stem.strip_suffix(|c: char| c.is_ascii_digit()).unwrap_or(&stem);
    DEVICES.contains(&stem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("a red apple", "a-red-apple")]
    #[case("Red  Apple!!", "red-apple")]
    #[case("../../etc/passwd", "etc-passwd")]
    #[case("...", "picture")]
    #[case("", "picture")]
    #[case("🦊", "picture")]
    #[case("-rf .hidden", "rf-hidden")]
    #[case("雪の中の狐、朝", "雪の中の狐-朝")]
    #[case("cafe\u{301}", "café")]
    #[case("नमस्ते दुनिया", "नमस्ते-दुनिया")]
    #[case("two\nlines\u{202e}x\0y", "two-lines-x-y")]
    #[case("(fox:1.3), <lora:a:1>", "fox-1-3-lora-a-1")]
    #[case("CON", "con_")]
    #[case("com1", "com1_")]
    #[case("console", "console")]
    fn prompts(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(slug(text, "picture"), expected);
    }

    #[rstest]
    #[case("sd_v1.5-Pruned", "sd_v1.5-Pruned")]
    #[case("DPM++ 2M", "DPM++-2M")]
    #[case("..", "model")]
    #[case("../x", "x")]
    fn names(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(slug_name(text, "model"), expected);
    }

    #[test]
    fn long_ones_are_cut_between_characters() {
        let long = slug(&"狐".repeat(500), "picture");
        assert_eq!(long, "狐".repeat(20));
        assert!(slug(&"ab ".repeat(500), "picture").len() <= 60);
    }

    proptest! {
        #[test]
        fn every_text_is_a_safe_name(text in any::<String>()) {
            for name in [slug(&text, "x"), slug_name(&text, "x")] {
                prop_assert!(!name.is_empty() && name.len() <= 61);
                prop_assert!(!name.starts_with(['.', '-']) && !name.ends_with(['.', '-']));
                let wild = ['/', '\0', '\\', ':', '*', '?', '"', '<', '>', '|', '{', '}'];
                prop_assert!(!name.contains(wild));
                prop_assert!(!name.chars().any(|c| c.is_control() || c.is_whitespace()));
            }
        }
    }
}
