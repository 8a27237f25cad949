//! Which protocol the terminal speaks: what the person asked for, then what is known by name, then what it answers. Within tmux
//! pictures pass only where its user allows it; where they do not, a word says so.

use std::cell::{OnceCell, RefCell};

use super::Protocol;
use super::mux::{Mux, Tmux, ask_tmux};
use super::probe::{Answers, Question, Record, ask, probe};
use super::terminal::Stream;
use crate::locale;

/// A protocol and how it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The protocol.
    pub protocol: Protocol,
    /// Why this one, for `doctor`: "the terminal answered the kitty query".
    pub reason: String,
    /// Width and height of a character cell in pixels, when the terminal told.
    pub cell: Option<(u32, u32)>,
    /// How pictures get through tmux to the terminal around it; `None` where they need not.
    pub passthrough: Option<Passthrough>,
    /// What the person should know: why pictures are worse than the terminal could show them.
    pub word: Option<String>,
    /// The terminal's name, as it or the environment gives it.
    pub name: Option<String>,
    /// The multiplexer between the program and the terminal, if there is one.
    pub mux: Option<Multiplexer>,
    /// The background's red, green and blue, where the terminal was asked and told.
    pub ground: Option<[u8; 3]>,
}

/// What stands between the program and the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Multiplexer {
    /// tmux.
    Tmux {
        /// Whether it may let sequences pass: it says so, or cannot be asked.
        passes: bool,
    },
    /// GNU screen, or something that calls itself so.
    Screen,
    /// Zellij.
    Zellij,
}

/// tmux is told to pass pictures on to the terminal around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passthrough {
    /// Whether colours of 24 bits reach that terminal as they are.
    pub true_colour: bool,
}

impl Found {
    /// A protocol that is there without more ado.
    pub fn new(protocol: Protocol, reason: impl Into<String>) -> Self {
        Self {
            protocol,
            reason: reason.into(),
            cell: None,
            passthrough: None,
            word: None,
            name: None,
            mux: None,
            ground: None,
        }
    }

    /// Half blocks in place of something better, with a word why.
    fn instead(why: &str) -> Self {
        Self {
            word: Some(format!("Pictures are drawn in half blocks: {why}.")),
            ..Self::new(Protocol::Blocks, why)
        }
    }
}

/// The protocol of the terminal on standard output, as [`detect_on`] finds it.
pub fn detect() -> Found {
    detect_on(Stream::Out)
}

/// The protocol of the terminal there. `DARKROOM_IMAGES` (auto, kitty, sixel, iterm, blocks, off) decides;
/// with `auto` the terminal may be asked, which takes at most two seconds and only where it never answers.
/// Who calls this calls [`super::settle`] before the program ends.
pub fn detect_on(stream: Stream) -> Found {
    detect_for(stream, "auto")
}

/// As [`detect_on`], with what the person's settings say where `DARKROOM_IMAGES` says nothing.
pub fn detect_for(stream: Stream, settings: &'static str) -> Found {
    let ask = Ask {
        terminal: &|question| probe(stream, question),
        tmux: &ask_tmux,
    };
    choose(&variable, settings, stream.missing(), &ask)
}

/// As [`detect_for`], but the terminal is asked whatever is remembered of it; and what it was asked and said, if it was asked.
pub(super) fn detect_anew(stream: Stream, settings: &'static str) -> (Found, Option<Record>) {
    let record = RefCell::new(None);
    let terminal = |question| {
        let (answers, asked) = ask(stream, question)?;
        *record.borrow_mut() = Some(asked);
        answers
    };
    let ask = Ask {
        terminal: &terminal,
        tmux: &ask_tmux,
    };
    let found = choose(&variable, settings, stream.missing(), &ask);
    (found, record.into_inner())
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Who can be asked.
struct Ask<'a> {
    /// The terminal; `None` when it does not answer.
    terminal: &'a dyn Fn(Question) -> Option<Answers>,
    /// tmux, about a format of its own; `None` when it cannot be reached.
    tmux: &'a dyn Fn(&str) -> Option<String>,
}

