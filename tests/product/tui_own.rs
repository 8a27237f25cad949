//! What a person has chosen for the terminal client, against a real daemon and the embedded model: settings that count at once, notices,
//! plain lines through pipes and on a terminal, and what `doctor` says of the terminal.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use crate::support::{Home, Ran, Terminal, wait_until};

/// Asks for the attributes: the last question.
const QUESTION: &str = "\x1b[c";
const SIXEL: &str = "\x1b[?62;4c";
const CTRL_Q: &str = "\x11";
const F9: &str = "\x1b[20~";
const FOCUS_LOST: &str = "\x1b[O";

fn write(home: &Home, text: &str) {
    std::fs::create_dir_all(home.at("config")).unwrap();
    std::fs::write(home.at("config/tui.toml"), text).unwrap();
}

#[test]
fn settings_count_at_once_and_wrong_ones_are_told() {
    let home = Home::new();
    let mut terminal = Terminal::run(&home, "tui", 120, &[("LC_ALL", "C.UTF-8")], "");
    terminal.wait_for(QUESTION);
    terminal.send(SIXEL);
    terminal.wait_for("Prompt");
    let good = "mouse = false\nnotify = 'osc9'\nnotify_after = 0\n[keys]\ngenerate = ['f9']\n";
    write(&home, good);
    terminal.wait_for("F9");
    terminal.wait_for("\x1b[?1000l");
    write(&home, "them = 'dark'");
    terminal.wait_for("did you mean theme?");
    // What counted before goes on counting.
    terminal.send(FOCUS_LOST);
    terminal.send("rocket");
    terminal.send(F9);
    terminal.wait_for("\x1b]9;darkroom: Done: rocket\x07");
    assert_eq!(home.pictures().len(), 1);
    terminal.send(CTRL_Q);
    assert_eq!(terminal.end(), 0);
}

#[test]
fn plain_lines_go_through_pipes() {
    let home = Home::new();
    let mut child = home.command(["tui", "--plain"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut until = |words: &str| {
        let line = lines.find(|line| line.contains(words));
        line.unwrap_or_else(|| panic!("no line says {words}"))
    };
    for line in [
        "/set steps 1",
        "/set width 16",
        "/set height 16",
        "/set steps many",
        "/quti",
        "rocket",
    ] {
        writeln!(input, "{line}").unwrap();
    }
    until("steps is 1.");
    until("steps is a whole number");
    until("did you mean /quit?");
    until("Job 1 is taken");
    let path = until("picture 1 is saved: ");
    let path = path.rsplit_once(": ").unwrap().1.to_owned();
    until("Job 1 is done: rocket");
    assert_eq!(home.pictures(), [std::path::PathBuf::from(&path)]);
    writeln!(input, "/last\n/queue\n/cancel 1\n/quit").unwrap();
    assert_eq!(until("/"), path);
    until("Job 1 is done: rocket");
    until("it has ended.");
    until("No job is left.");
    let ended = Ran::of(child.wait_with_output().unwrap()).ok();
    assert_eq!(ended.stderr, "");
}

#[test]
fn the_end_of_input_says_what_goes_on_and_loses_nothing() {
    let home = Home::new();
    home.hold("denoise:1:1");
    let mut child = home.command(["tui", "--plain"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"rocket\napple").unwrap();
    let ended = Ran::of(child.wait_with_output().unwrap()).ok();
    ended.printable();
    assert!(
        ended
            .stdout
            .ends_with("2 jobs go on; `darkroom queue` tells how far they are.\n"),
        "{ended:#?}"
    );
    assert_eq!(home.jobs().len(), 2);
}

#[test]
fn plain_lines_on_a_terminal_move_no_cursor() {
    let home = Home::new();
    write(&home, "plain = true");
    let mut terminal = Terminal::run(&home, "tui", 80, &[], "");
    terminal.wait_for("in plain lines");
    terminal.send("/params\n");
    terminal.wait_for("steps is ");
    terminal.send("/quit\n");
    assert_eq!(terminal.end(), 0);
    assert!(!terminal.written().contains('\x1b'), "{:?}", terminal.written());
}

#[test]
fn doctor_tells_of_the_terminal_and_leaves_no_answer_behind() {
    let home = Home::new();
    let mut terminal = Terminal::run(&home, "doctor --terminal", 120, &[("COLORTERM", "truecolor")], "");
    terminal.wait_for(QUESTION);
    terminal.send("l\x1bP>|foot(1.21.0)\x1b\\\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[6;20;10t\x1b[?62;4cs\n");
    assert_eq!(terminal.end(), 0);
    let written = terminal.written();
    for words in [
        "foot(1.21.0)",
        "120 × 24 cells; pixels: 1200 × 480",
        "10 × 20 pixels: the terminal",
        "\\u{1b}]11;rgb:ffff/ffff/ffff",
        "sixel: the terminal's attributes name sixel",
        "#ffffff, as the terminal told",
        "light: ",
    ] {
        assert!(written.contains(words), "{words}: {written:?}");
    }
    if !written.contains("the system forbids") {
        assert_eq!(terminal.left(), "ls");
    }
}

#[test]
fn doctor_says_where_there_is_no_terminal() {
    let home = Home::new();
    let ran = home.run("doctor --terminal").ok();
    ran.printable();
    assert!(ran.stdout.contains("none: standard output is no terminal"), "{ran:#?}");
    let json = &home.run("doctor --terminal --json").ok().json()[0];
    assert_eq!((&json["terminal"], &json["protocol"]), (&false.into(), &"off".into()));
    // Nothing of that starts a daemon.
    wait_until("no daemon", || home.daemon_pid().is_none());
}
