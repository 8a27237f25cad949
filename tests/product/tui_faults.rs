//! The terminal client where things go wrong around it: a daemon that dies at any point of a session, a terminal that is closed or that
//! changes its size a thousand times, a megabyte in every place where text goes, a draft that cannot be kept, a client that is killed.

use rstest::rstest;

use crate::support::{Home, Mount, Terminal, is_alive, kill, processor_time, wait_until};

/// Asks for the attributes: the last question.
const QUESTION: &str = "\x1b[c";
const SIXEL: &str = "\x1b[?62;4c";
/// The end of a frame.
const FRAME: &str = "\x1b[?2026l";
const CTRL_P: &str = "\x10";
const CTRL_Q: &str = "\x11";
const CTRL_S: &str = "\x13";
const CTRL_U: &str = "\x15";
/// Escape, as kitty says it: with a key right behind it, one byte would be Alt.
const ESC: &str = "\x1b[27u";
const ENTER: &str = "\r";
const TAB: &str = "\t";
const F2: &str = "\x1bOQ";
const F3: &str = "\x1bOR";
/// Of what lies over a screen.
const CORNER: &str = "┌";
const AGAIN: &str = "The daemon is there again.";

fn begin(home: &Home) -> Terminal<'_> {
    let mut terminal = Terminal::run(home, "tui", 120, &[("LC_ALL", "C.UTF-8")], "");
    terminal.wait_for(QUESTION);
    terminal.send(SIXEL);
    terminal
}

fn open(home: &Home) -> Terminal<'_> {
    let terminal = begin(home);
    terminal.wait_for("Prompt");
    terminal
}

fn draft(home: &Home) -> String {
    std::fs::read_to_string(home.at("state/draft.json")).unwrap_or_default()
}

#[track_caller]
fn quit(mut terminal: Terminal<'_>) {
    terminal.send(CTRL_Q);
    assert_eq!(terminal.end(), 0);
    assert!(!terminal.written().contains("panicked"), "{}", terminal.written());
}

/// What is drawn word by word.
#[track_caller]
fn says(terminal: &Terminal<'_>, from: usize, words: &str) {
    words.split(' ').for_each(|word| terminal.wait_after(from, word));
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Point {
    BeforeTheFirstFrame,
    JobRuns,
    GalleryLoads,
    PaletteIsOpen,
}

#[rstest]
fn a_daemon_that_is_killed_is_told_of_and_followed_by_another(
    #[values(
        Point::BeforeTheFirstFrame,
        Point::JobRuns,
        Point::GalleryLoads,
        Point::PaletteIsOpen
    )]
    point: Point,
) {
    let home = Home::new();
    home.generate("rocket").ok();
    let daemon = home.daemon_pid().unwrap();
    let mut terminal = if point == Point::BeforeTheFirstFrame {
        let mut terminal = Terminal::run(&home, "tui", 120, &[("LC_ALL", "C.UTF-8")], "");
        terminal.wait_for(QUESTION);
        kill(daemon, "KILL");
        terminal.send(SIXEL);
        terminal.wait_for("Prompt");
        terminal
    } else {
        let terminal = open(&home);
        // It has told what it has.
        terminal.wait_for("\x1bP");
        terminal
    };
    let from = terminal.written().len();
    match point {
        Point::BeforeTheFirstFrame => {}
        Point::JobRuns => {
            home.hold("denoise:");
            terminal.send(&format!("apple{CTRL_S}"));
            wait_until("a job that runs", || {
                home.jobs().iter().any(|job| job["state"] == "running")
            });
        }
        Point::GalleryLoads => terminal.send(F3),
        Point::PaletteIsOpen => {
            terminal.send(CTRL_P);
            terminal.wait_after(from, CORNER);
        }
    }
    if point != Point::BeforeTheFirstFrame {
        kill(daemon, "KILL");
        says(&terminal, from, AGAIN);
    }
    let _ = std::fs::remove_file(home.at("hold"));
    wait_until("another daemon", || home.daemon_pid().is_some_and(|pid| pid != daemon));
    match point {
        Point::JobRuns => home.all_end(),
        Point::PaletteIsOpen => terminal.send(ESC),
        _ => {}
    }
    let many = home.jobs().len();
    // Create, wherever it is.
    terminal.send(&format!("\x1bOP{CTRL_S}"));
    wait_until("one job more", || home.jobs().len() > many);
    home.all_end();
    assert!(
        home.jobs().iter().all(|job| job["state"] == "done"),
        "{:#?}",
        home.jobs()
    );
    quit(terminal);
}

