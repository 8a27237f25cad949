//! The mask editor as a value: keys and the mouse in, an exact bitmap out. Effects are done here as they come, as `effects.rs` does them.

use std::path::Path;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use darkroom_protocol::history::Entry;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;
use rstest::rstest;

use super::{Opening, Tool};
use crate::app::commands::{Act, COMMANDS};
use crate::app::mask::{Bitmap, Sheet, file, task};
use crate::app::msg::{Effect, Msg};
use crate::app::own::theme::Theme;
use crate::app::pictures::Source;
use crate::app::pictures::cut::{Canvas, Frame, Of};
use crate::app::pictures::zoom::Dots;
use crate::app::state::{Overlay, Screen, State};
use crate::app::update::{act, update};
use crate::app::view::view;
use crate::graphics::pane::Ready;

const SIXEL: Dots = Dots(10, 20);

fn picture(width: u32, height: u32) -> Entry {
    Entry {
        id: 5,
        sha256: "0123456789abcdef".repeat(4),
        path: "/p/5.png".to_owned(),
        bytes: 9,
        width,
        height,
        ..Entry::default()
    }
}

/// A client with the editor open, on a terminal of 80 × 24; the picture is where masks are kept in `folder`.
fn opened(size: (u32, u32), dots: Dots, folder: &Path) -> State {
    let mut state = State::new(Theme::of(&|_| None, true), Rect::new(0, 0, 80, 24));
    state.dots = dots;
    let opening = Opening {
        picture: picture(size.0, size.1),
        output: None,
        is_alone: false,
    };
    send(&mut state, Msg::OpenMask(Box::new(opening)), folder);
    state
}

/// Sends a message, and does what follows from it.
fn send(state: &mut State, msg: Msg, folder: &Path) {
    let mut messages = vec![msg];
    while let Some(msg) = messages.pop() {
        for effect in update(state, msg) {
            if let Effect::Mask(task) = effect {
                messages.push(Msg::Mask(Box::new(task::done(*task, folder))));
            }
        }
    }
}

fn press(state: &mut State, code: KeyCode, held: KeyModifiers, folder: &Path) {
    send(state, Msg::Terminal(Event::Key(KeyEvent::new(code, held))), folder);
}

/// Types keys: letters as they are, arrows as `←→↑↓`, `⏎` and `⎋`.
fn keys(state: &mut State, text: &str, folder: &Path) {
    for key in text.chars() {
        let code = match key {
            '←' => KeyCode::Left,
            '→' => KeyCode::Right,
            '↑' => KeyCode::Up,
            '↓' => KeyCode::Down,
            '⏎' => KeyCode::Enter,
            '⎋' => KeyCode::Esc,
            key => KeyCode::Char(key),
        };
        press(state, code, KeyModifiers::NONE, folder);
    }
}

fn mouse(state: &mut State, kind: MouseEventKind, (column, row): (u16, u16), folder: &Path) {
    let event = MouseEvent {
        kind,
        column,
        row,
        modifiers: KeyModifiers::NONE,
    };
    send(state, Msg::Terminal(Event::Mouse(event)), folder);
}

fn sheet(state: &State) -> &Sheet {
    state.mask.as_ref().unwrap().sheet()
}

fn words(state: &State) -> String {
    state.mask.as_ref().unwrap().words(state.body(), state.dots)
}

fn drawn(state: &State) -> String {
    let mut terminal = Terminal::new(TestBackend::new(state.area.width, state.area.height)).unwrap();
    terminal.draw(|frame| view(state, frame)).unwrap();
    let buffer = terminal.backend().buffer();
    let line = |y: u16| {
        let line: String = (0..state.area.width).map(|x| buffer[(x, y)].symbol()).collect();
        line.trim_end().to_owned()
    };
    (0..state.area.height).map(line).collect::<Vec<_>>().join("\n")
}

