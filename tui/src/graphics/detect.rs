//! Which protocol the terminal speaks: what the person asked for, then what is known by name, then what it answers.

use super::Protocol;
use super::probe::{Answers, probe};
use super::terminal::Stream;

/// A protocol and how it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The protocol.
    pub protocol: Protocol,
    /// Why this one, for `doctor`: "the terminal answered the kitty query".
    pub reason: String,
    /// Width and height of a character cell in pixels, when the terminal told.
    pub cell: Option<(u32, u32)>,
}

impl Found {
    fn new(protocol: Protocol, reason: impl Into<String>) -> Self {
        Self {
            protocol,
            reason: reason.into(),
            cell: None,
        }
    }
}

/// The protocol of the terminal on standard output, as [`detect_on`] finds it.
pub fn detect() -> Found {
    detect_on(Stream::Out)
}

/// The protocol of the terminal there. `DARKROOM_IMAGES` (auto, kitty, sixel, iterm, blocks, off) decides;
/// with `auto` the terminal may be asked, which takes at most two seconds and only where it never answers.
pub fn detect_on(stream: Stream) -> Found {
    let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    choose(&env, stream.missing(), |with_kitty| probe(stream, with_kitty))
}

/// `missing` says why there is no terminal at all, `ask` asks it.
fn choose(
    env: &dyn Fn(&str) -> Option<String>,
    missing: Option<&str>,
    ask: impl FnOnce(bool) -> Option<Answers>,
) -> Found {
    let wish = env("DARKROOM_IMAGES").filter(|w| !w.eq_ignore_ascii_case("auto"));
    let mut note = "";
    if let Some(wish) = wish {
        match Protocol::from_name(&wish) {
            Some(Protocol::Off) => return Found::new(Protocol::Off, "DARKROOM_IMAGES says off"),
            Some(protocol) if missing.is_none() => {
                return Found::new(protocol, format!("DARKROOM_IMAGES says {}", protocol.name()));
            }
            Some(_) => {}
            None => note = "; DARKROOM_IMAGES is none of auto, kitty, sixel, iterm, blocks, off",
        }
    }
    if let Some(why) = missing {
        return Found::new(Protocol::Off, why);
    }
    let mut found = by_name(env).unwrap_or_else(|| by_answer(env, ask));
    found.reason.push_str(note);
    found
}

/// Terminals that do not answer as they should, or need not be asked.
fn by_name(env: &dyn Fn(&str) -> Option<String>) -> Option<Found> {
    let term = env("TERM").unwrap_or_default();
    if term.is_empty() || term == "dumb" {
        return Some(Found::new(Protocol::Off, "TERM says that the terminal is dumb"));
    }
    if term == "linux" {
        return Some(Found::new(Protocol::Blocks, "the console has no graphics protocol"));
    }
    // A multiplexer passes its own name on and swallows what it does not know.
    if env("TMUX").is_some() || env("ZELLIJ").is_some() || term.starts_with("screen") {
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

fn by_answer(env: &dyn Fn(&str) -> Option<String>, ask: impl FnOnce(bool) -> Option<Answers>) -> Found {
    let multiplexed = env("TMUX").is_some() || env("TERM").is_some_and(|t| t.starts_with("screen"));
    let answers = ask(!multiplexed);
    let mut found = match answers {
        None => Found::new(Protocol::Blocks, "the terminal did not answer"),
        Some(answers) if answers.kitty => Found::new(Protocol::Kitty, "the terminal answered the kitty query"),
        Some(answers) if answers.sixel => Found::new(Protocol::Sixel, "the terminal's attributes name sixel"),
        Some(_) if multiplexed => Found::new(Protocol::Blocks, "the multiplexer passes no graphics protocol on"),
        Some(_) => Found::new(Protocol::Blocks, "the terminal knows neither kitty nor sixel"),
    };
    found.cell = answers.and_then(|a| a.cell);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const NOTHING: Answers = Answers {
        kitty: false,
        sixel: false,
        cell: None,
    };
    const KITTY: Answers = Answers { kitty: true, ..NOTHING };
    const SIXEL: Answers = Answers { sixel: true, ..NOTHING };

    fn found(env: &[(&str, &str)], is_terminal: bool, answers: Option<Answers>) -> Found {
        let lookup = |name: &str| {
            let hit = env.iter().find(|(key, _)| *key == name);
            hit.map(|(_, value)| (*value).to_owned())
        };
        choose(&lookup, (!is_terminal).then_some("it is a pipe"), |_| answers)
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
            let found = choose(&env, Some("it is a pipe"), |_| panic!("asked a pipe"));
            assert_eq!(found.protocol, Protocol::Off, "{wish}");
        }
    }

    #[test]
    fn a_multiplexer_is_not_sent_the_kitty_query() {
        let env = |name: &str| match name {
            "TERM" => Some("tmux-256color".to_owned()),
            "TMUX" => Some("/tmp/tmux,1,0".to_owned()),
            _ => None,
        };
        let mut with_kitty = true;
        choose(&env, None, |kitty| {
            with_kitty = kitty;
            None
        });
        assert!(!with_kitty);
    }

    #[test]
    fn a_wrong_wish_is_named() {
        let found = found(&[("DARKROOM_IMAGES", "ascii"), ("TERM", "xterm")], true, None);
        assert!(found.reason.contains("none of auto, kitty"), "{}", found.reason);
    }
}
