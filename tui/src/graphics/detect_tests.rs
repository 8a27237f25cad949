//! Which protocol, name and background are found, by what the environment, tmux and the terminal say.

use super::*;
use rstest::rstest;

const NOTHING: Answers = answers(false, false);
const KITTY: Answers = answers(true, false);
const SIXEL: Answers = answers(false, true);

const fn answers(kitty: bool, sixel: bool) -> Answers {
    Answers {
        kitty,
        sixel,
        cell: None,
        name: String::new(),
        ground: None,
        outer: None,
    }
}

fn found(env: &[(&str, &str)], is_terminal: bool, answers: Option<Answers>) -> Found {
    in_mux(env, is_terminal, answers, None)
}

fn in_mux(env: &[(&str, &str)], is_terminal: bool, answers: Option<Answers>, tmux: Option<&str>) -> Found {
    let lookup = |name: &str| {
        let hit = env.iter().find(|(key, _)| *key == name);
        hit.map(|(_, value)| (*value).to_owned())
    };
    let ask = Ask {
        terminal: &|_| answers.clone(),
        tmux: &|_| tmux.map(str::to_owned),
    };
    choose(&lookup, "auto", (!is_terminal).then_some("it is a pipe"), &ask)
}

#[rstest]
#[case::wish(&[("DARKROOM_IMAGES", "sixel"), ("TERM", "xterm")], Some(KITTY), Protocol::Sixel)]
#[case::off(&[("DARKROOM_IMAGES", "OFF"), ("TERM", "xterm")], Some(KITTY), Protocol::Off)]
#[case::auto(&[("DARKROOM_IMAGES", "auto"), ("TERM", "xterm")], Some(KITTY), Protocol::Kitty)]
#[case::nonsense(&[("DARKROOM_IMAGES", "ascii"), ("TERM", "xterm")], Some(SIXEL), Protocol::Sixel)]
#[case::dumb(&[("TERM", "dumb")], Some(KITTY), Protocol::Off)]
#[case::none(&[], Some(KITTY), Protocol::Off)]
#[case::console(&[("TERM", "linux")], Some(KITTY), Protocol::Blocks)]
#[case::iterm(&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "iTerm.app")], Some(KITTY), Protocol::Iterm)]
#[case::iterm_over_ssh(&[("TERM", "xterm-256color"), ("LC_TERMINAL", "iTerm2")], Some(KITTY), Protocol::Iterm)]
#[case::iterm_in_tmux(&[("TERM", "tmux"), ("TMUX", "/tmp/x"), ("LC_TERMINAL", "iTerm2")], Some(NOTHING), Protocol::Blocks)]
#[case::wezterm(&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "WezTerm")], None, Protocol::Iterm)]
#[case::apple(&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "Apple_Terminal")], Some(KITTY), Protocol::Blocks)]
#[case::konsole(&[("TERM", "xterm-256color"), ("KONSOLE_VERSION", "221203")], Some(Answers { sixel: true, ..KITTY }), Protocol::Sixel)]
#[case::konsole_by_ssh(&[("TERM", "xterm-256color")], Some(Answers { sixel: true, name: "Konsole 22.12.3".to_owned(), ..KITTY }), Protocol::Sixel)]
#[case::foot(&[("TERM", "foot")], Some(SIXEL), Protocol::Sixel)]
#[case::tmux_with_sixel(&[("TERM", "tmux-256color"), ("TMUX", "/tmp/x")], Some(SIXEL), Protocol::Sixel)]
#[case::silent(&[("TERM", "xterm")], None, Protocol::Blocks)]
#[case::plain(&[("TERM", "xterm")], Some(NOTHING), Protocol::Blocks)]
fn terminals(#[case] env: &[(&str, &str)], #[case] answers: Option<Answers>, #[case] protocol: Protocol) {
    assert_eq!(found(env, true, answers).protocol, protocol);
}

