//! Text of strangers on every screen: escape sequences, text that runs from right to left, characters of many code points, a megabyte in
//! one line. No cell holds anything that a terminal obeys or that turns its neighbours, and every cell is as wide as the frame has it.

use std::time::{Duration, Instant};

use crossterm::event::{Event as TerminalEvent, KeyCode, KeyModifiers};
use darkroom_protocol::history::EntryDetail;
use darkroom_protocol::message::client::{FoundModel, Submitted};
use darkroom_protocol::message::history::Album;
use darkroom_protocol::{
    EventKind, Failure, FailureKind, GenerateRequest, JobState, ModelSource, Subject, WorkerState,
};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use rstest::rstest;
use unicode_width::UnicodeWidthStr as _;

use crate::app::commands::Act;
use crate::app::draft::Draft;
use crate::app::msg::{Effect, For, Link, Msg};
use crate::app::prompts::Prompts;
use crate::app::state::{Screen, State};
use crate::app::tests::system::{answer, worker};
use crate::app::tests::{ctrl, entries, event, full, job, key, press};
use crate::app::update::{act, update};
use crate::app::view::view;

const ESCAPES: &str = "\x1b]0;owned\x07\x1b[2J\x1bPq\x1b\\\x1b_Ga=d\x1b\\\u{9b}31m\0\x7f\r\n\tx";
const TURNED: &str = "fox\u{202e}gnp.\u{202c}\u{2066}x\u{2069}\u{200e}\u{200f}\u{61c}\u{2028}\u{2029}שלום مرحبا";
const JOINED: &str = "👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿🇩🇪❤️e\u{301}\u{200d}\u{200b}\u{feff}\u{ad}ก็้้﷽夜한\u{1100}\u{1161}x";

fn marks() -> String {
    format!("z{}", "\u{301}\u{489}".repeat(300))
}

/// Every cell is harmless and as wide as it is meant to be.
#[track_caller]
fn check(state: &State, what: &str) {
    let mut terminal = Terminal::new(TestBackend::new(state.area.width, state.area.height)).unwrap();
    terminal.draw(|frame| view(state, frame)).unwrap();
    let buffer = terminal.backend().buffer();
    for y in 0..state.area.height {
        let mut x = 0;
        while x < state.area.width {
            let symbol = buffer[(x, y)].symbol();
            let is_turning = |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            assert!(
                !symbol.chars().any(|c| c.is_control() || is_turning(c)),
                "{what}: {symbol:?} at {x}, {y}"
            );
            assert!(
                symbol.chars().count() <= 16,
                "{what}: {} code points",
                symbol.chars().count()
            );
            let width = symbol.width();
            assert!((1..=2).contains(&width), "{what}: {symbol:?} at {x}, {y}");
            assert!(x + width as u16 <= state.area.width, "{what}: {symbol:?} at {x}, {y}");
            x += width as u16;
        }
    }
}

/// A client that has been told this of everything.
fn told(text: &str) -> State {
    let mut state = full(120, 40);
    state.world.host = Some(text.to_owned());
    let mut failed = job(4, text, JobState::Failed);
    failed.failure = Some(Failure {
        kind: FailureKind::Disk,
        message: text.to_owned(),
    });
    let jobs = vec![
        job(1, text, JobState::Running),
        job(2, text, JobState::Queued),
        failed,
        job(5, text, JobState::Done),
    ];
    update(&mut state, Msg::Jobs(jobs));
    let model = |problem: &str| FoundModel {
        name: text.to_owned(),
        source: ModelSource::Embedded(text.to_owned()),
        family: text.to_owned(),
        bytes: 1,
        problem: problem.to_owned(),
        default: false,
        resident: vec![text.to_owned()],
    };
    update(&mut state, Msg::Models(vec![model(""), model(text)]));
    let mut busy = worker(WorkerState::Idle, true);
    text.clone_into(&mut busy.device);
    text.clone_into(&mut busy.devices[0].label);
    text.clone_into(&mut busy.resident.models[0].name);
    update(&mut state, event(Subject::Worker(0), EventKind::Worker(busy)));
    let asked = state.gallery.begin();
    for effect in asked {
        let Effect::Page(number, _) = effect else { continue };
        let mut pictures = entries(5);
        for entry in &mut pictures {
            for field in [&mut entry.prompt, &mut entry.model, &mut entry.path] {
                text.clone_into(field);
            }
            entry.tags = vec![text.to_owned()];
            entry.writer = Some(text.to_owned());
        }
        let album = Album {
            pictures,
            ..Album::default()
        };
        update(&mut state, Msg::Page(number, album));
    }
    state
}

fn detail(state: &State, text: &str) -> EntryDetail {
    let Some(entry) = entries(5).into_iter().next() else {
        panic!("none of {:?}", state.screen)
    };
    let request = GenerateRequest {
        prompt: Some(text.to_owned()),
        negative_prompt: Some(text.to_owned()),
        model: Some(text.to_owned()),
        ..GenerateRequest::default()
    };
    EntryDetail {
        entry: darkroom_protocol::history::Entry {
            prompt: text.to_owned(),
            path: text.to_owned(),
            tags: vec![text.to_owned()],
            ..entry
        },
        request: request.clone(),
        again: request,
        others: vec![(text.to_owned(), text.to_owned())],
        elapsed_ms: None,
        model_file: None,
    }
}