/// A picture of as many pixels as there are half blocks: a cell is one pixel wide and two high.
#[test]
fn a_mask_is_painted_by_keys_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, mut state) = (dir.path(), opened((38, 38), Dots::HALVES, dir.path()));
    assert!(words(&state).starts_with("brush   radius 1   x 19 y 19   masked 0.0 %"));
    let mut expected = Bitmap::new(38, 38);
    let near = |bitmap: &mut Bitmap, (x, y): (i32, i32), radius: i32, value: bool| {
        for dy in -radius..=radius {
            for dx in -radius..=radius {
                if dx * dx + dy * dy <= radius * radius {
                    let (x, y) = (i64::from(x + dx), i64::from(y + dy));
                    bitmap.span(y, x, x, value);
                }
            }
        }
    };
    // A stamp of three pixels, one cell right and half a cell down.
    keys(&mut state, "3[→. ", folder);
    near(&mut expected, (20, 20), 3, true);
    assert_eq!(sheet(&state).bitmap.text(), expected.text());
    // With the pen down it paints its way.
    keys(&mut state, "0[Hp↑↑p↑", folder);
    (16..=20).for_each(|y| expected.span(y, 10, 10, true));
    assert_eq!(sheet(&state).bitmap.text(), expected.text());
    // An eraser, then a rectangle that erases, and one that paints.
    keys(&mut state, "1[e10→4↓ ", folder);
    near(&mut expected, (20, 22), 1, false);
    assert_eq!(sheet(&state).bitmap.text(), expected.text());
    keys(&mut state, "r ↑3→ ", folder);
    expected.rectangle((20, 20), (23, 22), false);
    keys(&mut state, "br 5→5↓⏎", folder);
    expected.rectangle((23, 20), (28, 30), true);
    assert_eq!(sheet(&state).bitmap.text(), expected.text());
    // A lasso, closed by its key.
    keys(&mut state, "lKH 6→ 3↓c", folder);
    assert_eq!(state.mask.as_ref().unwrap().tool, Tool::Lasso);
    let before = expected.count();
    expected.span(10, 18, 24, true);
    assert_eq!(sheet(&state).bitmap.count(), before + 7);
    assert_eq!(sheet(&state).bitmap.text(), expected.text());
    // All of it is taken back, and made again.
    keys(&mut state, "uuuuuuuuuuuuu", folder);
    assert_eq!(sheet(&state).bitmap.count(), 0);
    keys(&mut state, "UUUUUUUUUUUUU", folder);
    assert_eq!(sheet(&state).bitmap.text(), expected.text());
}

#[test]
fn a_mask_is_painted_by_the_mouse() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, mut state) = (dir.path(), opened((760, 380), SIXEL, dir.path()));
    let left = MouseButton::Left;
    let (down, drag, up) = (
        MouseEventKind::Down(left),
        MouseEventKind::Drag(left),
        MouseEventKind::Up(left),
    );
    // The picture is seen pixel by pixel: 76 × 19 cells of 10 × 20 dots, from the cell 2,2 on.
    keys(&mut state, "9[", folder);
    assert_eq!(
        state.mask.as_ref().unwrap().seen(state.body(), SIXEL).place,
        Rect::new(2, 2, 76, 19)
    );
    let mut expected = Bitmap::new(760, 380);
    let middle = |column: i32, row: i32| ((column - 2) * 10 + 5, (row - 2) * 20 + 5);
    for (kind, at) in [(down, (10, 5)), (drag, (20, 5)), (drag, (20, 9)), (up, (20, 9))] {
        mouse(&mut state, kind, at, folder);
    }
    let ways = [(middle(10, 5), middle(20, 5)), (middle(20, 5), middle(20, 9))];
    for y in 0..380i64 {
        for x in 0..760i64 {
            let near = |((x1, y1), (x2, y2)): ((i32, i32), (i32, i32))| {
                let off = (
                    x - x.clamp(i64::from(x1.min(x2)), i64::from(x1.max(x2))),
                    y - y.clamp(i64::from(y1.min(y2)), i64::from(y1.max(y2))),
                );
                off.0 * off.0 + off.1 * off.1 <= 81
            };
            if ways.into_iter().any(near) {
                expected.span(y, x, x, true);
            }
        }
    }
    assert!(sheet(&state).bitmap == expected);
    // One stroke is one step.
    keys(&mut state, "u", folder);
    assert_eq!(sheet(&state).bitmap.count(), 0);
    keys(&mut state, "Ur", folder);
    for (kind, at) in [(down, (30, 4)), (drag, (40, 8)), (up, (40, 8))] {
        mouse(&mut state, kind, at, folder);
    }
    expected.rectangle(middle(30, 4), middle(40, 8), true);
    assert!(sheet(&state).bitmap == expected);
    // A lasso that is drawn closes itself; what is beside the picture does not begin one.
    keys(&mut state, "l", folder);
    mouse(&mut state, down, (0, 3), folder);
    mouse(&mut state, drag, (5, 3), folder);
    mouse(&mut state, up, (5, 3), folder);
    for (kind, at) in [
        (down, (50, 4)),
        (drag, (60, 4)),
        (drag, (60, 9)),
        (drag, (50, 9)),
        (up, (50, 9)),
    ] {
        mouse(&mut state, kind, at, folder);
    }
    expected.rectangle(middle(50, 4), middle(60, 9), true);
    assert!(sheet(&state).bitmap == expected);
    // The terminal gets the mask in the picture.
    let (key, _) = state.pictures_shown().remove(0);
    let Source::Cut(cut) = key.source else {
        panic!("{key:?}")
    };
    assert!(matches!(&cut.of, Of::Canvas(Canvas { tint: Some(tint), .. }) if tint.marks.stamp.1 == 0));
    // The wheel looks closer, and another button moves the picture.
    (0..6).for_each(|_| mouse(&mut state, MouseEventKind::ScrollUp, (40, 10), folder));
    let part = |state: &State| state.mask.as_ref().unwrap().seen(state.body(), SIXEL).part;
    let before = part(&state);
    mouse(&mut state, MouseEventKind::Down(MouseButton::Right), (40, 10), folder);
    mouse(&mut state, MouseEventKind::Drag(MouseButton::Right), (30, 10), folder);
    assert!(part(&state).x > before.x && part(&state).y == before.y);
    assert!(sheet(&state).bitmap == expected);
}

