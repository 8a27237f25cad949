//! The terminal client against a real daemon and the embedded model, on pretended terminals: a picture is made, found, and nothing is left
//! of the client on the terminal, however it ends.

use std::time::{Duration, Instant};

use crate::support::{Home, Terminal, wait_until};

/// Asks for the attributes: the last question.
const QUESTION: &str = "\x1b[c";
const SIXEL: &str = "\x1b[?62;4c";
const KITTY: &str = "\x1b_Gi=31;OK\x1b\\\x1b[6;20;10t\x1b[?62;c";
/// Leaves the other screen.
const LEFT: &str = "\x1b[?1049l";
const CTRL_S: &str = "\x13";
const CTRL_Q: &str = "\x11";
const F2: &str = "\x1bOQ";
const F3: &str = "\x1bOR";

/// The client on a terminal that answers so.
fn open<'a>(home: &'a Home, line: &str, answer: &str) -> Terminal<'a> {
    let mut terminal = Terminal::run(home, line, 120, &[("LC_ALL", "C.UTF-8")], "");
    terminal.wait_for(QUESTION);
    terminal.send(answer);
    terminal.wait_for("Prompt");
    terminal
}

fn ended(terminal: &Terminal<'_>) -> i32 {
    let code = terminal.end();
    let written = terminal.written();
    let at = written.rfind(LEFT).expect("the other screen is left");
    for undone in ["\x1b[?1000l", "\x1b[?2004l", "\x1b[?1004l"] {
        assert!(written.contains(undone), "{undone:?}");
    }
    assert!(!written[at..].contains('▀'), "nothing is drawn afterwards");
    code
}

#[test]
fn a_picture_is_made_and_found() {
    let home = Home::new();
    let mut terminal = open(&home, "tui", SIXEL);
    terminal.send("rocket");
    terminal.send(CTRL_S);
    wait_until("a picture", || home.pictures().len() == 1);
    // A picture of the terminal's own kind.
    terminal.wait_for("\x1bP");
    terminal.send(F2);
    terminal.wait_for("done");
    terminal.send(F3);
    terminal.wait_for("searches");
    terminal.send("f");
    wait_until("the mark", || {
        home.run("history search is:starred --json").ok().json().len() == 1
    });
    terminal.send(CTRL_Q);
    assert_eq!(ended(&terminal), 0);
    // What was being written is there the next time.
    let mut terminal = open(&home, "tui", SIXEL);
    terminal.wait_for("rocket");
    terminal.send(CTRL_Q);
    assert_eq!(ended(&terminal), 0);
}

#[test]
fn darkroom_alone_opens_it_on_a_terminal_and_prints_help_into_a_pipe() {
    let home = Home::new();
    let mut terminal = Terminal::run(&home, "--version", 120, &[], "");
    assert_eq!(terminal.end(), 0);
    assert!(home.run_args(Vec::<&str>::new()).ok().stdout.contains("Usage"));
    home.run("tui").refused(1, &["standard output is none"]);
    terminal = Terminal::run(&home, "tui", 120, &[("TERM", "dumb")], "");
    terminal.wait_for("Prompt");
    terminal.send(CTRL_Q);
    assert_eq!(terminal.end(), 0);
}

#[test]
fn kitty_is_left_without_pictures() {
    let home = Home::new();
    home.generate("rocket").ok();
    let mut terminal = open(&home, "tui", KITTY);
    terminal.wait_for("\x1b_Ga=T");
    terminal.send(CTRL_Q);
    ended(&terminal);
    let written = terminal.written();
    assert!(written.rfind("\x1b_Ga=d").unwrap() > written.rfind("\x1b_Ga=T").unwrap());
}

#[test]
fn a_signal_gives_the_terminal_back() {
    let home = Home::new();
    for signal in ["TERM", "HUP"] {
        let terminal = open(&home, "tui", SIXEL);
        terminal.signal(signal);
        assert!(ended(&terminal) > 128, "{signal}");
    }
}