#[test]
fn a_pipe_is_never_asked_and_gets_no_picture() {
    for wish in ["auto", "kitty", "blocks"] {
        let env = |name: &str| (name == "DARKROOM_IMAGES").then(|| wish.to_owned());
        let ask = Ask {
            terminal: &|_| panic!("asked a pipe"),
            tmux: &|_| panic!("asked tmux for a pipe"),
        };
        let found = choose(&env, "auto", Some("it is a pipe"), &ask);
        assert_eq!(found.protocol, Protocol::Off, "{wish}");
    }
}

fn around(kitty: bool, sixel: bool, name: &str) -> Option<Answers> {
    let name = name.to_owned();
    Some(Answers {
        kitty,
        outer: Some(super::super::probe::Outer { sixel, name }),
        ..NOTHING
    })
}

#[rstest]
#[case::kitty(
    "3.3a,1,bpaste,RGB,10,19",
    around(true, false, "kitty(0.41.1)"),
    Protocol::Kitty,
    Some(true),
    false
)]
#[case::few_colours(
    "3.3a,1,bpaste,10,19",
    around(true, false, "kitty(0.41.1)"),
    Protocol::Kitty,
    Some(false),
    false
)]
#[case::foot(
    "3.3a,on,,10,19",
    around(false, true, "foot(1.21.0)"),
    Protocol::Sixel,
    Some(false),
    false
)]
#[case::konsole(
    "3.3a,1,,10,19",
    around(true, true, "Konsole 22.12.3"),
    Protocol::Sixel,
    Some(false),
    false
)]
#[case::wezterm(
    "3.3a,1,,10,19",
    around(true, true, "WezTerm 2024"),
    Protocol::Iterm,
    Some(false),
    false
)]
#[case::plain("3.3a,1,,10,19", around(false, false, ""), Protocol::Blocks, None, false)]
#[case::detached("3.3a,1,,,", Some(NOTHING), Protocol::Blocks, None, false)]
#[case::closed("3.3a,0,,10,19", Some(NOTHING), Protocol::Blocks, None, true)]
#[case::closed_with_sixel("3.4,off,,10,19", Some(SIXEL), Protocol::Sixel, None, false)]
#[case::silent("3.3a,1,,10,19", None, Protocol::Blocks, None, false)]
fn pictures_pass_tmux_where_they_may(
    #[case] tmux: &str,
    #[case] answers: Option<Answers>,
    #[case] protocol: Protocol,
    #[case] passes: Option<bool>,
    #[case] has_word: bool,
) {
    let env = [("TERM", "tmux-256color"), ("TMUX", "/tmp/t,1,0")];
    let found = in_mux(&env, true, answers, Some(tmux));
    assert_eq!(found.protocol, protocol, "{found:?}");
    assert_eq!(found.passthrough.map(|p| p.true_colour), passes, "{found:?}");
    assert_eq!(found.word.is_some(), has_word, "{found:?}");
    if answers_cell(&found) {
        assert_eq!(found.cell, Some((10, 19)));
    }
}

fn answers_cell(found: &Found) -> bool {
    found.passthrough.is_some()
}

#[rstest]
#[case("kitty", "3.3a,1,,10,19", Protocol::Kitty, true)]
#[case("kitty", "3.3a,0,,10,19", Protocol::Blocks, false)]
#[case("sixel", "3.3a,1,,10,19", Protocol::Sixel, true)]
#[case("sixel", "3.3a,0,,10,19", Protocol::Blocks, false)]
#[case("iterm", "3.2,,,10,19", Protocol::Iterm, true)]
#[case("blocks", "3.3a,0,,10,19", Protocol::Blocks, false)]
fn a_wish_in_tmux_is_granted_or_said_why_not(
    #[case] wish: &str,
    #[case] tmux: &str,
    #[case] protocol: Protocol,
    #[case] passes: bool,
) {
    let env = [
        ("TERM", "tmux-256color"),
        ("TMUX", "/tmp/t,1,0"),
        ("DARKROOM_IMAGES", wish),
    ];
    let found = in_mux(&env, true, Some(NOTHING), Some(tmux));
    assert_eq!(
        (found.protocol, found.passthrough.is_some()),
        (protocol, passes),
        "{found:?}"
    );
    let refused = !passes && wish != "blocks";
    assert_eq!(found.word.is_some_and(|w| w.contains("allow-passthrough on")), refused);
}

