//! Text of strangers at the client's doors: nothing of it reaches the terminal as what a terminal obeys or as what turns its neighbours, on
//! no screen, in no notice, in no plain line, and not from the terminal itself, which may have any name. What every cell holds is tested
//! beside the client.

use std::io::Write as _;
use std::process::Stdio;

use crate::support::{Home, Ran, Terminal, wait_until};

/// Asks for the attributes: the last question.
const QUESTION: &str = "\x1b[c";
const HOSTILE: &str =
    "rocket \x1b]0;owned\x07\x1b]52;c;b3duZWQ=\x07\u{9b}5m \u{202e}gnp.\u{2066}x 👩‍👩‍👧‍👦 שלום e\u{301}\u{200d} end";
const CTRL_Q: &str = "\x11";
const FOCUS_LOST: &str = "\x1b[O";
const SCREENS: [&str; 5] = ["\x1bOQ", "\x1bOR", "\x1bOS", "\x1b[17~", "\x1bOP"];

/// Nothing of [`HOSTILE`] does anything.
#[track_caller]
fn is_harmless(written: &str) {
    for part in ["\x1b]0;", "\x1b]52;", "\u{9b}", "\u{202e}", "\u{2066}"] {
        assert!(!written.contains(part), "{part:?}: {written:?}");
    }
}

fn made(home: &Home, prompt: &str) {
    let words = ["generate", prompt, "-W", "16", "-H", "16", "--steps", "1"];
    home.run_args(words).ok();
}

#[test]
fn no_screen_and_no_notice_obeys_a_prompt() {
    let home = Home::new();
    std::fs::create_dir_all(home.at("config")).unwrap();
    std::fs::write(home.at("config/tui.toml"), "notify = 'osc777'\nnotify_after = 0\n").unwrap();
    made(&home, HOSTILE);
    let variables = [("LC_ALL", "C.UTF-8"), ("DARKROOM_IMAGES", "off")];
    let mut terminal = Terminal::run(&home, "tui", 120, &variables, "");
    terminal.wait_for("Prompt");
    terminal.send(FOCUS_LOST);
    for screen in SCREENS {
        let from = terminal.written().len();
        terminal.send(screen);
        terminal.wait_after(from, "\x1b[?2026l");
        // What is opened, and closed again.
        terminal.send("\r");
    }
    // As a client sees one that was made elsewhere.
    made(&home, &format!("apple {HOSTILE}"));
    terminal.wait_for("\x1b]777;notify;darkroom;Done: apple rocket");
    terminal.send(CTRL_Q);
    assert_eq!(terminal.end(), 0);
    is_harmless(&terminal.written());
}

#[test]
fn what_is_pasted_is_kept_and_obeyed_by_nothing() {
    let home = Home::new();
    let variables = [("LC_ALL", "C.UTF-8"), ("DARKROOM_IMAGES", "off")];
    let mut terminal = Terminal::run(&home, "tui", 120, &variables, "");
    terminal.wait_for("Prompt");
    terminal.send(&format!("\x1b[200~{HOSTILE}\0\x1b[201~"));
    let draft = || std::fs::read_to_string(home.at("state/draft.json")).unwrap_or_default();
    wait_until("the draft", || draft().contains("end"));
    // A draft may hold anything, and is shown when the client is there again.
    terminal.send(CTRL_Q);
    assert_eq!(terminal.end(), 0);
    is_harmless(&terminal.written());
    let mut hostile: serde_json::Value = serde_json::from_str(&draft()).unwrap();
    hostile["prompt"] = HOSTILE.into();
    hostile["negative"] = HOSTILE.into();
    std::fs::write(home.at("state/draft.json"), hostile.to_string()).unwrap();
    let mut terminal = Terminal::run(&home, "tui", 120, &variables, "");
    terminal.wait_for("Prompt");
    terminal.wait_for("gnp.");
    terminal.send(CTRL_Q);
    assert_eq!(terminal.end(), 0);
    is_harmless(&terminal.written());
}

#[test]
fn plain_lines_obey_no_prompt() {
    let home = Home::new();
    made(&home, HOSTILE);
    let mut child = home.command(["tui", "--plain"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "{HOSTILE}\n/queue\n/set {HOSTILE}\n/{HOSTILE}\n/params").unwrap();
    drop(input);
    let ended = Ran::of(child.wait_with_output().unwrap()).ok();
    ended.printable();
    is_harmless(&ended.stdout);
    assert!(ended.stdout.contains("rocket"), "{ended:#?}");
}

#[test]
fn a_terminal_of_any_name_is_told_of_harmlessly() {
    let home = Home::new();
    let variables = [("LC_ALL", "C.UTF-8"), ("TERM_PROGRAM", "x\x1b]0;owned\x07\u{202e}")];
    let mut terminal = Terminal::run(&home, "doctor --terminal", 120, &variables, "");
    terminal.wait_for(QUESTION);
    terminal.send("\x1bP>|evil\u{202e}\u{9b}5m\x01\x1b\\\x1b[?62c");
    assert_eq!(terminal.end(), 0);
    is_harmless(&terminal.written());
    assert!(terminal.written().contains("evil\\u{202e}"), "{:?}", terminal.written());
    // Nor does the client.
    let mut terminal = Terminal::run(&home, "tui", 120, &variables, "");
    terminal.wait_for(QUESTION);
    terminal.send("\x1bP>|evil\u{202e}\u{9b}5m\x01\x1b\\\x1b[?62c");
    terminal.wait_for("Prompt");
    terminal.send(CTRL_Q);
    assert_eq!(terminal.end(), 0);
    is_harmless(&terminal.written());
}
