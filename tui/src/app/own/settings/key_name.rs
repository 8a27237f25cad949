//! Keys as a person writes them in `tui.toml`, in the one spelling that the command table has for them, or why there is no such key. Pure;
//! the other way, from what the terminal sends, is `app/keys.rs`.

use darkroom_protocol::text::{closest, escape_line};

/// Keys that have a name.
const NAMED: [&str; 14] = [
    "enter",
    "tab",
    "esc",
    "space",
    "backspace",
    "delete",
    "up",
    "down",
    "left",
    "right",
    "home",
    "end",
    "pageup",
    "pagedown",
];

/// Names that other programs have for some of them.
const OTHERS: [(&str, &str); 5] = [
    ("escape", "esc"),
    ("return", "enter"),
    ("del", "delete"),
    ("pgup", "pageup"),
    ("pgdn", "pagedown"),
];

/// What terminals send for these is another key.
const SAME: [(&str, &str); 3] = [("i", "tab"), ("m", "enter"), ("[", "esc")];

/// The spelling that counts: `Ctrl-Alt-S` is `ctrl-alt-s`.
///
/// # Errors
/// Why it is no key, as the end of a sentence about the command.
pub fn canonical(text: &str) -> Result<String, String> {
    let (mut ctrl, mut alt, mut shift) = (false, false, false);
    let mut rest = text;
    while let Some((word, after)) = rest.split_once('-').filter(|(_, after)| !after.is_empty()) {
        let held = match word.to_ascii_lowercase().as_str() {
            "ctrl" => &mut ctrl,
            "alt" => &mut alt,
            "shift" => &mut shift,
            _ => break,
        };
        *held = true;
        rest = after;
    }
    let mut chars = rest.chars();
    let base = match (chars.next(), chars.next()) {
        (Some(c), None) => of_character(text, c, ctrl, shift)?,
        _ => named(text, rest)?,
    };
    let mut name = String::new();
    for (held, word) in [(ctrl, "ctrl-"), (alt, "alt-"), (shift, "shift-")] {
        if held {
            name.push_str(word);
        }
    }
    Ok(name + &base)
}

fn of_character(text: &str, c: char, ctrl: bool, shift: bool) -> Result<String, String> {
    let shown = escape_line(text);
    if c.is_control() || c.is_whitespace() {
        return Err(format!("{shown} is no key: write space, tab, enter or esc for those."));
    }
    if shift {
        return Err(format!(
            "{shown} cannot be told from the character that it makes: write that, as in J or ?."
        ));
    }
    if !ctrl {
        return Ok(c.to_string());
    }
    let lower = c.to_lowercase().to_string();
    match SAME.iter().find(|(key, _)| *key == lower) {
        Some((_, same)) => Err(format!(
            "terminals send {same} for {shown}: write {same}, or choose another."
        )),
        None => Ok(lower),
    }
}

fn named(text: &str, rest: &str) -> Result<String, String> {
    let lower = rest.to_ascii_lowercase();
    let is_function = lower
        .strip_prefix('f')
        .and_then(|n| n.parse::<u8>().ok())
        .is_some_and(|n| (1..=24).contains(&n) && lower == format!("f{n}"));
    if is_function || NAMED.contains(&lower.as_str()) {
        return Ok(lower);
    }
    let other = closest(&lower, OTHERS.map(|(other, _)| other));
    let other = OTHERS
        .iter()
        .find(|(name, _)| Some(*name) == other)
        .map(|(_, name)| *name);
    let meant = closest(&lower, NAMED)
        .or(other)
        .map_or_else(String::new, |near| format!("; did you mean {near}?"));
    Err(format!(
        "{} is no key{}",
        escape_line(text),
        if meant.is_empty() {
            ": give a character, f1 to f24, or one of ".to_owned()
                + &NAMED.join(", ")
                + ", with ctrl-, alt- or shift- before it."
        } else {
            meant
        }
    ))
}

/// Whether a key types something where text is being written.
pub fn is_text(key: &str) -> bool {
    key == "space" || key.chars().count() == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("ctrl-s", "ctrl-s")]
    #[case("Alt-Ctrl-S", "ctrl-alt-s")]
    #[case("J", "J")]
    #[case("-", "-")]
    #[case("ctrl--", "ctrl--")]
    #[case("Shift-Tab", "shift-tab")]
    #[case("F12", "f12")]
    #[case("PageUp", "pageup")]
    #[case("é", "é")]
    #[case("夜", "夜")]
    fn one_spelling_a_key(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(canonical(text).as_deref(), Ok(expected));
    }

    #[rstest]
    #[case("", "no key")]
    #[case(" ", "write space")]
    #[case("\u{1b}", "write space")]
    #[case("ctrl-", "no key")]
    #[case("f0", "no key")]
    #[case("f025", "no key")]
    #[case("escap", "did you mean esc?")]
    #[case("shift-j", "as in J")]
    #[case("ctrl-i", "write tab")]
    #[case("ctrl-M", "write enter")]
    #[case("hyper-x", "no key")]
    fn what_is_no_key_is_said(#[case] text: &str, #[case] words: &str) {
        let why = canonical(text).unwrap_err();
        assert!(why.contains(words) && !why.contains('\u{1b}'), "{why}");
    }

    #[test]
    fn every_key_of_the_table_is_one() {
        for key in crate::app::commands::COMMANDS.iter().flat_map(|command| command.keys) {
            assert_eq!(canonical(key).as_deref(), Ok(*key));
        }
    }
}