#[test]
fn a_daemon_that_is_killed_is_started_again_and_nothing_that_was_written_is_lost() {
    let home = Home::new();
    let mut terminal = open(&home, "tui", SIXEL);
    terminal.send("a rocket");
    wait_until("a daemon", || home.daemon_pid().is_some());
    let first = home.daemon_pid().unwrap();
    crate::support::kill(first, "KILL");
    wait_until("another daemon", || home.daemon_pid().is_some_and(|pid| pid != first));
    terminal.send(CTRL_S);
    wait_until("a picture", || !home.pictures().is_empty());
    assert_eq!(
        home.jobs()[0]["prompt"]
            .as_str()
            .or(home.jobs()[0]["task"]["image"]["what"]["prompt"].as_str()),
        Some("a rocket")
    );
    terminal.send(CTRL_Q);
    assert_eq!(ended(&terminal), 0);
}

#[test]
fn a_mask_is_painted_and_its_path_printed() {
    let home = Home::new();
    home.generate("rocket").ok();
    home.run("history mask @last").refused(2, &["painted on a terminal"]);
    let paint = |line: &str, keys: &[&str]| {
        let variables = [("LC_ALL", "C.UTF-8"), ("DARKROOM_IMAGES", "blocks")];
        let mut terminal = Terminal::run(&home, line, 120, &variables, "");
        terminal.wait_for("brush");
        keys.iter().for_each(|key| terminal.send(key));
        let code = ended(&terminal);
        let written = terminal.written();
        let last = &written[written.rfind(LEFT).unwrap()..];
        let path = last
            .find('/')
            .map_or("", |at| last[at..].lines().next().unwrap_or_default().trim());
        (code, path.to_owned())
    };
    // A stamp, all of the rest, and done.
    let (code, path) = paint("history mask @last", &[" ", "v", "\r"]);
    assert_eq!(code, 0);
    assert!(path.contains("/masks/") && path.ends_with(".png"), "{path}");
    let white = || {
        let mask = image::open(&path).unwrap().into_luma8();
        let white = mask.pixels().filter(|pixel| pixel.0 == [255]).count();
        (white, mask.pixels().count() - white)
    };
    let (painted, rest) = white();
    assert!(painted > rest && rest > 0);
    // It is gone on with, and left without a file.
    assert_eq!(paint("history mask @last", &["v", "\r"]), (0, path.clone()));
    assert_eq!(white(), (rest, painted));
    assert_eq!(paint("history mask @last -o none.png", &["\x1b"]), (0, String::new()));
}

/// How long it takes from the start to a frame, and from a key to what it changes; what it writes where nothing happens. A measurement,
/// made by hand with release builds: docs/performance.md.
#[test]
#[ignore = "a measurement"]
fn how_fast_it_is() {
    let home = Home::new();
    home.generate("rocket").ok();
    let mut firsts: Vec<Duration> = Vec::new();
    for _ in 0..9 {
        let begun = Instant::now();
        let mut terminal = Terminal::run(
            &home,
            "tui",
            120,
            &[("DARKROOM_IMAGES", "blocks"), ("LC_ALL", "C.UTF-8")],
            "",
        );
        terminal.wait_for("\x1b[?2026l");
        firsts.push(begun.elapsed());
        terminal.send(CTRL_Q);
        terminal.end();
    }
    firsts.sort();
    let mut terminal = open(&home, "tui", SIXEL);
    terminal.wait_for("\x1bP");
    let mut keys: Vec<Duration> = Vec::new();
    for _ in 0..200 {
        let before = terminal.written().len();
        let begun = Instant::now();
        terminal.send("x");
        wait_until("a frame", || terminal.written().len() > before);
        keys.push(begun.elapsed());
    }
    keys.sort();
    let before = terminal.written().len();
    std::thread::park_timeout(Duration::from_secs(60));
    let idle = terminal.written().len() - before;
    terminal.send(CTRL_Q);
    terminal.end();
    println!("first frame: median {:?}, most {:?}", firsts[4], firsts[8]);
    println!("a key, seen every 10 ms: median {:?}, p99 {:?}", keys[100], keys[197]);
    println!("60 s idle: {idle} bytes");
}
