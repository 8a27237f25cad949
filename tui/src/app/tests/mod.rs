//! The whole client as a value: messages in, effects out, and what is drawn on a terminal that is a buffer. What needs a real terminal or
//! a daemon is tested at the product's doors.

mod commands;
mod create;
mod gallery;
mod hostile;
mod look;
mod system;

use crossterm::event::{
    Event as TerminalEvent, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use darkroom_protocol::event::{LineStatus, StateChange};
use darkroom_protocol::history::{Entry, EntryDetail, HistoryChange, What};
use darkroom_protocol::message::client::{FoundModel, Place};
use darkroom_protocol::message::history::Album;
use darkroom_protocol::{
    Event, EventKind, Failure, FailureKind, ImageTask, Job, JobId, JobState, ModelCard, ModelSource, Phase, Prediction,
    Preview, Progress, Sampler, Schedule, Subject, Task,
};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;

use super::commands::{Act, COMMANDS};
use super::mask::task;
use super::msg::{Deed, Effect, For, Link, Msg};
use super::pictures::{Key, Source};
use super::state::{Overlay, Screen, State};
use super::update::{act, update};
use super::view::view;
use super::world::Daemon;
use crate::app::own::theme::Theme;
use crate::app::pictures::cut::Of;
use crate::app::pictures::zoom::Part;
use crate::graphics::pane::Ready;

pub fn state(width: u16, height: u16) -> State {
    let mut state = State::new(Theme::of(&|_| None, true), Rect::new(0, 0, width, height));
    state.world.daemon = Daemon::There;
    state
}

pub fn drawn(state: &State) -> String {
    let mut terminal = Terminal::new(TestBackend::new(state.area.width, state.area.height)).unwrap();
    terminal.draw(|frame| view(state, frame)).unwrap();
    let buffer = terminal.backend().buffer();
    let mut text = String::new();
    for y in 0..state.area.height {
        let mut line = String::new();
        // A wide character takes the cell behind it too.
        let mut skip = 0;
        for x in 0..state.area.width {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let symbol = buffer[(x, y)].symbol();
            skip = unicode_width::UnicodeWidthStr::width(symbol).saturating_sub(1);
            line.push_str(symbol);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

pub fn press(state: &mut State, code: KeyCode, held: KeyModifiers) -> Vec<Effect> {
    update(state, Msg::Terminal(TerminalEvent::Key(KeyEvent::new(code, held))))
}

pub fn ctrl(state: &mut State, key: char) -> Vec<Effect> {
    press(state, KeyCode::Char(key), KeyModifiers::CONTROL)
}

pub fn key(state: &mut State, key: char) -> Vec<Effect> {
    press(state, KeyCode::Char(key), KeyModifiers::NONE)
}

pub fn typed(state: &mut State, text: &str) {
    text.chars().for_each(|c| drop(key(state, c)));
}

pub fn job(number: u128, prompt: &str, in_state: JobState) -> Job {
    let mut task = ImageTask::of("emoji", prompt);
    task.size.batch = 2;
    Job {
        id: id(number),
        state: in_state,
        request: Default::default(),
        task: Task::Image(task),
        created_ms: 1,
        started_ms: Some(1_000),
        finished_ms: in_state.is_final().then_some(3_500),
        attempts: 1,
        failure: (in_state == JobState::Failed).then(|| Failure {
            kind: FailureKind::Disk,
            message: "The disk is full.".to_owned(),
        }),
        pictures: vec![],
        priority: 0,
        held: false,
        position: None,
        progress: None,
        begins_s: (in_state == JobState::Queued).then_some(42.0),
        output: None,
        deliveries: vec![],
    }
}

pub fn id(number: u128) -> JobId {
    format!("{:032x}", 0x0199_0000_0000_7000_8000_0000_0000_0000u128 + number)
        .parse()
        .unwrap()
}

pub fn entries(many: u64) -> Vec<Entry> {
    let one = |id: u64| Entry {
        id,
        sha256: format!("{id:064x}"),
        path: format!("/p/{id}.png"),
        width: 512,
        height: 512,
        created_ms: id * 1000,
        prompt: format!("picture {id} \x1b[2J"),
        model: "emoji".to_owned(),
        seed: Some(id),
        starred: id == 3,
        missing: id == 2,
        ..Entry::default()
    };
    (1..=many).rev().map(one).collect()
}

pub fn event(of: Subject, kind: EventKind) -> Msg {
    Msg::Link(Link::Event(Event { seq: 1, of, kind }))
}

/// A model of 512 × 512.
pub fn card() -> ModelCard {
    ModelCard {
        name: "emoji".to_owned(),
        family: "Stable Diffusion 1.x".to_owned(),
        source: ModelSource::Embedded("emoji".to_owned()),
        vae_factor: 8,
        width: 512,
        height: 512,
        steps: 25,
        cfg_scale: 7.5,
        distilled_cfg_scale: None,
        sampler: Sampler::Ddim,
        schedule: Schedule::Auto,
        prediction: Prediction::default(),
        upscaler: "none".to_owned(),
        task: darkroom_protocol::ModelTask::Generate,
        lacks: Vec::new(),
        bytes: 38_000_000,
        notice: None,
    }
}

/// What a client shows that has some of everything.
pub fn full(width: u16, height: u16) -> State {
    let mut state = state(width, height);
    let jobs = vec![
        job(1, "a lighthouse in a storm", JobState::Running),
        job(2, "a fox in the snow", JobState::Queued),
        job(3, "夜の海", JobState::Queued),
        job(4, "it failed \x1b]0;x\x07", JobState::Failed),
        job(5, "it was done", JobState::Done),
    ];
    update(&mut state, Msg::Jobs(jobs));
    let progress = Progress {
        phase: Phase::Denoise,
        image: 0,
        images: 2,
        step: 10,
        steps: 20,
        sigma: Some(1.93),
        step_s: Some(0.5),
        eta_s: Some(12.0),
    };
    update(&mut state, event(id(1).into(), EventKind::Progress(progress)));
    let line = LineStatus {
        queued: 2,
        ..LineStatus::default()
    };
    update(&mut state, event(Subject::Queue, EventKind::Line(line)));
    let model = |name: &str, problem: &str| FoundModel {
        name: name.to_owned(),
        source: ModelSource::Embedded(name.to_owned()),
        family: "Stable Diffusion 1.x".to_owned(),
        bytes: 38_000_000,
        problem: problem.to_owned(),
        default: name == "emoji",
        resident: vec![],
    };
    update(
        &mut state,
        Msg::Models(vec![
            model("emoji", ""),
            model("sd15", ""),
            model("broken", "it has no VAE"),
        ]),
    );
    show(&mut state, entries(5));
    state
}

/// The gallery has these pictures.
fn show(state: &mut State, pictures: Vec<Entry>) {
    let album = Album {
        total: Some(pictures.len() as u64),
        pictures,
        next: None,
    };
    let asked = state.gallery.begin();
    let Some(Effect::Page(number, _)) = asked.first() else {
        panic!("{asked:?}")
    };
    update(state, Msg::Page(*number, album));
}

#[test]
fn every_screen_at_three_sizes() {
    for (width, height) in [(80, 24), (120, 40)] {
        for screen in Screen::ALL {
            let mut state = full(width, height);
            act(&mut state, Act::Go(screen));
            insta::assert_snapshot!(format!("{}_{width}", screen.title().to_lowercase()), drawn(&state));
        }
    }
    let state = full(40, 10);
    let told = drawn(&state).replace('\n', " ");
    assert!(told.contains("60 × 20"), "{told}");
}

#[test]
fn nothing_that_is_shown_drives_a_terminal() {
    for screen in Screen::ALL {
        let mut state = full(120, 40);
        state.screen = screen;
        let text = drawn(&state);
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{screen:?}");
    }
}

#[test]
fn a_prompt_is_typed_and_made() {
    let mut state = state(120, 40);
    typed(&mut state, "a red fox");
    press(&mut state, KeyCode::Tab, KeyModifiers::NONE);
    typed(&mut state, "blurry?");
    let effects = ctrl(&mut state, 's');
    let Some(Effect::Submit(request)) = effects.first() else {
        panic!("{effects:?}")
    };
    assert_eq!(request.prompt.as_deref(), Some("a red fox"));
    assert_eq!(
        request.negative_prompt.as_deref(),
        Some("blurry?"),
        "a command's key is text where text is written"
    );
    assert!(state.overlay.is_none());
    // What is written is kept.
    let kept = update(
        &mut state,
        Msg::Terminal(TerminalEvent::Paste("\r\nmore\x1b[2J".to_owned())),
    );
    let Some(Effect::Keep(text)) = kept.iter().find(|effect| matches!(effect, Effect::Keep(_))) else {
        panic!("{kept:?}")
    };
    assert!(text.contains("blurry?\\nmore[2J"), "{text}");
}

#[test]
fn a_megabyte_that_is_pasted_is_text() {
    let mut state = state(120, 40);
    update(&mut state, Msg::Terminal(TerminalEvent::Paste("fox ".repeat(250_000))));
    drawn(&state);
    let effects = ctrl(&mut state, 's');
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Submit(_))));
    let told = drawn(&state);
    assert!(told.contains("1000000 bytes") && told.contains("65536"), "{told}");
}

#[test]
fn jobs_are_ordered_about_by_keys() {
    let mut state = full(120, 40);
    act(&mut state, Act::Go(Screen::Queue));
    let deeds = |effects: Vec<Effect>| -> Vec<Deed> {
        effects
            .into_iter()
            .filter_map(|effect| {
                if let Effect::Do(deed) = effect {
                    Some(deed)
                } else {
                    None
                }
            })
            .collect()
    };
    assert_eq!(deeds(key(&mut state, 'x')), [], "one that runs is asked about");
    assert!(drawn(&state).contains("End gggggggh: a lighthouse in a storm?"));
    assert_eq!(
        deeds(press(&mut state, KeyCode::Enter, KeyModifiers::NONE)),
        [],
        "the answer is no"
    );
    key(&mut state, 'x');
    key(&mut state, 'y');
    assert_eq!(
        deeds(press(&mut state, KeyCode::Enter, KeyModifiers::NONE)),
        [Deed::Cancel(id(1))]
    );
    key(&mut state, 'j');
    assert_eq!(deeds(key(&mut state, '+')), [Deed::Priority(id(2), 1)]);
    assert_eq!(deeds(key(&mut state, '-')), [Deed::Priority(id(2), -1)]);
    let third = id(3).to_string();
    assert_eq!(deeds(key(&mut state, 'J')), [Deed::Move(id(2), Place::After(third))]);
    assert_eq!(deeds(key(&mut state, 'K')), [], "nothing that waits is above it");
    assert_eq!(deeds(key(&mut state, 'h')), [Deed::Hold(id(2), true)]);
    assert_eq!(deeds(key(&mut state, 'R')), []);
    key(&mut state, 'j');
    key(&mut state, 'j');
    assert_eq!(deeds(key(&mut state, 'R')), [Deed::Retry(id(4))]);
    press(&mut state, KeyCode::Enter, KeyModifiers::NONE);
    assert!(drawn(&state).contains("The disk is full."));
    assert_eq!(deeds(key(&mut state, 'P')), [Deed::Pause(true)]);
    assert_eq!(deeds(key(&mut state, 'C')), []);
    assert!(drawn(&state).contains("Take 2 ended jobs off the list?"));
    press(&mut state, KeyCode::Down, KeyModifiers::NONE);
    assert_eq!(
        deeds(press(&mut state, KeyCode::Enter, KeyModifiers::NONE)),
        [Deed::Clear]
    );
}

#[test]
fn a_gallery_is_walked_through_and_changed() {
    let mut state = full(120, 40);
    act(&mut state, Act::Go(Screen::Gallery));
    assert_eq!(
        key(&mut state, 'f').first(),
        Some(&Effect::Do(Deed::Star(vec![5], true)))
    );
    key(&mut state, ' ');
    key(&mut state, ' ');
    assert!(drawn(&state).contains("2 selected"));
    assert!(key(&mut state, 'd').is_empty(), "more than one is asked about");
    assert!(drawn(&state).contains("Put 2 pictures into the trash?"));
    key(&mut state, 'y');
    let trashed = press(&mut state, KeyCode::Enter, KeyModifiers::NONE);
    assert_eq!(trashed.first(), Some(&Effect::Do(Deed::Trash(vec![5, 4], true))));
    assert_eq!(
        key(&mut state, 'u').first(),
        Some(&Effect::Do(Deed::Trash(vec![5, 4], false)))
    );
    assert_eq!(key(&mut state, 'y').first(), Some(&Effect::Detail(3, For::Command)));
    key(&mut state, 't');
    assert!(matches!(state.overlay, Some(Overlay::Ask(_))));
    typed(&mut state, "Sea, night");
    let tagged = press(&mut state, KeyCode::Enter, KeyModifiers::NONE);
    let tags = vec!["sea".to_owned(), "night".to_owned()];
    assert_eq!(tagged.first(), Some(&Effect::Do(Deed::Tag(vec![3], tags))));
    key(&mut state, '/');
    typed(&mut state, "fox -q");
    let asked = press(&mut state, KeyCode::Enter, KeyModifiers::NONE);
    assert!(
        matches!(asked.first(), Some(Effect::Page(_, look)) if look.query == "fox -q"),
        "{asked:?}"
    );
    // An answer to the search before comes too late.
    let late = Album {
        pictures: entries(9),
        ..Album::default()
    };
    update(&mut state, Msg::Page(0, late));
    assert!(!drawn(&state).contains("picture 9"));
}

#[test]
fn pictures_that_come_and_go_are_followed() {
    let mut state = full(120, 40);
    act(&mut state, Act::Go(Screen::Gallery));
    let change = |what, pictures| event(Subject::History, EventKind::History(HistoryChange { what, pictures }));
    update(&mut state, change(What::Removed, vec![5]));
    assert!(!drawn(&state).contains("picture 5"));
    let asked = update(&mut state, change(What::Changed, vec![4]));
    assert!(asked.contains(&Effect::Detail(4, For::Refresh)));
    let pages = |effects: &[Effect]| {
        effects
            .iter()
            .filter(|effect| matches!(effect, Effect::Page(..)))
            .count()
    };
    let asked = update(&mut state, change(What::Added, vec![6]));
    assert_eq!(pages(&asked), 1);
    // However many come meanwhile, it is asked for once more.
    (7..20).for_each(|id| assert_eq!(pages(&update(&mut state, change(What::Added, vec![id]))), 0));
    let Some(Effect::Page(number, _)) = asked.into_iter().find(|effect| matches!(effect, Effect::Page(..))) else {
        panic!("asked");
    };
    let album = Album {
        pictures: entries(4),
        ..Album::default()
    };
    assert_eq!(pages(&update(&mut state, Msg::Page(number, album))), 1);
    assert!(
        drawn(&state).contains("picture 4"),
        "what is there stays until the answer comes"
    );
}

#[test]
fn commands_are_found_by_a_part_of_their_names() {
    let mut state = full(120, 40);
    ctrl(&mut state, 'p');
    typed(&mut state, "gall");
    insta::assert_snapshot!("palette", drawn(&state));
    press(&mut state, KeyCode::Enter, KeyModifiers::NONE);
    assert_eq!(state.screen, Screen::Gallery);
    key(&mut state, '?');
    assert!(drawn(&state).contains("Keys of Gallery"));
    press(&mut state, KeyCode::Esc, KeyModifiers::NONE);
    assert!(state.overlay.is_none());
}

#[test]
fn a_daemon_that_goes_is_said_and_keeps_nothing_from_being_written() {
    let mut state = full(120, 40);
    update(&mut state, Msg::Link(Link::Away("it died".to_owned())));
    assert!(drawn(&state).contains("the daemon is away") && drawn(&state).contains("it died"));
    typed(&mut state, "still here");
    assert!(drawn(&state).contains("still here"));
}

#[test]
fn a_picture_in_the_making_is_asked_for_once_at_a_time() {
    let mut state = full(120, 40);
    let preview = |step| {
        let preview = Preview {
            image: 0,
            step,
            width: 1,
            height: 1,
            rgb: vec![1, 2, 3],
        };
        event(id(1).into(), EventKind::Preview(preview))
    };
    let made = |effects: Vec<Effect>| {
        effects
            .into_iter()
            .filter(|effect| matches!(effect, Effect::Make(_)))
            .count()
    };
    assert_eq!(made(update(&mut state, preview(1))), 1);
    assert_eq!(made(update(&mut state, preview(2))), 0);
    assert_eq!(made(update(&mut state, preview(3))), 0);
    let (key, _) = state.pictures_shown().remove(0);
    assert_eq!(made(update(&mut state, Msg::Made(key, None))), 0, "that is the newest");
    let done = StateChange {
        state: JobState::Done,
        failure: None,
    };
    update(&mut state, event(id(1).into(), EventKind::State(done)));
    assert!(state.pictures.preview().is_none());
}

#[test]
fn the_mouse_reaches_tabs_hints_and_rows() {
    let mut state = full(120, 40);
    let click = |state: &mut State, column, row| {
        let mouse = MouseEvent {
            kind: MouseEventKind::Down(MouseButton::Left),
            column,
            row,
            modifiers: KeyModifiers::NONE,
        };
        update(state, Msg::Terminal(TerminalEvent::Mouse(mouse)))
    };
    let text = drawn(&state);
    let at = text.lines().next().unwrap().find("Gallery").unwrap() as u16;
    click(&mut state, at + 1, 0);
    assert_eq!(state.screen, Screen::Gallery);
    click(&mut state, 20, 5);
    assert!(drawn(&state).lines().count() > 20);
    act(&mut state, Act::Go(Screen::Queue));
    click(&mut state, 5, 3);
    assert_eq!(key(&mut state, 'h').first(), Some(&Effect::Do(Deed::Hold(id(2), true))));
    let hints = drawn(&state).lines().last().unwrap().to_owned();
    let at = hints.chars().position(|c| c == '?').unwrap() as u16;
    click(&mut state, at, 39);
    assert!(matches!(state.overlay, Some(Overlay::Help(_))));
}

/// A thousand sizes, and keys of every kind between them.
#[test]
fn nothing_that_is_pressed_or_resized_makes_it_panic() {
    let mut state = full(120, 40);
    let mut seed = 7u64;
    let mut chance = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % below
    };
    let names: Vec<&str> = COMMANDS.iter().flat_map(|command| command.keys).copied().collect();
    for n in 0..3000 {
        match chance(4) {
            0 => {
                let (width, height) = (chance(220) as u16, chance(70) as u16);
                update(&mut state, Msg::Terminal(TerminalEvent::Resize(width, height)));
            }
            1 => drop(update(
                &mut state,
                Msg::Terminal(TerminalEvent::Paste("x\n夜\u{202e}".to_owned())),
            )),
            _ => {
                let name = names[chance(names.len() as u64) as usize];
                let (name, held) = match name.split_once('-') {
                    Some(("ctrl", rest)) => (rest, KeyModifiers::CONTROL),
                    Some(("alt", rest)) => (rest, KeyModifiers::ALT),
                    Some(("shift", rest)) => (rest, KeyModifiers::SHIFT),
                    _ => (name, KeyModifiers::NONE),
                };
                let code = match name {
                    "enter" => KeyCode::Enter,
                    "tab" => KeyCode::Tab,
                    "esc" => KeyCode::Esc,
                    "up" => KeyCode::Up,
                    "down" => KeyCode::Down,
                    "left" => KeyCode::Left,
                    "right" => KeyCode::Right,
                    "home" => KeyCode::Home,
                    "end" => KeyCode::End,
                    "pageup" => KeyCode::PageUp,
                    "pagedown" => KeyCode::PageDown,
                    "space" => KeyCode::Char(' '),
                    name => KeyCode::Char(name.chars().next().unwrap()),
                };
                press(&mut state, code, held);
            }
        }
        if n % 3 == 0 && state.area.width > 0 && state.area.height > 0 {
            drawn(&state);
        }
    }
}