type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// `missing` says why there is no terminal at all; `settings` what counts where the environment says nothing.
fn choose(env: Env<'_>, settings: &'static str, missing: Option<&str>, ask: &Ask<'_>) -> Found {
    let (wish, by) = match env("DARKROOM_IMAGES") {
        Some(wish) => (wish, "DARKROOM_IMAGES says"),
        None => (settings.to_owned(), "tui.toml says"),
    };
    let wish = Some(wish).filter(|wish| !wish.eq_ignore_ascii_case("auto"));
    let named = wish.as_deref().and_then(Protocol::from_name);
    if named == Some(Protocol::Off) {
        return Found::new(Protocol::Off, format!("{by} off"));
    }
    if let Some(why) = missing {
        return Found::new(Protocol::Off, why);
    }
    // What is told on the way counts for more than pictures; tmux is asked once.
    let (heard, told) = (RefCell::new(None), OnceCell::new());
    let terminal = |question| {
        let answers = (ask.terminal)(question);
        heard.borrow_mut().clone_from(&answers);
        answers
    };
    let ask = &Ask {
        terminal: &terminal,
        tmux: &|format| told.get_or_init(|| (ask.tmux)(format)).clone(),
    };
    let mut found = match named {
        Some(protocol) => wished(protocol, format!("{by} {}", protocol.name()), env, ask),
        None => by_name(env).unwrap_or_else(|| by_answer(env, ask)),
    };
    if wish.is_some() && named.is_none() {
        found
            .reason
            .push_str("; DARKROOM_IMAGES is none of auto, kitty, sixel, iterm, blocks, off");
    }
    if found.protocol == Protocol::Blocks && !locale::of(env) {
        let why = "the locale's text is not UTF-8, which half blocks need: LC_ALL=C.UTF-8 has it";
        found = Found::new(Protocol::Off, why);
    }
    let heard: Answers = heard.borrow_mut().take().unwrap_or_default();
    let mux = multiplexer(env, ask);
    Found {
        name: name(env, &heard, mux),
        ground: heard.ground,
        mux,
        ..found
    }
}

fn multiplexer(env: Env<'_>, ask: &Ask<'_>) -> Option<Multiplexer> {
    match Mux::of(env, ask.tmux) {
        Some(Mux::Tmux(tmux)) => Some(Multiplexer::Tmux {
            passes: tmux.passes != Some(false),
        }),
        Some(Mux::Screen) => Some(Multiplexer::Screen),
        None => env("ZELLIJ").map(|_| Multiplexer::Zellij),
    }
}

/// The name that the terminal gave, else the one that the environment has. A multiplexer's environment may be another terminal's.
fn name(env: Env<'_>, heard: &Answers, mux: Option<Multiplexer>) -> Option<String> {
    let outer = heard.outer.as_ref().map(|outer| outer.name.clone());
    let own = Some(heard.name.clone()).filter(|_| mux.is_none());
    let said = outer.or(own).filter(|name| !name.is_empty());
    let of_environment = || {
        let term = env("TERM").unwrap_or_default();
        let by_term = ["kitty", "ghostty", "foot", "rxvt"]
            .into_iter()
            .find(|name| term.contains(name));
        env("LC_TERMINAL")
            .or_else(|| env("TERM_PROGRAM"))
            .or_else(|| by_term.map(str::to_owned))
    };
    said.or_else(|| of_environment().filter(|_| mux.is_none()))
}

/// What tmux's user can do.
const ALLOW: &str = "tmux does not pass them on (`tmux set -p allow-passthrough on` lets it)";
const SCREEN: &str = "screen does not pass them on";

/// The protocol that the person asked for, by a way on which it arrives.
fn wished(protocol: Protocol, reason: String, env: Env<'_>, ask: &Ask<'_>) -> Found {
    let plain = Found::new(protocol, reason.clone());
    if protocol == Protocol::Blocks {
        return plain;
    }
    match Mux::of(env, ask.tmux) {
        None => plain,
        Some(Mux::Screen) => Found::instead(SCREEN),
        Some(Mux::Tmux(Tmux {
            passes: Some(false), ..
        })) => {
            let own_sixel = || (ask.terminal)(Question::Plain).is_some_and(|answers| answers.sixel);
            if protocol == Protocol::Sixel && own_sixel() {
                plain
            } else {
                Found::instead(ALLOW)
            }
        }
        Some(Mux::Tmux(tmux)) => Found {
            cell: tmux.cell,
            ..through(protocol, reason, tmux, env)
        },
    }
}

/// As pictures get through tmux.
fn through(protocol: Protocol, reason: impl Into<String>, tmux: Tmux, env: Env<'_>) -> Found {
    let claims = || env("COLORTERM").is_some_and(|c| c.contains("truecolor") || c.contains("24bit"));
    Found {
        passthrough: Some(Passthrough {
            true_colour: tmux.true_colour.unwrap_or_else(claims),
        }),
        ..Found::new(protocol, reason)
    }
}