#[test]
fn large_changes_are_made_beside_the_keys_and_others_wait_for_them() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, mut state) = (dir.path(), opened((38, 38), Dots::HALVES, dir.path()));
    keys(&mut state, "0[ v", folder);
    assert_eq!(sheet(&state).bitmap.count(), 38 * 38 - 1);
    let key = |key: char| Msg::Terminal(Event::Key(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE)));
    // Undone: a single pixel. Then grown by two, whose answer is on its way.
    keys(&mut state, "u2", folder);
    let mut effects = update(&mut state, key('+'));
    let Some(Effect::Mask(task)) = effects.pop() else {
        panic!("{effects:?}")
    };
    assert!(words(&state).ends_with("working …"));
    // A rectangle, an undo and an erased stamp wait; nothing else is begun.
    for next in ['e', ' ', 'F'] {
        assert!(
            !update(&mut state, key(next))
                .iter()
                .any(|effect| matches!(effect, Effect::Mask(_)))
        );
    }
    assert_eq!(sheet(&state).bitmap.count(), 1);
    send(&mut state, Msg::Mask(Box::new(task::done(*task, folder))), folder);
    assert_eq!((sheet(&state).bitmap.count(), sheet(&state).feather), (13 - 1, 2));
    keys(&mut state, "uu", folder);
    assert_eq!((sheet(&state).bitmap.count(), sheet(&state).feather), (13, 0));
    keys(&mut state, "X", folder);
    assert_eq!(sheet(&state).bitmap.count(), 0);
    keys(&mut state, "f", folder);
    assert_eq!(sheet(&state).bitmap.count(), 38 * 38);
    keys(&mut state, "-", folder);
    assert!(words(&state).contains("masked 100.0 %"), "{}", words(&state));
}

#[test]
fn it_is_saved_and_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, mut state) = (dir.path(), opened((64, 64), Dots::HALVES, dir.path()));
    keys(&mut state, "4[ o→→16↑↓", folder);
    press(&mut state, KeyCode::Down, KeyModifiers::SHIFT, folder);
    let frame = Frame {
        left: 0,
        top: 16,
        right: 16,
        bottom: 0,
    };
    assert_eq!(sheet(&state).frame, frame);
    assert!(words(&state).contains("frame 0 16 16 0"));
    // Enter ends the frame first.
    keys(&mut state, "⏎", folder);
    let painted = sheet(&state).clone();
    keys(&mut state, "⏎", folder);
    assert!(state.mask.is_none() && state.screen == Screen::Gallery && !state.quit);
    let path = state.saved_mask.clone().unwrap();
    assert!(path.ends_with("0123456789abcdef.png"));
    assert!(
        state
            .toasts
            .iter()
            .any(|toast| toast.text.contains("0123456789abcdef.png"))
    );
    assert_eq!(file::load(&path, (64, 64)), Ok(Some(painted.clone())));
    let again = opened((64, 64), Dots::HALVES, folder);
    assert_eq!(sheet(&again), &painted);
    // Nothing was changed, so it is left at once.
    let mut again = again;
    keys(&mut again, "⎋", folder);
    assert!(again.mask.is_none() && again.overlay.is_none());
}

