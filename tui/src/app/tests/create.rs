//! Create as the whole client shows it: files for parameters, prompts that were sent before, what was written taken back, and pictures with
//! which to begin.

use crossterm::event::{KeyCode, KeyModifiers};
use darkroom_protocol::GenerateRequest;
use darkroom_protocol::history::Entry;
use darkroom_protocol::message::client::TokenCount;

use crate::app::commands::Act;
use crate::app::draft::Draft;
use crate::app::given::Given;
use crate::app::msg::{Effect, For, Link, Msg};
use crate::app::prompts::Prompts;
use crate::app::state::{Overlay, Screen, State};
use crate::app::tests::{card, ctrl, drawn, full, key, press, typed};
use crate::app::update::{act, update};
use crate::app::world::Daemon;

/// Goes to the row of the form that has this name.
fn go_to(state: &mut State, label: &str) {
    for _ in 0..40 {
        press(state, KeyCode::Tab, KeyModifiers::NONE);
        let text = drawn(state);
        // The row's help is in the form's last line.
        if text.contains(label) {
            return;
        }
    }
    panic!("{label} is no row:\n{}", drawn(state));
}

const INIT_IMAGE: &str = "A picture to begin with instead of noise.";

fn submitted(effects: &[Effect]) -> (GenerateRequest, Vec<(String, Given)>) {
    match effects.first() {
        Some(Effect::SubmitWith(request, files)) => (request.clone(), files.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_path_is_typed_and_completed() {
    let mut state = full(120, 40);
    go_to(&mut state, INIT_IMAGE);
    typed(&mut state, "~/p");
    let asked = press(&mut state, KeyCode::Tab, KeyModifiers::NONE);
    assert!(asked.contains(&Effect::List("~/".to_owned())), "{asked:?}");
    let entries = ["pictures/", "old/", "pile.png"].map(str::to_owned).to_vec();
    update(&mut state, Msg::Listed("~/".to_owned(), entries));
    insta::assert_snapshot!("choose_a_file", drawn(&state));
    let asked = press(&mut state, KeyCode::Enter, KeyModifiers::NONE);
    assert!(
        asked.contains(&Effect::List("~/pictures/".to_owned())),
        "into the folder: {asked:?}"
    );
    // What comes of another folder is too late.
    update(&mut state, Msg::Listed("~/".to_owned(), vec!["late.png".to_owned()]));
    assert!(!drawn(&state).contains("late.png"));
    update(
        &mut state,
        Msg::Listed(
            "~/pictures/".to_owned(),
            vec!["fox.png".to_owned(), "sea.png".to_owned()],
        ),
    );
    typed(&mut state, "s");
    press(&mut state, KeyCode::Enter, KeyModifiers::NONE);
    assert!(state.overlay.is_none() && drawn(&state).contains("~/pictures/sea.png"));
    let (request, files) = submitted(&ctrl(&mut state, 's'));
    assert_eq!(request.init_image, None, "the file's hash is known when it is read");
    assert_eq!(
        files,
        [("init_image".to_owned(), Given::Path("~/pictures/sea.png".to_owned()))]
    );
    press(&mut state, KeyCode::Backspace, KeyModifiers::NONE);
    assert!(matches!(ctrl(&mut state, 's').first(), Some(Effect::Submit(_))));
}

#[test]
fn a_file_that_was_given_outlives_the_client() {
    let mut state = full(120, 40);
    go_to(&mut state, INIT_IMAGE);
    typed(&mut state, "'/a b.png'");
    let kept = press(&mut state, KeyCode::Enter, KeyModifiers::NONE);
    let text = kept.iter().find_map(|effect| match effect {
        Effect::Keep(text) => Some(text.clone()),
        _ => None,
    });
    let mut again = full(120, 40);
    again.create.restore(Draft::from_json(&text.unwrap()));
    let (_, files) = submitted(&ctrl(&mut again, 's'));
    assert_eq!(files, [("init_image".to_owned(), Given::Path("/a b.png".to_owned()))]);
}

#[test]
fn a_picture_of_the_gallery_is_what_one_begins_with() {
    let mut state = full(120, 40);
    act(&mut state, Act::Go(Screen::Gallery));
    key(&mut state, 'i');
    assert_eq!(state.screen, Screen::Create);
    let (_, files) = submitted(&ctrl(&mut state, 's'));
    assert!(matches!(&files[..], [(name, Given::Picture { path, .. })] if name == "init_image" && path == "/p/5.png"));
    // Where no worker can, it is not there.
    state.world.capabilities = vec!["nothing".to_owned()];
    act(&mut state, Act::Go(Screen::Gallery));
    key(&mut state, 'i');
    assert_eq!(state.screen, Screen::Gallery);
}

#[test]
fn prompts_that_were_sent_come_back() {
    let mut state = full(120, 40);
    typed(&mut state, "first");
    let kept = ctrl(&mut state, 's');
    assert!(
        kept.contains(&Effect::KeepPrompts("[\"first\"]".to_owned())),
        "{kept:?}"
    );
    typed(&mut state, " and second");
    ctrl(&mut state, 's');
    assert!(
        !ctrl(&mut state, 's')
            .iter()
            .any(|effect| matches!(effect, Effect::KeepPrompts(_))),
        "each once"
    );
    typed(&mut state, "!");
    let prompt = |state: &State| state.create.request().prompt.unwrap();
    press(&mut state, KeyCode::Up, KeyModifiers::NONE);
    assert_eq!(prompt(&state), "first and second");
    press(&mut state, KeyCode::Up, KeyModifiers::ALT);
    assert_eq!(prompt(&state), "first");
    press(&mut state, KeyCode::Down, KeyModifiers::NONE);
    press(&mut state, KeyCode::Down, KeyModifiers::ALT);
    assert_eq!(prompt(&state), "first and second!");
    state.create.remember(Prompts::from_json("[\"two\\nlines\"]"));
    press(&mut state, KeyCode::Up, KeyModifiers::NONE);
    assert_eq!(prompt(&state), "two\nlines");
    press(&mut state, KeyCode::Up, KeyModifiers::NONE);
    assert_eq!(prompt(&state), "two\nlines", "up is up within the prompt");
    // One prompt went, the other came.
    press(&mut state, KeyCode::Char('z'), KeyModifiers::ALT);
    press(&mut state, KeyCode::Char('z'), KeyModifiers::ALT);
    assert_eq!(prompt(&state), "first and second!");
}

#[test]
fn what_was_written_is_taken_back_and_written_again() {
    let mut state = full(120, 40);
    typed(&mut state, "fox");
    press(&mut state, KeyCode::Char('z'), KeyModifiers::ALT);
    let after = state.create.request().prompt.unwrap();
    assert!(after.len() < 3, "{after}");
    press(&mut state, KeyCode::Char('y'), KeyModifiers::ALT);
    assert_eq!(state.create.request().prompt.as_deref(), Some("fox"));
}

#[test]
fn a_picture_is_found_by_its_prompt() {
    let mut state = full(120, 40);
    assert_eq!(ctrl(&mut state, 'f').first(), Some(&Effect::Find));
    let entry = |id, prompt: &str| Entry {
        id,
        prompt: prompt.to_owned(),
        ..Entry::default()
    };
    update(
        &mut state,
        Msg::Found(vec![
            entry(7, "a fox # in the snow \x1b[2J"),
            entry(3, "a lighthouse in a storm"),
        ]),
    );
    typed(&mut state, "lstorm");
    assert!(drawn(&state).contains("a lighthouse in a storm #3"));
    let asked = press(&mut state, KeyCode::Enter, KeyModifiers::NONE);
    assert_eq!(asked.first(), Some(&Effect::Detail(3, For::Vary)));
    // Who has gone on is not interrupted.
    act(&mut state, Act::Go(Screen::Queue));
    update(&mut state, Msg::Found(vec![entry(7, "a fox")]));
    assert!(!matches!(state.overlay, Some(Overlay::Ask(_))));
}

#[test]
fn sizes_are_shapes_and_short_fields_stand_side_by_side() {
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
        let mut state = full(width, height);
        update(&mut state, Msg::Card(Box::new(card())));
        go_to(&mut state, "Width and height, as 512x768");
        press(&mut state, KeyCode::Right, KeyModifiers::NONE);
        press(&mut state, KeyCode::Char('x'), KeyModifiers::ALT);
        insta::assert_snapshot!(format!("form_{width}"), drawn(&state));
        let request = state.create.request();
        assert_eq!((request.width, request.height), (Some(448), Some(640)));
    }
    let mut state = full(120, 40);
    update(&mut state, Msg::Card(Box::new(card())));
    go_to(&mut state, "Width and height, as 512x768, or a shape, as 3:2.");
    // Two short fields a line: down and down again is the sampler, and the next one its schedule.
    press(&mut state, KeyCode::Down, KeyModifiers::NONE);
    press(&mut state, KeyCode::Down, KeyModifiers::NONE);
    assert!(drawn(&state).contains("How to step from noise to picture"));
    press(&mut state, KeyCode::Tab, KeyModifiers::NONE);
    assert!(drawn(&state).contains("How the noise levels of the steps are spaced."));
    press(&mut state, KeyCode::Up, KeyModifiers::NONE);
    typed(&mut state, "5.5");
    press(&mut state, KeyCode::Enter, KeyModifiers::NONE);
    assert_eq!(state.create.request().cfg_scale, Some(5.5));
}

#[test]
fn prompts_say_how_many_tokens_they_have() {
    let mut state = full(120, 40);
    let question = |effects: Vec<Effect>| {
        effects.into_iter().find_map(|effect| match effect {
            Effect::Count(number, question) => Some((number, question)),
            _ => None,
        })
    };
    let count = |tokens, chunks| {
        Some(TokenCount {
            tokens,
            chunks,
            room: 75,
        })
    };
    let (older, _) = question(key(&mut state, 'a')).unwrap();
    let (newest, asked) = question(key(&mut state, 'b')).unwrap();
    assert_eq!((asked.prompt.as_str(), asked.negative.as_str()), ("ab", ""));
    assert!(newest > older);
    let moved = press(&mut state, KeyCode::Left, KeyModifiers::NONE);
    assert_eq!(question(moved), None, "the text is the same");
    update(&mut state, Msg::Counted(older, [count(1, 1), count(0, 1)]));
    assert!(!drawn(&state).contains("/75"), "of an older text");
    update(&mut state, Msg::Counted(newest, [count(80, 2), count(23, 1)]));
    let text = drawn(&state);
    let line = |title: &str| text.lines().find(|line| line.contains(title)).unwrap().to_owned();
    assert!(line("Prompt").contains(" 80/150"), "{text}");
    assert!(line("Negative").contains(" 23/75"), "{text}");
    // What is no longer so stays until the next answer, and goes with the daemon.
    key(&mut state, 'c');
    assert!(drawn(&state).contains("80/150"));
    let away = update(&mut state, Msg::Link(Link::Away("gone".to_owned())));
    assert_eq!(question(away), None);
    assert!(!drawn(&state).contains("/75") && !drawn(&state).contains("/150"));
    update(&mut state, Msg::Counted(newest + 1, [count(3, 1), count(3, 1)]));
    assert!(!drawn(&state).contains("/75"), "asked before the daemon went");
    state.world.daemon = Daemon::There;
    let (again, asked) = question(update(&mut state, Msg::Tick)).unwrap();
    assert_eq!(asked.prompt, "acb", "asked anew");
    update(&mut state, Msg::Counted(again, [count(3, 1), None]));
    let text = drawn(&state);
    assert!(text.contains(" 3/75") && text.matches("/75").count() == 1, "{text}");
}
