//! The terminal client on terminals that answer as the known ones do: each gets its own kind of picture, byte by byte, no answer becomes a
//! key however late it comes, and no picture stays where it is not wanted: under a popup, after a stop, after the end. What the terminals
//! answer was measured inside them, or read from their sources where they cannot be had.

use rstest::rstest;

use crate::support::{Home, Terminal, wait_until};

/// Asks for the attributes: the last question.
const QUESTION: &str = "\x1b[c";
const KITTY: &str =
    "\x1b_Gi=31;OK\x1b\\\x1b[6;20;10t\x1bP>|kitty(0.48.2)\x1b\\\x1b]11;rgb:1111/1111/1111\x1b\\\x1b[?62;52;c";
/// kitty around a tmux that lets pictures pass.
const TMUX: &str = "\x1b[?1;2c\x1b_Gi=31;OK\x1b\\\x1bP>|kitty(0.48.2)\x1b\\\x1b[6;20;10t\x1b[?62;52;c";
const IN_TMUX: &[(&str, &str)] = &[
    ("TMUX", "/nowhere,1,0"),
    ("TERM", "tmux-256color"),
    ("COLORTERM", "truecolor"),
];
const ENTERED: &str = "\x1b[?1049h";
const LEFT: &str = "\x1b[?1049l";
const CTRL_P: &str = "\x10";
const CTRL_Q: &str = "\x11";
/// Escape, as kitty says it: with a key right behind it, one byte would be Alt.
const ESC: &str = "\x1b[27u";
const FOCUS_GAINED: &str = "\x1b[I";

/// Where a text is like that; a `*` of the pattern stands for digits.
fn find(text: &str, pattern: &str) -> Option<(usize, Vec<String>)> {
    let parts: Vec<&str> = pattern.split('*').collect();
    text.match_indices(parts[0]).find_map(|(at, _)| {
        let (mut rest, mut numbers) = (&text[at + parts[0].len()..], Vec::new());
        for part in &parts[1..] {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            numbers.push(rest[..digits].to_owned());
            rest = rest[digits..].strip_prefix(part).filter(|_| digits > 0)?;
        }
        Some((at, numbers))
    })
}

/// The numbers of the first picture that comes after so many bytes.
#[track_caller]
fn picture(terminal: &Terminal<'_>, from: usize, pattern: &str) -> Vec<String> {
    let new = || terminal.written().get(from..).and_then(|new| find(new, pattern));
    wait_until(&format!("{pattern:?}; there is {:?}", terminal.written()), || {
        new().is_some()
    });
    new().unwrap().1
}

/// The client with a picture to show, on a terminal that answers so.
fn open<'a>(home: &'a Home, variables: &[(&str, &str)], answer: &str) -> Terminal<'a> {
    home.generate("rocket").ok();
    let all: Vec<(&str, &str)> = [("LC_ALL", "C.UTF-8")].iter().chain(variables).copied().collect();
    let mut terminal = Terminal::run(home, "tui", 120, &all, "");
    if !answer.is_empty() {
        terminal.wait_for(QUESTION);
        terminal.send(answer);
    }
    terminal.wait_for("Prompt");
    terminal
}

#[track_caller]
fn quit(mut terminal: Terminal<'_>) -> String {
    terminal.send(CTRL_Q);
    assert_eq!(terminal.left(), "");
    terminal.written()
}

const OVER_KITTY: &str = "\x1b7\x1b[*;*H\x1b_Ga=T,f=100,q=2,C=1,c=*,i=*,p=1,z=-1,m=*;iVBORw0KGgo";
const OVER_SIXEL: &str = "\x1b7\x1b[*;*H\x1bP";
const OVER_ITERM: &str =
    "\x1b7\x1b[*;*H\x1b]1337;File=inline=1;size=*;width=*;height=*;preserveAspectRatio=1:iVBORw0KGgo";
const IN_CELLS: &str = "\x1bPtmux;\x1b\x1b_Ga=T,f=100,q=2,U=1,i=*,c=*,r=*,m=*;iVBORw0KGgo";
const BLOCKS: &str = "▀";