#[test]
fn a_terminal_that_is_closed_ends_the_client_which_does_not_spin_before() {
    let home = Home::new();
    let mut terminal = open(&home);
    let pid = terminal.pid();
    terminal.send("kept");
    wait_until("the draft", || draft(&home).contains("kept"));
    let before = processor_time(pid);
    terminal.close();
    let mut last = before;
    wait_until("the client's end", || {
        let is_there = is_alive(pid);
        if is_there {
            last = processor_time(pid);
        }
        !is_there
    });
    let took = last.saturating_sub(before);
    assert!(took.as_secs() < 2, "it took {took:?} of a processor");
    assert!(draft(&home).contains("kept"));
}

/// Nothing of what gives the terminal back arrives there; the client ends all the same.
#[test]
fn a_terminal_that_takes_nothing_any_more_keeps_no_client_alive() {
    let home = Home::new();
    let terminal = open(&home);
    let pid = terminal.pid();
    terminal.stop();
    // More than lies on the way to a terminal: the client stands in the midst of a frame, in `write` to its standard output.
    let call = || std::fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
    let waits = || ["1 0x1 ", "64 0x1 "].iter().any(|write| call().starts_with(write));
    let mut wide = false;
    wait_until("a client that waits for its terminal", || {
        wide = !wide;
        terminal.resize(if wide { 200 } else { 201 }, 60);
        waits()
    });
    terminal.signal("TERM");
    wait_until("the client's end", || !is_alive(pid));
}

/// A job with previews meanwhile.
#[test]
fn a_thousand_sizes_while_a_job_runs() {
    let home = Home::new();
    let mut job = home
        .command([
            "generate", "apple", "--steps", "1000", "-W", "64", "-H", "64", "--batch", "99",
        ])
        .spawn()
        .unwrap();
    wait_until("a job", || home.daemon_pid().is_some() && !home.jobs().is_empty());
    let mut terminal = open(&home);
    terminal.wait_for("\x1bP");
    let mut random = fastrand::Rng::with_seed(7);
    for nth in 0..1000 {
        terminal.resize(random.u16(1..=300), random.u16(1..=100));
        if nth % 100 == 0 {
            let from = terminal.written().len();
            terminal.resize(90, 30);
            terminal.wait_after(from, FRAME);
        }
    }
    let from = terminal.written().len();
    terminal.resize(120, 40);
    says(&terminal, from, "Prompt Negative Steps darkroom");
    // Its rule from one side to the other.
    terminal.wait_after(from, &"─".repeat(120));
    terminal.wait_after(from, "\x1bP");
    terminal.send("fox");
    wait_until("the draft", || draft(&home).contains("fox"));
    quit(terminal);
    home.run("cancel --all").ok();
    drop(job.wait());
}

