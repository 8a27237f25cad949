//! How the whole client looks where there is little room or little to draw with: messages are whole, the help is always named, batches are
//! joined, and without UTF-8 everything of its own is ASCII.

use crossterm::event::{KeyCode, KeyModifiers};
use darkroom_protocol::JobId;
use darkroom_protocol::history::Entry;
use darkroom_protocol::message::history::Album;

use crate::app::msg::{Effect, Msg};
use crate::app::own::theme::Theme;
use crate::app::state::Screen;
use crate::app::tests::{drawn, press, state};
use crate::app::update::update;

#[test]
fn a_long_message_is_whole_and_ends_in_what_to_do() {
    for (width, height) in [(60, 20), (80, 24), (200, 60)] {
        let mut state = state(width, height);
        let text =
            "The editor /usr/bin/nowhere ended with exit status 127 and has said nothing; the text is as it was.";
        state.toast(text, true);
        let drawn = drawn(&state);
        let words: Vec<&str> = drawn.split_whitespace().collect();
        assert!(text.split(' ').all(|word| words.contains(&word)), "{drawn}");
        assert!(drawn.contains("[Esc]"), "{drawn}");
    }
}

#[test]
fn the_help_is_named_on_every_screen() {
    let mut state = state(60, 20);
    for screen in Screen::ALL {
        state.screen = screen;
        let drawn = drawn(&state);
        assert!(drawn.trim_end().ends_with("? help"), "{drawn}");
    }
}

#[test]
fn without_utf_8_all_is_ascii() {
    let mut state = state(80, 24);
    state.theme = Theme::of(&|_| None, false);
    for screen in Screen::ALL {
        state.screen = screen;
        assert!(drawn(&state).is_ascii(), "{}", drawn(&state));
        for code in [KeyCode::F(1), KeyCode::Esc] {
            press(&mut state, code, KeyModifiers::NONE);
        }
    }
    press(&mut state, KeyCode::Char('p'), KeyModifiers::CONTROL);
    assert!(drawn(&state).contains("+ Command -"), "{}", drawn(&state));
    assert!(drawn(&state).is_ascii(), "{}", drawn(&state));
}

#[test]
fn pictures_of_a_batch_are_joined() {
    let mut state = state(80, 24);
    let (one, other) = (JobId::new(), JobId::new());
    let entry = |id: u64, job: Option<JobId>| Entry {
        id,
        job,
        prompt: format!("picture {id}"),
        width: 8,
        height: 8,
        ..Entry::default()
    };
    let pictures = vec![
        entry(5, Some(other)),
        entry(4, Some(one)),
        entry(3, Some(one)),
        entry(2, None),
        entry(1, None),
    ];
    let album = Album {
        pictures,
        next: None,
        total: Some(5),
    };
    let asked = state.gallery.begin();
    let Some(Effect::Page(number, _)) = asked.first() else {
        panic!("{asked:?}")
    };
    update(&mut state, Msg::Page(*number, album));
    state.screen = Screen::Gallery;
    let text = drawn(&state);
    let line = text.lines().find(|line| line.contains("picture 4")).unwrap();
    assert!(line.contains("└─── picture 5 ────┘"), "{text}");
    assert!(line.contains("picture 4 ────────────────────────"), "{text}");
    assert!(line.contains("picture 2") && !line.contains("picture 3"), "{text}");
}