#[test]
fn a_tmux_that_cannot_be_asked_is_tried() {
    let env = [("TERM", "tmux-256color"), ("TMUX", "/gone"), ("COLORTERM", "truecolor")];
    let open = in_mux(&env, true, around(true, false, ""), None);
    assert_eq!(
        (open.protocol, open.passthrough),
        (Protocol::Kitty, Some(Passthrough { true_colour: true }))
    );
    let closed = in_mux(&env, true, Some(NOTHING), None);
    assert!(closed.protocol == Protocol::Blocks && closed.word.is_some());
}

#[test]
fn screen_says_that_it_keeps_pictures() {
    let env = [("TERM", "screen.xterm-256color"), ("STY", "1.pts-0.x")];
    let found = in_mux(&env, true, Some(NOTHING), None);
    assert!(found.protocol == Protocol::Blocks && found.word.is_some_and(|w| w.contains("screen")));
    let forced = in_mux(&[env[0], env[1], ("DARKROOM_IMAGES", "kitty")], true, None, None);
    assert!(forced.protocol == Protocol::Blocks && forced.word.is_some_and(|w| w.contains("screen")));
}

#[test]
fn half_blocks_need_utf8() {
    let env = [("TERM", "xterm"), ("LC_ALL", "C")];
    let found = in_mux(&env, true, Some(NOTHING), None);
    assert!(
        found.protocol == Protocol::Off && found.reason.contains("UTF-8"),
        "{found:?}"
    );
    assert_eq!(in_mux(&env, true, Some(SIXEL), None).protocol, Protocol::Sixel);
}

#[test]
fn settings_count_where_the_environment_says_nothing() {
    let ask = Ask {
        terminal: &|_| Some(KITTY),
        tmux: &|_| None,
    };
    let chosen = |images: Option<&str>| {
        let env = |name: &str| match name {
            "TERM" => Some("xterm".to_owned()),
            "DARKROOM_IMAGES" => images.map(str::to_owned),
            _ => None,
        };
        let found = choose(&env, "sixel", None, &ask);
        (found.protocol, found.reason)
    };
    assert_eq!(chosen(None), (Protocol::Sixel, "tui.toml says sixel".to_owned()));
    assert_eq!(chosen(Some("off")).0, Protocol::Off);
    assert_eq!(chosen(Some("auto")).0, Protocol::Kitty);
}

#[test]
fn names_and_backgrounds_are_told_besides() {
    let said = Answers {
        name: "foot(1.21.0)".to_owned(),
        ground: Some([1, 2, 3]),
        ..SIXEL
    };
    let plain = found(&[("TERM", "foot")], true, Some(said.clone()));
    assert_eq!(
        (plain.name.as_deref(), plain.ground),
        (Some("foot(1.21.0)"), Some([1, 2, 3]))
    );
    let silent = found(&[("TERM", "xterm-kitty")], true, None);
    assert_eq!((silent.name.as_deref(), silent.mux), (Some("kitty"), None));
    let iterm = found(&[("TERM", "xterm"), ("TERM_PROGRAM", "iTerm.app")], true, None);
    assert_eq!(iterm.name.as_deref(), Some("iTerm.app"));
    let tmux = [
        ("TERM", "tmux-256color"),
        ("TMUX", "/tmp/t,1,0"),
        ("TERM_PROGRAM", "tmux"),
    ];
    let inside = in_mux(&tmux, true, around(true, false, "kitty(0.41.1)"), Some("3.3a,1,,10,19"));
    assert_eq!(inside.name.as_deref(), Some("kitty(0.41.1)"));
    assert_eq!(inside.mux, Some(Multiplexer::Tmux { passes: true }));
    let closed = in_mux(&tmux, true, Some(said), Some("3.3a,0,,10,19"));
    assert_eq!(
        (closed.name, closed.mux),
        (None, Some(Multiplexer::Tmux { passes: false }))
    );
}

#[test]
fn a_wrong_wish_is_named() {
    let found = found(&[("DARKROOM_IMAGES", "ascii"), ("TERM", "xterm")], true, None);
    assert!(found.reason.contains("none of auto, kitty"), "{}", found.reason);
}