/// In every place where text goes: nothing panics, and the next key is seen.
#[test]
fn a_megabyte_is_pasted() {
    let home = Home::new();
    home.generate("rocket").ok();
    let mut terminal = open(&home);
    let paste = format!("\x1b[200~{}\x1b[201~", "fox ".repeat(1 << 18));
    // The prompt and the negative one; what is too long is told when it is handed over.
    for (field, key) in [("prompt", ""), ("negative", TAB)] {
        terminal.send(&format!("{key}{paste}"));
        terminal.send("QZ");
        wait_until(field, || {
            draft(&home).matches("fox QZ").count() == if key.is_empty() { 1 } else { 2 }
        });
    }
    let from = terminal.written().len();
    terminal.send(CTRL_S);
    says(&terminal, from, "65536 bytes");
    assert_eq!(home.jobs().len(), 1);
    // The line that is searched by, which takes a part of it.
    let from = terminal.written().len();
    terminal.send(F3);
    terminal.wait_after(from, "\x1bP");
    terminal.send(&format!("/{paste}"));
    let from = terminal.written().len();
    terminal.send(&format!("{CTRL_U}rocket{ENTER}"));
    terminal.wait_after(from, "\x1bP");
    let from = terminal.written().len();
    terminal.send("t");
    says(&terminal, from, "separated");
    // A question.
    terminal.send(&paste);
    terminal.send(&format!("{CTRL_U}night{ENTER}"));
    let tagged = || home.run("history search tag:night --json").ok().json().len() == 1;
    wait_until("the tag", tagged);
    // The palette.
    terminal.send(&format!("{CTRL_P}{paste}"));
    terminal.send(&format!("{CTRL_U}queue{ENTER}"));
    terminal.send(F2);
    quit(terminal);
    // All of it was kept.
    let mut terminal = open(&home);
    terminal.send("more");
    wait_until("the draft", || draft(&home).contains("fox QZmore"));
    assert!(draft(&home).len() > 2 << 20);
    quit(terminal);
}

#[test]
fn a_draft_that_cannot_be_kept_is_told_of_once() {
    let home = Home::new();
    let mut terminal = open(&home);
    // In the way of the file that is written first.
    std::fs::create_dir_all(home.at("state/draft.new")).unwrap();
    let from = terminal.written().len();
    terminal.send("a");
    says(&terminal, from, "The draft cannot be kept");
    terminal.send(ESC);
    let from = terminal.written().len();
    terminal.send("b");
    terminal.send("c");
    // Behind them, so that what they have done is seen.
    terminal.send(CTRL_P);
    terminal.wait_after(from, CORNER);
    terminal.send(ESC);
    assert!(!terminal.written()[from..].contains("cannot"), "it is said once");
    std::fs::remove_dir(home.at("state/draft.new")).unwrap();
    terminal.send("d");
    wait_until("the draft", || draft(&home).contains("abcd"));
    quit(terminal);
}

/// Only root may make a disk that is full.
#[test]
fn a_full_disk_takes_no_draft_away() {
    let home = Home::new();
    let mut terminal = open(&home);
    terminal.send("first");
    wait_until("the draft", || draft(&home).contains("first"));
    let state = home.at("state");
    let Some(disk) = Mount::new(&state, &["-t", "tmpfs", "-o", "size=16k", "tmpfs"]) else {
        return quit(terminal);
    };
    let filled = std::fs::write(state.join("filler"), vec![0; 64 << 10]);
    assert!(filled.is_err());
    let from = terminal.written().len();
    terminal.send("second");
    says(&terminal, from, "The draft cannot be kept");
    drop(disk);
    assert!(draft(&home).contains("first"));
    terminal.send("third");
    wait_until("the draft", || draft(&home).contains("firstsecondthird"));
    quit(terminal);
}

#[test]
fn a_client_that_is_killed_leaves_its_draft() {
    let home = Home::new();
    let mut terminal = open(&home);
    terminal.send("rocket");
    terminal.send(TAB);
    terminal.send("blurry");
    wait_until("the draft", || draft(&home).contains("blurry"));
    let pid = terminal.pid();
    kill(pid, "KILL");
    wait_until("its end", || !is_alive(pid));
    let terminal = open(&home);
    terminal.wait_for("rocket");
    terminal.wait_for("blurry");
    quit(terminal);
}

/// What was typed right before the end is kept too.
#[test]
fn the_last_keys_before_the_end_are_kept() {
    let home = Home::new();
    let mut terminal = open(&home);
    terminal.send(&format!("rocket{CTRL_Q}"));
    assert_eq!(terminal.end(), 0);
    assert!(draft(&home).contains("rocket"));
}
