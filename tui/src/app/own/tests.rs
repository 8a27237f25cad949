//! What the person has chosen, as the whole client shows and uses it.

use super::*;
use crate::app::msg::{Link, Msg};
use crate::app::own::keymap::Keymap;
use crate::app::own::notify::{Way, Wish};
use crate::app::own::settings::{Layout, Side};
use crate::app::own::theme;
use crate::app::state::Screen;
use crate::app::update::update;
use crate::app::view::view;
use crossterm::event::{Event as TerminalEvent, KeyCode, KeyEvent, KeyModifiers};
use darkroom_protocol::event::StateChange;
use darkroom_protocol::{ImageTask, Job, JobId, JobState, Subject, Task};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;
use rstest::rstest;
use std::collections::HashMap;
use std::time::Duration;

fn state() -> State {
    let mut state = State::new(Theme::of(&|_| None, true), Rect::new(0, 0, 120, 40));
    state.own.around.is_unicode = true;
    state
}

fn drawn(state: &State) -> String {
    let mut terminal = Terminal::new(TestBackend::new(state.area.width, state.area.height)).unwrap();
    terminal.draw(|frame| view(state, frame)).unwrap();
    terminal.backend().to_string()
}

fn give(state: &mut State, read: Result<Settings, String>) -> Vec<Effect> {
    update(state, Msg::Settings(Box::new(read)))
}

fn press(state: &mut State, code: KeyCode) -> Vec<Effect> {
    let key = KeyEvent::new(code, KeyModifiers::NONE);
    update(state, Msg::Terminal(TerminalEvent::Key(key)))
}

#[test]
fn own_keys_are_used_and_shown_everywhere() {
    let mut state = state();
    let own = [
        ("generate", vec!["f9"]),
        ("back", vec!["f10"]),
        ("palette", vec!["f8"]),
        ("editor", vec![]),
    ];
    let own: HashMap<&str, Vec<String>> = own
        .into_iter()
        .map(|(name, keys)| (name, keys.into_iter().map(str::to_owned).collect()))
        .collect();
    let settings = Settings {
        keys: Keymap::new(own),
        ..Settings::default()
    };
    give(&mut state, Ok(settings));
    let text = drawn(&state);
    assert!(
        text.contains("F9 generate") && text.contains("then F9.") && !text.contains("editor"),
        "{text}"
    );
    let made = press(&mut state, KeyCode::F(9));
    assert!(matches!(made.first(), Some(Effect::Submit(_))), "{made:?}");
    let before = update(
        &mut state,
        Msg::Terminal(TerminalEvent::Key(KeyEvent::new(
            KeyCode::Char('s'),
            KeyModifiers::CONTROL,
        ))),
    );
    assert!(
        !before.iter().any(|effect| matches!(effect, Effect::Submit(_))),
        "{before:?}"
    );
    press(&mut state, KeyCode::F(8));
    "generate"
        .chars()
        .for_each(|c| drop(press(&mut state, KeyCode::Char(c))));
    assert!(drawn(&state).contains("generate          F9"), "{}", drawn(&state));
    press(&mut state, KeyCode::F(10));
    assert!(state.overlay.is_none(), "own keys of back close what is open");
    state.screen = Screen::Gallery;
    assert!(drawn(&state).contains("where F9 makes one"));
}

#[test]
fn a_wrong_file_is_told_until_it_is_mended_and_changes_nothing() {
    let mut state = state();
    let settings = Settings {
        mouse: false,
        theme: theme::Wish::None,
        ..Settings::default()
    };
    assert_eq!(give(&mut state, Ok(settings.clone())), [Effect::Mouse(false)]);
    assert_eq!(give(&mut state, Ok(settings.clone())), [], "it is as it was");
    assert_eq!(state.theme.name(), "none");
    give(
        &mut state,
        Err("tui.toml: line 3, column 1: there is no setting x\u{1b}.".to_owned()),
    );
    (0..9).for_each(|_| drop(update(&mut state, Msg::Tick)));
    let text = drawn(&state);
    assert!(
        text.contains("✗ tui.toml: line 3, column 1") && !text.contains('\u{1b}'),
        "{text}"
    );
    assert_eq!(state.own.settings, settings);
    give(&mut state, Err("y ".repeat(4000)));
    drawn(&state);
    give(&mut state, Ok(settings));
    assert!(!drawn(&state).contains('✗'));
}