/// Terminals that do not answer as they should, or need not be asked.
fn by_name(env: Env<'_>) -> Option<Found> {
    let term = env("TERM").unwrap_or_default();
    if term.is_empty() || term == "dumb" {
        return Some(Found::new(Protocol::Off, "TERM says that the terminal is dumb"));
    }
    if term == "linux" {
        return Some(Found::new(Protocol::Blocks, "the console has no graphics protocol"));
    }
    // A multiplexer passes its own name on and swallows what it does not know.
    if ["TMUX", "STY", "ZELLIJ"].iter().any(|name| env(name).is_some()) || is_multiplexers(&term) {
        return None;
    }
    let program = env("TERM_PROGRAM").unwrap_or_default();
    // iTerm2 answers kitty's query and then prints its data as text; LC_TERMINAL is what ssh carries over.
    if program.contains("iTerm") || env("LC_TERMINAL").is_some_and(|t| t.contains("iTerm")) {
        return Some(Found::new(Protocol::Iterm, "the terminal is iTerm2"));
    }
    if let Some(name) = ["WezTerm", "mintty"].iter().find(|name| program.contains(**name)) {
        return Some(Found::new(Protocol::Iterm, format!("the terminal is {name}")));
    }
    // Terminal.app prints the query as text.
    (program == "Apple_Terminal").then(|| Found::new(Protocol::Blocks, "Terminal.app has no graphics protocol"))
}

fn is_multiplexers(term: &str) -> bool {
    term.starts_with("screen") || term.starts_with("tmux")
}

fn by_answer(env: Env<'_>, ask: &Ask<'_>) -> Found {
    match Mux::of(env, ask.tmux) {
        Some(Mux::Tmux(tmux)) => in_tmux(tmux, env, ask),
        Some(Mux::Screen) => match (ask.terminal)(Question::Plain) {
            Some(answers) if answers.sixel => Found {
                cell: answers.cell,
                ..Found::new(Protocol::Sixel, "the terminal's attributes name sixel")
            },
            _ => Found::instead(SCREEN),
        },
        None => {
            let answers = (ask.terminal)(Question::All);
            let (protocol, reason) = match &answers {
                None => (Protocol::Blocks, "the terminal did not answer"),
                // Konsole stretches a picture of which one side is given.
                Some(answers) if answers.sixel && env("KONSOLE_VERSION").is_some() => {
                    (Protocol::Sixel, "the terminal is Konsole")
                }
                Some(answers) if answers.kitty => (Protocol::Kitty, "the terminal answered the kitty query"),
                Some(answers) if answers.sixel => (Protocol::Sixel, "the terminal's attributes name sixel"),
                Some(_) => (Protocol::Blocks, "the terminal knows neither kitty nor sixel"),
            };
            Found {
                cell: answers.and_then(|a| a.cell),
                ..Found::new(protocol, reason)
            }
        }
    }
}

/// They answer kitty's query, but know no placeholders, without which tmux cannot move a picture.
const WITHOUT_PLACEHOLDERS: [&str; 3] = ["Konsole", "WezTerm", "iTerm2"];

fn in_tmux(tmux: Tmux, env: Env<'_>, ask: &Ask<'_>) -> Found {
    let question = match tmux.passes {
        Some(false) => Question::Plain,
        passes => Question::Through {
            sure: passes == Some(true),
        },
    };
    let Some(answers) = (ask.terminal)(question) else {
        return Found::new(Protocol::Blocks, "the terminal did not answer");
    };
    let cell = answers.cell.or(tmux.cell);
    let own = Found::new(Protocol::Sixel, "tmux's attributes name sixel");
    let found = match &answers.outer {
        Some(outer) => {
            let is = |name: &str| outer.name.starts_with(name);
            let name = if outer.name.is_empty() {
                "the terminal around tmux"
            } else {
                &outer.name
            };
            let by = |protocol, what: &str| through(protocol, format!("{name} {what}, through tmux"), tmux, env);
            if ["WezTerm", "iTerm2"].iter().any(|name| is(name)) {
                by(Protocol::Iterm, "shows iTerm2's inline images")
            } else if answers.kitty && !WITHOUT_PLACEHOLDERS.iter().any(|name| is(name)) {
                by(Protocol::Kitty, "answered the kitty query")
            } else if answers.sixel {
                own
            } else if outer.sixel {
                by(Protocol::Sixel, "names sixel")
            } else {
                Found::new(Protocol::Blocks, format!("{name} knows neither kitty nor sixel"))
            }
        }
        None if answers.sixel => own,
        None if tmux.passes == Some(true) => Found::new(Protocol::Blocks, "the terminal around tmux did not answer"),
        None => Found::instead(ALLOW),
    };
    Found { cell, ..found }
}

#[cfg(test)]
mod tests {
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
}