#[rstest]
#[case("save⏎", true, true)]
#[case("throw⏎", true, false)]
#[case("go on⏎", false, false)]
#[case("⎋", false, false)]
fn what_was_painted_is_asked_about_before_it_goes(#[case] answer: &str, #[case] leaves: bool, #[case] saves: bool) {
    let dir = tempfile::tempdir().unwrap();
    let (folder, mut state) = (dir.path(), opened((64, 64), Dots::HALVES, dir.path()));
    keys(&mut state, " ⎋", folder);
    assert!(matches!(state.overlay, Some(Overlay::Ask(_))));
    keys(&mut state, answer, folder);
    assert_eq!((state.mask.is_none(), state.saved_mask.is_some()), (leaves, saves));
    assert!(state.overlay.is_none());
}

#[test]
fn other_screens_and_the_end_wait_for_an_answer_too() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    for (leave, is_end) in [(Act::Quit, true), (Act::Go(Screen::Queue), false)] {
        let mut state = opened((64, 64), Dots::HALVES, folder);
        keys(&mut state, " ", folder);
        act(&mut state, leave);
        assert!(!state.quit && state.screen == Screen::Mask);
        keys(&mut state, "throw⏎", folder);
        assert_eq!(state.quit, is_end);
        assert!(is_end || state.screen == Screen::Queue);
        // With nothing changed they are done at once.
        let mut state = opened((64, 64), Dots::HALVES, folder);
        act(&mut state, leave);
        assert!(state.mask.is_none() && state.quit == is_end);
    }
}

#[test]
fn opened_alone_the_client_ends_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let output = dir.path().join("mine.png");
    for (end, saved) in [("⏎", Some(output.clone())), ("⎋", None)] {
        let mut state = State::new(Theme::of(&|_| None, true), Rect::new(0, 0, 80, 24));
        let opening = Opening {
            picture: picture(64, 64),
            output: Some(output.clone()),
            is_alone: true,
        };
        send(&mut state, Msg::OpenMask(Box::new(opening)), dir.path());
        keys(&mut state, end, dir.path());
        assert!(state.quit);
        assert_eq!(
            state.saved_mask.map(|path| path.file_name().unwrap().to_owned()),
            saved.map(|_| "mine.png".into())
        );
    }
    let none = dir.path().join("none/mine.png");
    let mut state = opened((64, 64), Dots::HALVES, dir.path());
    state.mask.as_mut().unwrap().opening.output = Some(none);
    keys(&mut state, " ⏎", dir.path());
    assert!(state.mask.is_some(), "what cannot be saved is not lost");
    assert!(
        state
            .toasts
            .iter()
            .any(|toast| toast.is_error && toast.text.contains("cannot be written"))
    );
}

#[test]
fn the_mask_is_seen_over_half_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, mut state) = (dir.path(), opened((38, 38), Dots::HALVES, dir.path()));
    let (key, _) = state.pictures_shown().remove(0);
    let blue = [0, 0, 200];
    let ready = Ready::Blocks {
        columns: 38,
        cells: vec![(blue, blue); 38 * 19],
    };
    update(&mut state, Msg::Made(key, Some(std::sync::Arc::new(ready))));
    // One pixel is masked, the cursor is elsewhere: an upper half is tinted, the lower is not.
    keys(&mut state, "0[ H", folder);
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    terminal.draw(|frame| view(&state, frame)).unwrap();
    let seen = state.mask.as_ref().unwrap().seen(state.body(), state.dots);
    let (column, half) = seen.spot((19, 19));
    let cell = &terminal.backend().buffer()[(column as u16, half as u16 / 2)];
    let rgb = |[r, g, b]: [u8; 3]| ratatui::style::Color::Rgb(r, g, b);
    let tinted = rgb(crate::app::pictures::compose::mixed(blue, 255));
    let expected = if half % 2 == 0 {
        (tinted, rgb(blue))
    } else {
        (rgb(blue), tinted)
    };
    assert_eq!((cell.fg, cell.bg), expected);
    let at = terminal.backend().buffer()[(column as u16 - 10, half as u16 / 2)]
        .symbol()
        .to_owned();
    assert_eq!(at, "┼");
}

