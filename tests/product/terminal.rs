//! The command on terminals: what it asks them and gives back, the pictures that they are sent, and its bar.

use image::{DynamicImage, RgbImage};
use rstest::rstest;

use crate::support::{Home, Terminal};

/// Asks for the attributes: the last question.
const QUESTION: &str = "\x1b[c";
const SIXEL: &str = "\x1b[?62;4c";
const KITTY: &str = "\x1b_Gi=31;OK\x1b\\\x1b[6;20;10t\x1b[?62;c";

/// Programs that read a pipe are told no hints: `looking` has that.
#[test]
fn a_person_is_told_once_a_day_that_no_model_is_configured() {
    let home = Home::empty();
    let mut told = [1, 2].map(|_| {
        let terminal = Terminal::run(&home, "generate rocket --steps 1 -W 16 -H 16", 80, &[], "");
        assert_eq!(terminal.end(), 0);
        terminal.written()
    });
    told[0].retain(|c| !c.is_control());
    for words in ["`emoji`", "apple", "rocket"] {
        assert!(told[0].contains(words), "{words}: {told:#?}");
    }
    assert!(!told[1].contains("`emoji`"), "{told:#?}");
}

fn with_picture() -> Home {
    let home = Home::new();
    let pixel = |x: u32, y: u32| image::Rgb([x as u8 * 4, y as u8 * 6, 99]);
    let picture: DynamicImage = RgbImage::from_fn(60, 40, pixel).into();
    picture.save(home.at("x.png")).unwrap();
    home
}

#[test]
fn keys_that_were_typed_before_and_meanwhile_reach_the_shell() {
    let home = with_picture();
    let mut terminal = Terminal::run(&home, "show x.png", 80, &[], "first\n");
    terminal.wait_for(QUESTION);
    terminal.send(&format!("second {SIXEL}third\n"));
    assert_eq!(terminal.end(), 0);
    assert!(
        terminal.written().contains("\x1bP"),
        "a sixel picture: {}",
        terminal.written()
    );
    if terminal.written().contains("the system forbids") {
        return;
    }
    assert_eq!(terminal.left(), "first\nsecond third");
}

#[test]
fn a_late_answer_does_not_reach_the_shell() {
    let home = with_picture();
    let mut terminal = Terminal::run(&home, "show x.png", 80, &[], "");
    terminal.wait_for("60×40");
    assert!(terminal.written().contains('▀'), "{}", terminal.written());
    terminal.send(&format!("l{KITTY}s\n"));
    assert_eq!(terminal.left(), "ls");
}

#[test]
fn a_terminal_is_asked_once() {
    let home = with_picture();
    std::fs::create_dir(home.at("run")).unwrap();
    let mut terminal = Terminal::run(&home, "show x.png", 80, &[], "");
    terminal.wait_for(QUESTION);
    terminal.send(KITTY);
    terminal.end();
    let kept = std::fs::read_to_string(home.at("run/terminals")).unwrap();
    assert!(kept.contains("kitty=true sixel=false cell=10x20"), "{kept}");
}

#[rstest]
#[case::kitty("", KITTY, "\x1b_Ga=T,f=100,q=2,C=1,c=32,m=")]
#[case::sixel("", SIXEL, "\x1bP")]
#[case::forced_in_tmux("kitty", "", "\x1bPtmux;\x1b\x1b_Ga=T,f=100,q=2,U=1,i=")]
#[case::forced_sixel_in_tmux("sixel", "", "\x1bPtmux;\x1b\x1bP")]
fn pictures_are_sent_as_terminals_take_them(#[case] wish: &str, #[case] answers: &str, #[case] expected: &str) {
    let home = with_picture();
    let inside_tmux = [
        ("TMUX", "/nowhere,1,0"),
        ("TERM", "tmux-256color"),
        ("DARKROOM_IMAGES", wish),
    ];
    let variables = if wish.is_empty() { &[] } else { &inside_tmux[..] };
    let mut terminal = Terminal::run(&home, "show x.png", 80, variables, "");
    if !answers.is_empty() {
        terminal.wait_for(QUESTION);
        terminal.send(answers);
    }
    assert_eq!(terminal.end(), 0);
    assert!(terminal.written().contains(expected), "{:?}", terminal.written());
}

#[test]
fn a_tmux_that_keeps_pictures_is_named_in_one_word() {
    let home = with_picture();
    let inside_tmux = [("TMUX", "/nowhere,1,0"), ("TERM", "tmux-256color")];
    let mut terminal = Terminal::run(&home, "show x.png", 80, &inside_tmux, "");
    terminal.wait_for(QUESTION);
    terminal.send("\x1b[?1;2c");
    assert_eq!(terminal.end(), 0);
    let written = terminal.written();
    assert_eq!(written.matches("allow-passthrough").count(), 1, "{written:?}");
    assert!(written.contains('▀'), "{written:?}");
}

/// What the bar wrote, line by line, without escapes and without the terminal's own echo of a key.
fn bar(written: &str) -> Vec<String> {
    let written = written.replace("^C", "");
    let lines = written.split(['\r', '\n']).filter(|line| line.contains("denoise"));
    let plain = |line: &str| {
        let mut out = String::new();
        let mut rest = line;
        while let Some((before, after)) = rest.split_once('\x1b') {
            out.push_str(before);
            rest = after
                .trim_start_matches(|c: char| !c.is_ascii_alphabetic())
                .get(1..)
                .unwrap_or_default();
        }
        out + rest
    };
    lines.map(plain).collect()
}

#[rstest]
#[case::interrupted(None)]
#[case::ended(Some("TERM"))]
#[case::hung_up(Some("HUP"))]
fn a_bar_leaves_nothing_behind(#[case] signal: Option<&str>) {
    let home = Home::new();
    let line = "generate apple --steps 1000 -W 64 -H 64 --batch 9";
    let mut terminal = Terminal::run(&home, line, 40, &[], "");
    terminal.wait_for("denoise");
    assert!(terminal.written().contains("\x1b[?25l"));
    match signal {
        None => terminal.send("\x03"),
        Some(signal) => terminal.signal(signal),
    }
    let code = terminal.end();
    assert!(signal.is_some() || code == 130, "{code}");
    let written = terminal.written();
    let (shown, hidden) = (written.rfind("\x1b[?25h"), written.rfind("\x1b[?25l"));
    assert!(shown > hidden, "the cursor stays hidden: {written:?}");
    let cleared = written.rfind("\r\x1b[K\x1b[?25h").unwrap();
    assert!(!written[cleared..].contains("denoise"), "{written:?}");
    let bar = bar(&written);
    assert!(bar.iter().all(|line| line.chars().count() <= 37), "{bar:?}");
}

#[test]
fn a_bar_is_ascii_where_the_locale_is() {
    let home = Home::new();
    let line = "generate apple --steps 200 -W 16 -H 16";
    let terminal = Terminal::run(&home, line, 100, &[("LC_ALL", "C"), ("NO_COLOR", "1")], "");
    assert_eq!(terminal.end(), 0);
    let written = terminal.written();
    let bar = bar(&written);
    assert!(!bar.is_empty() && bar.iter().all(|line| line.is_ascii()), "{bar:?}");
    assert!(
        bar.iter().any(|line| line.contains('#') && line.contains(" | ")),
        "{bar:?}"
    );
    assert!(!written.contains("\x1b[36m"), "no colours were asked for");
}