#[rstest]
#[case::kitty(&[("TERM", "xterm-kitty")], KITTY, OVER_KITTY)]
#[case::ghostty(
    &[("TERM", "xterm-ghostty"), ("TERM_PROGRAM", "ghostty")],
    "\x1b_Gi=31;OK\x1b\\\x1b[6;20;10t\x1bP>|ghostty 1.2.3\x1b\\\x1b]11;rgb:1111/1111/1111\x1b\\\x1b[?62;22;52c",
    OVER_KITTY
)]
#[case::wezterm(&[("TERM_PROGRAM", "WezTerm")], "", OVER_ITERM)]
#[case::wezterm_by_ssh(
    &[],
    "\x1b_Gi=31;OK\x1b\\\x1b[6;20;10t\x1bP>|WezTerm 20240203-110809-5046fc22\x1b\\\x1b[?65;4;6;18;22c",
    OVER_KITTY
)]
#[case::iterm2(&[("TERM_PROGRAM", "iTerm.app")], "", OVER_ITERM)]
#[case::iterm2_by_ssh(&[("LC_TERMINAL", "iTerm2")], "", OVER_ITERM)]
#[case::foot(
    &[("TERM", "foot")],
    "\x1b[6;20;10t\x1bP>|foot(1.21.0)\x1b\\\x1b]11;rgb:1111/1111/1111\x1b\\\x1b[?62;4;22;28c",
    OVER_SIXEL
)]
#[case::konsole(
    &[("KONSOLE_VERSION", "221203")],
    "\x1b_Gi=31;OK\x1b\\\x1b[6;20;10t\x1bP>|Konsole 22.12.3\x1b\\\x1b[?62;1;4c",
    OVER_SIXEL
)]
#[case::konsole_by_ssh(
    &[],
    "\x1b_Gi=31;OK\x1b\\\x1b[6;20;10t\x1bP>|Konsole 22.12.3\x1b\\\x1b[?62;1;4c",
    OVER_SIXEL
)]
#[case::mlterm(&[("TERM", "mlterm")], "\x1b[6;20;10t\x1b[?63;1;2;3;4;6;7;15;18;22;29c", OVER_SIXEL)]
#[case::xterm_with_sixel(&[], "\x1bP>|XTerm(379)\x1b\\\x1b[?63;1;2;4;6;9;15;16;22;28c", OVER_SIXEL)]
#[case::xterm(&[], "\x1bP>|XTerm(379)\x1b\\\x1b[?64;1;2;6;9;15;16;17;18;21;22;28c", BLOCKS)]
#[case::tmux(IN_TMUX, TMUX, IN_CELLS)]
#[case::tmux_that_keeps_them(IN_TMUX, "\x1b[?1;2c", BLOCKS)]
#[case::zellij(
    &[("TERM", "xterm-kitty"), ("ZELLIJ", "0")],
    "\x1b_Gi=31;OK\x1b\\\x1b[6;20;10t\x1bP>|Zellij(4500)\x1b\\\x1b[?62;52c",
    OVER_KITTY
)]
#[case::plain(&[], "\x1b[?1;2c", BLOCKS)]
#[case::silent(&[], "", BLOCKS)]
fn each_terminal_gets_its_own_kind_of_picture(
    #[case] variables: &[(&str, &str)],
    #[case] answer: &str,
    #[case] pattern: &str,
) {
    let home = Home::new();
    let terminal = open(&home, variables, answer);
    picture(&terminal, 0, pattern);
    let written = quit(terminal);
    for (other, beginning) in [
        (OVER_KITTY, "\x1b_Ga=T"),
        (OVER_SIXEL, "\x1bP0"),
        (OVER_ITERM, "\x1b]1337;File"),
        (BLOCKS, "▀"),
    ] {
        let is_other = pattern != other && !(pattern == IN_CELLS && other == OVER_KITTY);
        assert!(!is_other || !written.contains(beginning), "{beginning:?}: {written:?}");
    }
}

#[test]
fn a_dumb_terminal_gets_no_picture() {
    let home = Home::new();
    let terminal = open(&home, &[("TERM", "dumb")], "");
    let written = quit(terminal);
    for beginning in ["\x1b_G", "\x1bP", "\x1b]1337", "▀"] {
        assert!(!written.contains(beginning), "{beginning:?}");
    }
}

/// Of a picture, and only of that.
fn taken_off(id: &str, is_in_tmux: bool) -> String {
    match is_in_tmux {
        true => format!("\x1bPtmux;\x1b\x1b_Ga=d,d=I,i={id},q=2\x1b\x1b\\\x1b\\"),
        false => format!("\x1b_Ga=d,d=I,i={id},q=2\x1b\\"),
    }
}