#[rstest]
#[case::escapes(ESCAPES.to_owned())]
#[case::turned(TURNED.to_owned())]
#[case::joined(JOINED.to_owned())]
#[case::marks(marks())]
#[case::all(format!("{JOINED}{TURNED}{ESCAPES}").repeat(20))]
fn what_is_told_is_shown_harmlessly(#[case] text: String) {
    let text = text.as_str();
    for screen in Screen::ALL {
        let mut state = told(text);
        let asked = act(&mut state, Act::Go(screen));
        if screen == Screen::System {
            answer(
                &mut state,
                &asked,
                vec![text.to_owned(), format!("2026-11-30T17:56:01.123+01:00 WARN {text}")],
            );
        }
        check(&state, "the screen");
        press(&mut state, KeyCode::Enter, KeyModifiers::NONE);
        check(&state, "what was opened");
        let shown = detail(&state, text);
        update(&mut state, Msg::Detail(Box::new(shown), For::Show));
        key(&mut state, 'p');
        check(&state, "its parameters");
        for question in ["x", "d", "t", "U", "C"] {
            let mut state = told(text);
            act(&mut state, Act::Go(screen));
            key(&mut state, question.chars().next().unwrap());
            check(&state, question);
        }
        update(&mut state, Msg::Failed(text.to_owned()));
        update(&mut state, Msg::Done(text.to_owned()));
        update(
            &mut state,
            event(Subject::Settings, EventKind::Warning(text.to_owned())),
        );
        check(&state, "what is said");
        state.own.complaint = Some(text.to_owned());
        check(&state, "what is wrong with the settings");
        update(&mut state, Msg::Link(Link::Away(text.to_owned())));
        check(&state, "the daemon is away");
    }
}

#[rstest]
#[case::escapes(ESCAPES.to_owned())]
#[case::turned(TURNED.to_owned())]
#[case::joined(JOINED.to_owned())]
#[case::marks(marks())]
fn what_is_written_is_shown_harmlessly(#[case] text: String) {
    let text = text.as_str();
    let pasted = |state: &mut State| {
        update(state, Msg::Terminal(TerminalEvent::Paste(text.to_owned())));
        // As keys, as a terminal may send them.
        for c in text.chars() {
            key(state, c);
        }
    };
    for fields in 0..12 {
        let mut state = full(120, 40);
        (0..fields).for_each(|_| drop(press(&mut state, KeyCode::Tab, KeyModifiers::NONE)));
        pasted(&mut state);
        check(&state, "a field of Create");
        press(&mut state, KeyCode::Enter, KeyModifiers::NONE);
        pasted(&mut state);
        check(&state, "a question of Create");
    }
    let mut state = full(120, 40);
    update(&mut state, Msg::Edited(text.to_owned()));
    check(&state, "from an editor");
    let prompt = Draft {
        prompt: text.to_owned(),
        negative: text.to_owned(),
        ..Draft::default()
    };
    state.create.restore(prompt);
    check(&state, "a draft");
    let mut prompts = Prompts::default();
    prompts.sent(text);
    state.create.remember(prompts);
    press(&mut state, KeyCode::Up, KeyModifiers::ALT);
    check(&state, "a prompt from before");
    let picture = detail(&state, text);
    update(&mut state, Msg::Detail(Box::new(picture), For::Vary));
    check(&state, "what made a picture");
    for screen in [Screen::Gallery, Screen::System] {
        act(&mut state, Act::Go(screen));
        key(&mut state, '/');
        pasted(&mut state);
        check(&state, "a line that is searched by");
    }
    ctrl(&mut state, 'p');
    pasted(&mut state);
    check(&state, "the palette");
    state.overlay = None;
    update(&mut state, Msg::Listed("?".to_owned(), vec![text.to_owned()]));
    update(&mut state, Msg::Found(entries(3)));
    check(&state, "pictures to choose from");
}

#[test]
fn a_notice_of_a_job_says_nothing_that_a_terminal_obeys() {
    let mut state = full(120, 40);
    let submitted = Submitted {
        notice: Some(ESCAPES.to_owned()),
        complaint: Some(TURNED.to_owned()),
        ..submitted()
    };
    update(&mut state, Msg::Submitted(submitted));
    check(&state, "a notice");
    assert!(state.overlay.is_none());
}

fn submitted() -> Submitted {
    Submitted {
        job: crate::app::tests::id(1),
        position: 0,
        model: String::new(),
        notice: None,
        hint: None,
        delivers: false,
        complaint: None,
    }
}

/// A megabyte is told of in every place, and the next key is seen soon all the same.
#[test]
fn a_megabyte_in_one_line_freezes_nothing() {
    for text in [
        "fox ".repeat(250_000),
        "夜".repeat(350_000),
        format!("z{}", "\u{301}".repeat(500_000)),
    ] {
        let mut state = told(&text);
        for screen in Screen::ALL {
            let begun = Instant::now();
            act(&mut state, Act::Go(screen));
            key(&mut state, 'x');
            check(&state, "a megabyte");
            let took = begun.elapsed();
            assert!(took < Duration::from_secs(30), "{screen:?}: {took:?}");
        }
    }
}