#[rstest]
#[case(Side::Right, 64)]
#[case(Side::Left, 40)]
#[case(Side::Below, 120)]
fn the_picture_stands_where_it_is_wanted(#[case] picture: Side, #[case] prompt_width: u16) {
    for width in [60, 80, 100, 120, 300] {
        let mut state = state();
        state.area.width = width;
        let layout = Layout { picture, prompt_width };
        give(
            &mut state,
            Ok(Settings {
                layout,
                ..Settings::default()
            }),
        );
        let text = drawn(&state);
        let line = text.lines().find(|line| line.contains("No picture yet.")).unwrap();
        let column = line.chars().take_while(|c| *c != 'N').count();
        let prompt = text.lines().find(|line| line.contains("Prompt")).unwrap();
        let words = prompt.chars().take_while(|c| *c != 'P').count();
        let is_left = picture == Side::Left;
        assert_eq!(column < words, is_left, "{width}: {text}");
    }
}

fn job(state: JobState, ms: u64) -> Job {
    Job {
        id: id(),
        state,
        request: Default::default(),
        task: Task::Image(ImageTask::of("emoji", "a fox")),
        created_ms: 1,
        started_ms: Some(1000),
        finished_ms: Some(1000 + ms),
        attempts: 1,
        failure: None,
        pictures: vec![],
        priority: 0,
        held: false,
        position: None,
        progress: None,
        begins_s: None,
        output: None,
        deliveries: vec![],
    }
}

fn id() -> JobId {
    "01990000000070008000000000000001".parse().unwrap()
}

fn notices(wish: Wish, ended: JobState, ms: u64, is_seen: bool) -> Vec<Effect> {
    let mut state = state();
    let settings = Settings {
        notify: wish,
        notify_after: Duration::from_secs(20),
        ..Settings::default()
    };
    give(&mut state, Ok(settings));
    if !is_seen {
        update(&mut state, Msg::Terminal(TerminalEvent::FocusLost));
    }
    let change = StateChange {
        state: ended,
        failure: None,
    };
    let event = Event {
        seq: 1,
        of: Subject::Job(id()),
        kind: EventKind::State(change),
    };
    update(&mut state, Msg::Link(Link::Event(event)));
    let mut told = update(&mut state, Msg::Jobs(vec![job(ended, ms)]));
    // The same rows once more are no news.
    told.extend(update(&mut state, Msg::Jobs(vec![job(ended, ms)])));
    told.retain(|effect| matches!(effect, Effect::Notify(..)));
    told
}

#[test]
fn long_jobs_are_told_to_who_looks_elsewhere_and_the_bell_to_all() {
    let osc9 = Wish::In(Way::Osc9);
    let done = |way| vec![Effect::Notify(way, "Done: a fox".to_owned())];
    assert_eq!(notices(osc9, JobState::Done, 20_001, false), done(Way::Osc9));
    assert_eq!(notices(osc9, JobState::Done, 20_000, false), []);
    assert_eq!(notices(osc9, JobState::Done, 99_000, true), []);
    assert_eq!(
        notices(Wish::In(Way::Bell), JobState::Done, 99_000, true),
        done(Way::Bell)
    );
    assert_eq!(notices(Wish::Auto, JobState::Done, 99_000, false), done(Way::Bell));
    assert_eq!(notices(Wish::Off, JobState::Done, 99_000, false), []);
    assert_eq!(notices(osc9, JobState::Cancelled, 99_000, false), []);
    let failed = vec![Effect::Notify(Way::Osc9, "Failed: a fox".to_owned())];
    assert_eq!(notices(osc9, JobState::Failed, 99_000, false), failed);
}