#[rstest]
#[case::quit(None)]
#[case::ended(Some("TERM"))]
#[case::interrupted(Some("INT"))]
#[case::hung_up(Some("HUP"))]
fn no_picture_stays_behind(#[case] signal: Option<&str>, #[values(false, true)] is_in_tmux: bool) {
    let home = Home::new();
    let (variables, answer, pattern) = match is_in_tmux {
        true => (IN_TMUX, TMUX, IN_CELLS),
        false => (&[][..], KITTY, OVER_KITTY),
    };
    let mut terminal = open(&home, variables, answer);
    let numbers = picture(&terminal, 0, pattern);
    let id = if is_in_tmux { &numbers[0] } else { &numbers[3] };
    match signal {
        None => terminal.send(CTRL_Q),
        Some(signal) => terminal.signal(signal),
    }
    terminal.end();
    let written = terminal.written();
    let (off, left) = (written.rfind(&taken_off(id, is_in_tmux)), written.rfind(LEFT));
    assert!(off.is_some() && off < left, "{written:?}");
    let last = written.rfind(if is_in_tmux { "U=1,i=" } else { "_Ga=T" });
    assert!(last < off, "{written:?}");
    assert!(!terminal.is_raw(), "the shell has its terminal again");
}

/// The picture goes from under what lies over it, and comes again whenever the terminal may have lost it.
#[test]
fn a_picture_that_the_terminal_draws_makes_way_and_comes_again() {
    let home = Home::new();
    let mut terminal = open(&home, &[], KITTY);
    let id = picture(&terminal, 0, OVER_KITTY)[3].clone();
    let off = taken_off(&id, false);
    let mut from = terminal.written().len();
    terminal.send(CTRL_P);
    terminal.wait_after(from, &off);
    from = terminal.written().len();
    terminal.send(ESC);
    assert_eq!(picture(&terminal, from, OVER_KITTY)[3], id);
    from = terminal.written().len();
    terminal.send(FOCUS_GAINED);
    assert_eq!(picture(&terminal, from, OVER_KITTY)[3], id);
    from = terminal.written().len();
    terminal.resize(140, 40);
    terminal.wait_after(from, &off);
    let larger = picture(&terminal, from, OVER_KITTY)[3].clone();
    assert_ne!(larger, id);
    let written = quit(terminal);
    assert!(written.rfind(&taken_off(&larger, false)) > written.rfind("_Ga=T"));
}

#[test]
fn a_picture_in_cells_is_covered_by_text_and_given_again_where_it_may_be_lost() {
    let home = Home::new();
    let mut terminal = open(&home, IN_TMUX, TMUX);
    let id = picture(&terminal, 0, IN_CELLS)[0].clone();
    let number: u32 = id.parse().unwrap();
    let [_, r, g, b] = number.to_be_bytes();
    let colour = format!("38;2;{r};{g};{b}");
    wait_until("cells of its colour", || terminal.written().contains(&colour));
    terminal.wait_for("\u{10eeee}");
    let mut from = terminal.written().len();
    terminal.send(CTRL_P);
    terminal.wait_after(from, "\x1b[?2026l");
    terminal.send(ESC);
    terminal.wait_after(from, "\u{10eeee}");
    let meanwhile = terminal.written()[from..].to_owned();
    assert!(
        !meanwhile.contains("_Ga="),
        "it was neither taken off nor given: {meanwhile:?}"
    );
    from = terminal.written().len();
    terminal.send(FOCUS_GAINED);
    assert_eq!(picture(&terminal, from, IN_CELLS)[0], id);
    from = terminal.written().len();
    terminal.resize(140, 40);
    terminal.wait_after(from, &taken_off(&id, true));
    assert_ne!(picture(&terminal, from, IN_CELLS)[0], id);
    quit(terminal);
}