#[test]
fn it_looks_like_this() {
    let dir = tempfile::tempdir().unwrap();
    for (width, height) in [(80, 24), (120, 40)] {
        let mut state = opened((640, 480), Dots::HALVES, dir.path());
        update(&mut state, Msg::Terminal(Event::Resize(width, height)));
        // In ASCII the cells say what is masked.
        state.theme = Theme::of(&|_| None, false);
        keys(&mut state, "60[ r5↑20→ 8↓8→ FL", dir.path());
        insta::assert_snapshot!(format!("mask_{width}"), drawn(&state));
    }
}

#[test]
fn nothing_makes_it_panic() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let mut seed = 9u64;
    let mut chance = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % below
    };
    let names: Vec<&str> = COMMANDS
        .iter()
        .filter(|command| command.on == [Screen::Mask])
        .flat_map(|command| command.keys)
        .copied()
        .chain(["1", "9", "esc"])
        .collect();
    for (size, dots) in [((300, 200), Dots::HALVES), ((1, 1), SIXEL), ((500, 7), Dots(9, 9))] {
        let mut state = opened(size, dots, folder);
        for nth in 0..1000 {
            match chance(5) {
                0 => {
                    let button = [MouseButton::Left, MouseButton::Right][chance(2) as usize];
                    let kind = [
                        MouseEventKind::Down(button),
                        MouseEventKind::Drag(button),
                        MouseEventKind::Drag(button),
                        MouseEventKind::Up(button),
                        MouseEventKind::Moved,
                        MouseEventKind::ScrollUp,
                        MouseEventKind::ScrollDown,
                    ][chance(7) as usize];
                    mouse(&mut state, kind, (chance(130) as u16, 2 + chance(40) as u16), folder);
                }
                1 if nth % 10 == 0 => {
                    let (width, height) = (chance(200) as u16, chance(60) as u16);
                    send(&mut state, Msg::Terminal(Event::Resize(width, height)), folder);
                }
                _ => {
                    let name = names[chance(names.len() as u64) as usize];
                    let (name, held) = match name.split_once('-') {
                        Some(("ctrl", rest)) => (rest, KeyModifiers::CONTROL),
                        Some(("shift", rest)) => (rest, KeyModifiers::SHIFT),
                        _ => (name, KeyModifiers::NONE),
                    };
                    let code = match name {
                        "enter" => KeyCode::Enter,
                        "esc" => KeyCode::Esc,
                        "space" => KeyCode::Char(' '),
                        "left" => KeyCode::Left,
                        "right" => KeyCode::Right,
                        "up" => KeyCode::Up,
                        "down" => KeyCode::Down,
                        name => KeyCode::Char(name.chars().next().unwrap()),
                    };
                    press(&mut state, code, held, folder);
                }
            }
            if state.mask.is_none() {
                let opening = Opening {
                    picture: picture(size.0, size.1),
                    output: None,
                    is_alone: false,
                };
                state.overlay = None;
                send(&mut state, Msg::OpenMask(Box::new(opening)), folder);
            }
            if nth % 10 == 0 && state.area.width > 0 && state.area.height > 0 {
                drawn(&state);
            }
            let sheet = sheet(&state);
            let (width, height) = size;
            assert!(sheet.bitmap.size() == size && sheet.bitmap.count() <= u64::from(width * height));
        }
    }
}

/// What a key may take, on the largest picture.
#[test]
fn the_largest_picture_is_painted_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut state = opened((16384, 16384), Dots::HALVES, dir.path());
    keys(&mut state, "1024[", dir.path());
    let left = MouseButton::Left;
    mouse(&mut state, MouseEventKind::Down(left), (21, 2), dir.path());
    // All the way across is painted beside the keys.
    let drag = MouseEvent {
        kind: MouseEventKind::Drag(left),
        column: 58,
        row: 20,
        modifiers: KeyModifiers::NONE,
    };
    let effects = update(&mut state, Msg::Terminal(Event::Mouse(drag)));
    let Some(Effect::Mask(task)) = effects.first() else {
        panic!("{effects:?}")
    };
    let told = task::done((**task).clone(), dir.path());
    send(&mut state, Msg::Mask(Box::new(told)), dir.path());
    mouse(&mut state, MouseEventKind::Up(left), (58, 20), dir.path());
    let count = sheet(&state).bitmap.count();
    assert!(count > 40_000_000, "{count}");
    // It is one stroke.
    keys(&mut state, "u", dir.path());
    assert_eq!(sheet(&state).bitmap.count(), 0);
    keys(&mut state, "U", dir.path());
    keys(&mut state, "v", dir.path());
    assert_eq!(sheet(&state).bitmap.count(), 16384 * 16384 - count);
    drawn(&state);
}
