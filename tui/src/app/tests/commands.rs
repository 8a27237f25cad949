//! Every row of the table of commands does something: from a client that has some of everything, each of its keys, on each screen that
//! has it, changes the state or has an effect. Where the client must stand in a special place for that, the keys that lead there are
//! listed here.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use darkroom_protocol::Picture;

use crate::app::commands::{Act, COMMANDS};
use crate::app::msg::{Effect, Msg};
use crate::app::own::keys;
use crate::app::state::{Screen, State};
use crate::app::tests::system::answer;
use crate::app::tests::{entries, full, id, press, show};
use crate::app::update::{act, update};

/// A key by its name in the table.
fn key(name: &str) -> KeyEvent {
    let (held, name) = match name.split_once('-') {
        Some(("ctrl", rest)) => (KeyModifiers::CONTROL, rest),
        Some(("alt", rest)) => (KeyModifiers::ALT, rest),
        Some(("shift", rest)) => (KeyModifiers::SHIFT, rest),
        _ => (KeyModifiers::NONE, name),
    };
    let code = match (name, held) {
        ("tab", KeyModifiers::SHIFT) => KeyCode::BackTab,
        ("enter", _) => KeyCode::Enter,
        ("tab", _) => KeyCode::Tab,
        ("esc", _) => KeyCode::Esc,
        ("up", _) => KeyCode::Up,
        ("down", _) => KeyCode::Down,
        ("left", _) => KeyCode::Left,
        ("right", _) => KeyCode::Right,
        ("home", _) => KeyCode::Home,
        ("end", _) => KeyCode::End,
        ("pageup", _) => KeyCode::PageUp,
        ("pagedown", _) => KeyCode::PageDown,
        ("delete", _) => KeyCode::Delete,
        ("backspace", _) => KeyCode::Backspace,
        ("space", _) => KeyCode::Char(' '),
        (name, _) if name.len() > 1 => KeyCode::F(name[1..].parse().unwrap()),
        (name, _) => KeyCode::Char(name.chars().next().unwrap()),
    };
    KeyEvent::new(code, held)
}

fn pressed(state: &mut State, name: &str) -> Vec<Effect> {
    let key = key(name);
    press(state, key.code, key.modifiers)
}

/// Keys that lead to where the command can do something.
fn before(act: Act, screen: Screen) -> &'static [&'static str] {
    match (act, screen) {
        (Act::Choose, _) => &["tab", "tab"],
        (Act::Weigh(_), _) => &["f", "o", "x"],
        (Act::OlderPrompt, _) => &["f", "o", "x", "ctrl-s", "backspace"],
        (Act::NewerPrompt, _) => &["f", "o", "x", "ctrl-s", "x", "alt-up"],
        (Act::UndoEdit, _) => &["f"],
        (Act::RedoEdit, _) => &["f", "alt-z"],
        // A job that waits, with one that waits on each side.
        (Act::Earlier, _) => &["down", "down"],
        (Act::Hold | Act::Later | Act::Prefer(_), _) => &["down"],
        (Act::Retry, _) => &["end", "up"],
        (Act::Undo, _) => &["d"],
        // Its list is the log, which begins at its end.
        (Act::Down | Act::PageDown | Act::Last, Screen::System) => &["up", "up"],
        (Act::Up | Act::PageUp | Act::First, Screen::Gallery) => &["end", "left"],
        (Act::Up | Act::PageUp | Act::First, _) => &["end"],
        (Act::Left, Screen::Gallery) => &["right"],
        (Act::Back, Screen::Gallery) => &["enter"],
        _ => &[],
    }
}

/// What the screen has nothing to do it with: one is there already, nothing is open, nothing lies beside.
fn is_elsewhere(act: Act, screen: Screen) -> bool {
    match act {
        Act::Left | Act::Right => screen != Screen::Gallery,
        Act::Back => screen != Screen::Gallery,
        Act::Go(there) => screen == there,
        _ => false,
    }
}

fn ready(act_: Act, screen: Screen) -> State {
    let mut state = full(120, 40);
    // One that was made, whose seed can be kept.
    state.create.picture(&Picture {
        job: id(5),
        index: 0,
        path: "/p/a.png".to_owned(),
        sha256: "0f".to_owned(),
        bytes: 3,
        width: 8,
        height: 8,
        seed: 7,
        elapsed_ms: 1,
    });
    let asked = act(&mut state, Act::Go(screen));
    if screen == Screen::System {
        let lines = (0..200).map(|nth| format!("line {nth}")).collect();
        answer(&mut state, &asked, lines);
    }
    if act_ == Act::Restore {
        let mut pictures = entries(5);
        pictures.iter_mut().for_each(|entry| entry.trashed_ms = Some(1));
        show(&mut state, pictures);
    }
    for name in before(act_, screen) {
        pressed(&mut state, name);
    }
    state
}

#[test]
fn every_command_does_something_by_each_of_its_keys() {
    let mut idle = Vec::new();
    for command in COMMANDS {
        for screen in Screen::ALL.into_iter().filter(|screen| command.is_on(*screen)) {
            let mut tried = 0;
            for name in command.keys {
                let mut state = ready(command.act, screen);
                let meant = state.own.keys().meant(name, screen).map(|meant| meant.act);
                let is_text = state.is_typing() && keys::is_text(&key(name));
                if meant != Some(command.act) || is_text {
                    continue;
                }
                tried += 1;
                let before = format!("{state:?}");
                let mut effects = pressed(&mut state, name);
                // These come by themselves.
                effects.retain(|effect| !matches!(effect, Effect::Pulse | Effect::Wake | Effect::Count(..)));
                let is_idle = effects.is_empty() && format!("{state:?}") == before;
                if is_idle && !is_elsewhere(command.act, screen) {
                    idle.push(format!("{} by {name} on {screen:?}", command.name));
                }
            }
            if tried == 0 {
                idle.push(format!("{}: no key on {screen:?}", command.name));
            }
        }
    }
    assert!(idle.is_empty(), "{idle:#?}");
}

#[test]
fn esc_takes_away_what_went_wrong_on_every_screen() {
    for screen in Screen::ALL {
        let mut state = full(120, 40);
        act(&mut state, Act::Go(screen));
        update(&mut state, Msg::Failed("it went wrong".to_owned()));
        assert!(!state.toasts.is_empty());
        pressed(&mut state, "esc");
        assert!(state.toasts.iter().all(|toast| !toast.is_error), "{screen:?}");
    }
}
