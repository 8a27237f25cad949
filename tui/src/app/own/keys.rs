//! Keys by the names that the command table has for them: `ctrl-s`, `tab`, `J`, `?`, `shift-tab`, `f5`. One spelling a key.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// The name of a key; `None` for one that no command can have.
pub fn name(key: &KeyEvent) -> Option<String> {
    let (code, mut shift) = match key.code {
        KeyCode::Char(' ') => ("space".to_owned(), true),
        // A capital says its shift itself.
        KeyCode::Char(c) => (c.to_string(), false),
        KeyCode::Enter => ("enter".to_owned(), true),
        KeyCode::Tab => ("tab".to_owned(), true),
        KeyCode::BackTab => return Some("shift-tab".to_owned()),
        KeyCode::Backspace => ("backspace".to_owned(), true),
        KeyCode::Delete => ("delete".to_owned(), true),
        KeyCode::Esc => ("esc".to_owned(), true),
        KeyCode::Left => ("left".to_owned(), true),
        KeyCode::Right => ("right".to_owned(), true),
        KeyCode::Up => ("up".to_owned(), true),
        KeyCode::Down => ("down".to_owned(), true),
        KeyCode::Home => ("home".to_owned(), true),
        KeyCode::End => ("end".to_owned(), true),
        KeyCode::PageUp => ("pageup".to_owned(), true),
        KeyCode::PageDown => ("pagedown".to_owned(), true),
        KeyCode::F(n) => (format!("f{n}"), true),
        _ => return None,
    };
    shift &= key.modifiers.contains(KeyModifiers::SHIFT);
    let mut name = String::new();
    for (held, word) in [
        (key.modifiers.contains(KeyModifiers::CONTROL), "ctrl-"),
        (key.modifiers.contains(KeyModifiers::ALT), "alt-"),
        (shift, "shift-"),
    ] {
        if held {
            name.push_str(word);
        }
    }
    // Some terminals tell a letter with Ctrl as a capital.
    let code = match name.starts_with("ctrl-") {
        true => code.to_lowercase(),
        false => code,
    };
    Some(name + &code)
}

/// How a key is shown to people: `^S`, `⇥`, `J`.
pub fn shown(name: &str, is_unicode: bool) -> String {
    let (held, key) = match name.strip_prefix("ctrl-") {
        Some(key) => ("^", key),
        None => ("", name),
    };
    let key = match (key, is_unicode) {
        ("enter", true) => "⏎".to_owned(),
        ("up", true) => "↑".to_owned(),
        ("down", true) => "↓".to_owned(),
        ("left", true) => "←".to_owned(),
        ("right", true) => "→".to_owned(),
        (key, _) if key.chars().count() > 1 => {
            let mut chars = key.chars();
            chars
                .next()
                .map(|first| first.to_uppercase().chain(chars).collect())
                .unwrap_or_default()
        }
        (key, _) if !held.is_empty() => key.to_uppercase(),
        (key, _) => key.to_owned(),
    };
    format!("{held}{key}")
}

/// Whether a key types something where text is being written.
pub fn is_text(key: &KeyEvent) -> bool {
    let held = key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
    matches!(key.code, KeyCode::Char(_)) && !held
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(KeyCode::Char('s'), KeyModifiers::CONTROL, "ctrl-s")]
    #[case(KeyCode::Char('S'), KeyModifiers::CONTROL, "ctrl-s")]
    #[case(KeyCode::Char('J'), KeyModifiers::SHIFT, "J")]
    #[case(KeyCode::Char('?'), KeyModifiers::SHIFT, "?")]
    #[case(KeyCode::BackTab, KeyModifiers::SHIFT, "shift-tab")]
    #[case(KeyCode::Up, KeyModifiers::CONTROL, "ctrl-up")]
    #[case(KeyCode::Char(' '), KeyModifiers::NONE, "space")]
    fn one_name_a_key(#[case] code: KeyCode, #[case] held: KeyModifiers, #[case] expected: &str) {
        assert_eq!(name(&KeyEvent::new(code, held)).as_deref(), Some(expected));
    }

    #[test]
    fn people_see_signs() {
        assert_eq!(shown("ctrl-s", true), "^S");
        assert_eq!(shown("tab", true), "Tab");
        assert_eq!(
            (shown("enter", true), shown("enter", false)),
            ("⏎".into(), "Enter".into())
        );
    }
}
