//! Pictures looked at closely, compared, and begun to be masked, as the whole client does it: by keys and with the mouse.

use super::*;

fn mouse(state: &mut State, kind: MouseEventKind, column: u16, row: u16) -> Vec<Effect> {
    let mouse = MouseEvent {
        kind,
        column,
        row,
        modifiers: KeyModifiers::NONE,
    };
    update(state, Msg::Terminal(TerminalEvent::Mouse(mouse)))
}

/// The one picture that is shown: its part where it is cut.
fn part(state: &State) -> Option<Part> {
    match state.pictures_shown().remove(0).0.source {
        Source::Cut(cut) => Some(cut.part),
        _ => None,
    }
}

#[test]
fn a_picture_is_looked_at_closely() {
    let mut state = full(120, 40);
    act(&mut state, Act::Go(Screen::Gallery));
    press(&mut state, KeyCode::Enter, KeyModifiers::NONE);
    assert_eq!(part(&state), None);
    let ready = Ready::Blocks {
        columns: 2,
        cells: vec![([1, 2, 3], [4, 5, 6]); 4],
    };
    let (whole, _) = state.pictures_shown().remove(0);
    update(
        &mut state,
        Msg::Made(whole.clone(), Some(std::sync::Arc::new(ready.clone()))),
    );
    let made = |effects: Vec<Effect>| {
        effects
            .iter()
            .filter(|effect| matches!(effect, Effect::Make(_)))
            .count()
    };
    assert_eq!(made(key(&mut state, '+')), 1);
    assert!(drawn(&state).contains('▀'), "all of it is seen until the part is there");
    assert_eq!(made(key(&mut state, '+')), 0, "one part is made at a time");
    // 512 pixels in 68 dots, five times a quarter more.
    (0..3).for_each(|_| drop(key(&mut state, '+')));
    assert!(drawn(&state).contains("41 %  "), "{}", drawn(&state));
    let before = part(&state).unwrap();
    press(&mut state, KeyCode::Right, KeyModifiers::NONE);
    press(&mut state, KeyCode::Up, KeyModifiers::NONE);
    let moved = part(&state).unwrap();
    assert!(moved.x > before.x && moved.y < before.y, "{before:?} {moved:?}");
    // Another of the same size is seen at the same place, with what is kept of it too.
    key(&mut state, 'l');
    assert_eq!(part(&state), Some(moved));
    assert!(drawn(&state).contains("#4   512"));
    let (asked, _) = state.pictures_shown().remove(0);
    assert_ne!(asked, whole);
    // What is kept of it stands beside the part, and stays while that is moved.
    let detail = EntryDetail {
        entry: entries(4).remove(0),
        ..EntryDetail::default()
    };
    update(&mut state, Msg::Detail(Box::new(detail), For::Show));
    press(&mut state, KeyCode::Down, KeyModifiers::NONE);
    let (_, place) = state.pictures_shown().remove(0);
    assert!(drawn(&state).contains("/p/4.png") && place.x >= 56 && part(&state).is_some());
    key(&mut state, 'p');
    // The wheel keeps what is under the pointer; a drag moves; a click on a part does not close it.
    mouse(&mut state, MouseEventKind::ScrollUp, 60, 20);
    let left = MouseButton::Left;
    let before = part(&state).unwrap();
    mouse(&mut state, MouseEventKind::Down(left), 60, 20);
    mouse(&mut state, MouseEventKind::Drag(left), 50, 20);
    mouse(&mut state, MouseEventKind::Up(left), 50, 20);
    assert!(part(&state).unwrap().x > before.x);
    mouse(&mut state, MouseEventKind::Down(left), 60, 20);
    mouse(&mut state, MouseEventKind::Up(left), 60, 20);
    assert!(part(&state).is_some());
    key(&mut state, '0');
    assert_eq!(part(&state), None);
    mouse(&mut state, MouseEventKind::Down(left), 60, 20);
    mouse(&mut state, MouseEventKind::Up(left), 60, 20);
    assert!(state.pictures_shown().len() > 1, "a click goes back to all of them");
}