#[rstest]
#[case::by_a_key(None)]
#[case::by_a_signal(Some("TSTP"))]
#[case::by_a_signal_that_nobody_hears(Some("STOP"))]
fn a_client_that_was_stopped_goes_on_where_it_was(#[case] signal: Option<&str>) {
    let home = Home::new();
    let mut terminal = open(&home, &[], KITTY);
    let id = picture(&terminal, 0, OVER_KITTY)[3].clone();
    terminal.send("zzz");
    let draft = || std::fs::read_to_string(home.at("state/draft.json")).unwrap_or_default();
    wait_until("the draft", || draft().contains("zzz"));
    let from = terminal.written().len();
    match signal {
        None => terminal.send("\x1a"),
        Some(signal) => terminal.signal(signal),
    }
    let pid = terminal.pid();
    let is_stopped = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(") ").unwrap().1.starts_with('T')
    };
    wait_until("the stop", is_stopped);
    if signal != Some("STOP") {
        let meanwhile = terminal.written()[from..].to_owned();
        let off = meanwhile.find(&taken_off(&id, false));
        assert!(off.is_some() && off < meanwhile.find(LEFT), "{meanwhile:?}");
        assert!(!terminal.is_raw());
    }
    let from = terminal.written().len();
    terminal.signal("CONT");
    terminal.wait_after(from, ENTERED);
    assert_eq!(picture(&terminal, from, OVER_KITTY)[3], id);
    assert!(terminal.is_raw());
    terminal.wait_after(from, "zzz");
    terminal.wait_after(from, "\x1b[?1000h");
    terminal.send("y");
    wait_until("the draft", || draft().contains("zzzy"));
    quit(terminal);
}

#[test]
fn an_editor_has_the_terminal_for_itself() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    let editor = home.at("editor");
    let script = "#!/bin/sh\nstty -a | grep -q ' icanon' && echo cooked\nprintf 'edited' > \"$1\"\n";
    std::fs::write(&editor, script).unwrap();
    std::fs::set_permissions(&editor, std::fs::Permissions::from_mode(0o755)).unwrap();
    let editor = editor.to_str().unwrap().to_owned();
    let mut terminal = open(&home, &[("VISUAL", &editor)], KITTY);
    let id = picture(&terminal, 0, OVER_KITTY)[3].clone();
    let from = terminal.written().len();
    terminal.send("\x05");
    terminal.wait_after(from, "cooked");
    terminal.wait_after(from, "edited");
    assert_eq!(picture(&terminal, from, OVER_KITTY)[3], id);
    let written = terminal.written()[from..].to_owned();
    let order = [taken_off(&id, false).as_str(), LEFT, "cooked", ENTERED, "_Ga=T"].map(|part| written.find(part));
    assert!(order.is_sorted() && order[0].is_some(), "{order:?}: {written:?}");
    quit(terminal);
}

/// Keys before, between and behind the answers, which come when the client is there, in pieces that a slow link made.
#[test]
fn late_answers_are_no_keys_and_keys_are_not_lost() {
    let home = Home::new();
    home.generate("rocket").ok();
    let mut terminal = Terminal::run(&home, "tui", 120, &[("LC_ALL", "C.UTF-8")], "");
    terminal.wait_for(QUESTION);
    // While it is asked.
    terminal.send("one");
    terminal.wait_for("Prompt");
    terminal.wait_for(BLOCKS);
    terminal.wait_for("one");
    let cuts = [
        "\x1b_Gi=3",
        "1;OK\x1b",
        "\\\x1b[6;2",
        "0;10t\x1bP>|kit",
        "ty(0.48.2)\x1b\\",
        "\x1b[?62;5",
        "2;c",
    ];
    for piece in cuts {
        terminal.send(piece);
        // Longer than Escape waits for what is behind it: so long a key would have been taken for one.
        std::thread::park_timeout(std::time::Duration::from_millis(120));
    }
    terminal.send("two");
    let draft = || std::fs::read_to_string(home.at("state/draft.json")).unwrap_or_default();
    wait_until("the draft", || draft().contains("onetwo"));
    terminal.send(CTRL_Q);
    assert_eq!(terminal.left(), "");
    // It was learnt: the next client begins with it, and asks nothing.
    let kept = std::fs::read_to_string(home.at("run/terminals")).unwrap();
    assert!(
        kept.contains("kitty=true") && kept.contains("name=kitty(0.48.2)"),
        "{kept}"
    );
}

#[test]
fn answers_that_come_after_the_end_do_not_reach_the_shell() {
    let home = Home::new();
    let mut terminal = Terminal::run(&home, "tui", 120, &[("LC_ALL", "C.UTF-8")], "");
    terminal.wait_for("Prompt");
    terminal.send(CTRL_Q);
    terminal.wait_for(LEFT);
    terminal.send(&format!("l{KITTY}s\n"));
    assert_eq!(terminal.left(), "ls");
}
