//! The parser's events as the ones that the client is written in: those of crossterm, which draws. The two libraries name the same things.

use crossterm::event as to;
use termina::event as from;

/// The event; `None` for what is no person's doing, or a key that has no name there.
pub fn event(event: from::Event) -> Option<to::Event> {
    use from::Event as E;
    Some(match event {
        E::Key(key) => to::Event::Key(to::KeyEvent {
            code: code(key.code)?,
            modifiers: modifiers(key.modifiers),
            kind: match key.kind {
                from::KeyEventKind::Press => to::KeyEventKind::Press,
                from::KeyEventKind::Release => to::KeyEventKind::Release,
                from::KeyEventKind::Repeat => to::KeyEventKind::Repeat,
            },
            state: to::KeyEventState::NONE,
        }),
        E::Mouse(mouse) => to::Event::Mouse(to::MouseEvent {
            kind: mouse_kind(mouse.kind),
            column: mouse.column,
            row: mouse.row,
            modifiers: modifiers(mouse.modifiers),
        }),
        E::FocusIn => to::Event::FocusGained,
        E::FocusOut => to::Event::FocusLost,
        E::Paste(text) => to::Event::Paste(text),
        E::WindowResized(_) | E::Csi(_) | E::Osc(_) | E::Dcs(_) => return None,
    })
}

fn code(code: from::KeyCode) -> Option<to::KeyCode> {
    use from::KeyCode as F;
    use to::KeyCode as T;
    Some(match code {
        F::Char(c) => T::Char(c),
        F::Enter => T::Enter,
        F::Backspace => T::Backspace,
        F::Tab => T::Tab,
        F::Escape => T::Esc,
        F::Left => T::Left,
        F::Right => T::Right,
        F::Up => T::Up,
        F::Down => T::Down,
        F::Home => T::Home,
        F::End => T::End,
        F::BackTab => T::BackTab,
        F::PageUp => T::PageUp,
        F::PageDown => T::PageDown,
        F::Insert => T::Insert,
        F::Delete => T::Delete,
        F::Function(n) => T::F(n),
        F::Menu => T::Menu,
        F::PrintScreen => T::PrintScreen,
        F::Pause => T::Pause,
        F::KeypadBegin => T::KeypadBegin,
        F::CapsLock | F::ScrollLock | F::NumLock | F::Null | F::Modifier(_) | F::Media(_) => return None,
    })
}

fn modifiers(held: from::Modifiers) -> to::KeyModifiers {
    use from::Modifiers as F;
    use to::KeyModifiers as T;
    let pairs = [
        (F::SHIFT, T::SHIFT),
        (F::ALT, T::ALT),
        (F::CONTROL, T::CONTROL),
        (F::SUPER, T::SUPER),
        (F::HYPER, T::HYPER),
        (F::META, T::META),
    ];
    let held = pairs.into_iter().filter(|(one, _)| held.contains(*one));
    held.fold(T::NONE, |all, (_, one)| all | one)
}

fn mouse_kind(kind: from::MouseEventKind) -> to::MouseEventKind {
    use from::MouseEventKind as F;
    use to::MouseEventKind as T;
    let button = |button| match button {
        from::MouseButton::Left => to::MouseButton::Left,
        from::MouseButton::Right => to::MouseButton::Right,
        from::MouseButton::Middle => to::MouseButton::Middle,
    };
    match kind {
        F::Down(which) => T::Down(button(which)),
        F::Up(which) => T::Up(button(which)),
        F::Drag(which) => T::Drag(button(which)),
        F::Moved => T::Moved,
        F::ScrollDown => T::ScrollDown,
        F::ScrollUp => T::ScrollUp,
        F::ScrollLeft => T::ScrollLeft,
        F::ScrollRight => T::ScrollRight,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::own::keys;
    use rstest::rstest;
    use termina::Parser;

    fn events(bytes: &[u8]) -> Vec<to::Event> {
        let mut parser = Parser::default();
        parser.parse(bytes, false);
        std::iter::from_fn(|| parser.pop()).filter_map(event).collect()
    }

    #[rstest]
    #[case(b"\x13", "ctrl-s")]
    #[case(b"\x1b", "esc")]
    #[case(b"\r", "enter")]
    #[case(b"\t", "tab")]
    #[case(b"\x1b[Z", "shift-tab")]
    #[case(b"\x7f", "backspace")]
    #[case(b"\x1b[3~", "delete")]
    #[case(b"\x1b[5~", "pageup")]
    #[case(b"\x1b[1;5A", "ctrl-up")]
    #[case(b"\x1b[15~", "f5")]
    #[case(b"\x1bOP", "f1")]
    #[case(b"\x1b2", "alt-2")]
    #[case(b"G", "G")]
    #[case(b"?", "?")]
    #[case(b" ", "space")]
    #[case("ß".as_bytes(), "ß")]
    fn keys_have_their_names(#[case] bytes: &[u8], #[case] name: &str) {
        let found = events(bytes);
        let [to::Event::Key(key)] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!(keys::name(key).as_deref(), Some(name));
    }

    #[test]
    fn the_mouse_focus_and_pastes() {
        let found = events(b"\x1b[<0;3;4M\x1b[<32;5;6M\x1b[<0;5;6m\x1b[<65;1;1M\x1b[I\x1b[200~a\nb\x1b[201~");
        let kinds: Vec<String> = found
            .iter()
            .map(|event| match event {
                to::Event::Mouse(mouse) => format!("{:?} {},{}", mouse.kind, mouse.column, mouse.row),
                other => format!("{other:?}"),
            })
            .collect();
        assert_eq!(
            kinds,
            [
                "Down(Left) 2,3",
                "Drag(Left) 4,5",
                "Up(Left) 4,5",
                "ScrollDown 0,0",
                "FocusGained",
                "Paste(\"a\\nb\")"
            ]
        );
    }
}