#[test]
fn what_is_kept_of_a_picture_stands_beside_the_others() {
    for width in [80, 120] {
        let mut state = full(width, 40);
        act(&mut state, Act::Go(Screen::Gallery));
        let detail = EntryDetail {
            entry: entries(5).remove(0),
            ..EntryDetail::default()
        };
        let before = state.pictures_shown();
        update(&mut state, Msg::Detail(Box::new(detail), For::Show));
        let shown = state.pictures_shown();
        assert_eq!(shown.len(), before.len(), "none is hidden");
        assert!(shown.iter().all(|(_, place)| place.x > width / 2 - 6), "{shown:?}");
        let keys = |shown: Vec<(Key, Rect)>| shown.into_iter().map(|(key, _)| key).collect::<Vec<_>>();
        assert_eq!(keys(shown), keys(before), "nor made anew");
        assert!(
            drawn(&state).contains("/p/5.png") && drawn(&state).contains("┌"),
            "{}",
            drawn(&state)
        );
    }
}

#[test]
fn two_pictures_are_compared() {
    let mut state = full(120, 40);
    act(&mut state, Act::Go(Screen::Gallery));
    key(&mut state, 'c');
    assert!(drawn(&state).contains("#5 to compare"));
    key(&mut state, 'c');
    assert!(!drawn(&state).contains("to compare"), "once more takes the mark off");
    key(&mut state, 'c');
    key(&mut state, 'l');
    key(&mut state, 'c');
    assert!(drawn(&state).contains("#5 │ #4"));
    let border = |state: &State| match state.pictures_shown().remove(0).0.source {
        Source::Cut(cut) => match cut.of {
            Of::Pair { first, second, border } => {
                assert_eq!((first.path.as_str(), second.path.as_str()), ("/p/5.png", "/p/4.png"));
                border
            }
            of => panic!("{of:?}"),
        },
        source => panic!("{source:?}"),
    };
    assert_eq!(border(&state), 256);
    press(&mut state, KeyCode::Left, KeyModifiers::NONE);
    assert!(border(&state) < 256);
    mouse(&mut state, MouseEventKind::Down(MouseButton::Left), 3, 20);
    assert_eq!(border(&state), 0);
    mouse(&mut state, MouseEventKind::Drag(MouseButton::Left), 60, 20);
    assert_eq!(border(&state), 256);
    // One and the other, at one place.
    key(&mut state, '+');
    let place = part(&state);
    key(&mut state, ' ');
    assert!(border(&state) == 512 && drawn(&state).contains("#5 alone"));
    key(&mut state, ' ');
    assert!(border(&state) == 0 && drawn(&state).contains("#4 alone"));
    assert_eq!(part(&state), place);
    // Nothing is done to one of them by mistake.
    assert!(
        !key(&mut state, 'd')
            .iter()
            .any(|effect| matches!(effect, Effect::Do(_)))
    );
    press(&mut state, KeyCode::Esc, KeyModifiers::NONE);
    assert!(!drawn(&state).contains("alone"));
}

#[test]
fn a_mask_is_begun_in_the_gallery() {
    let mut state = full(120, 40);
    act(&mut state, Act::Go(Screen::Gallery));
    let effects = key(&mut state, 'm');
    assert!(matches!(effects.first(), Some(Effect::Mask(task)) if matches!(**task, task::Task::Load(_))));
    assert_eq!(state.screen, Screen::Mask);
    act(&mut state, Act::Back);
    assert_eq!(state.screen, Screen::Gallery);
}

#[test]
fn what_is_in_the_trash_is_restored_and_leaves_the_list() {
    let mut state = full(120, 40);
    act(&mut state, Act::Go(Screen::Gallery));
    assert!(drawn(&state).contains("trash") && !drawn(&state).contains("restore"));
    let mut trashed = entries(2);
    trashed.iter_mut().for_each(|entry| entry.trashed_ms = Some(1));
    let first = trashed[0].clone();
    show(&mut state, trashed);
    assert!(drawn(&state).contains("restore"));
    let id = first.id;
    assert_eq!(
        act(&mut state, Act::Restore).first(),
        Some(&Effect::Do(Deed::Trash(vec![id], false)))
    );
    let back = Entry {
        trashed_ms: None,
        ..first
    };
    state.gallery.refreshed(back, Rect::new(0, 0, 100, 30));
    assert_ne!(state.gallery.here().unwrap().id, id);
}
