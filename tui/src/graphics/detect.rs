//! Which protocol the terminal speaks: what the person asked for, then what is known by name, then what it answers. Within tmux
//! pictures pass only where its user allows it; where they do not, a word says so.

use std::cell::{OnceCell, RefCell};

use super::Protocol;
use super::found::{Found, Multiplexer, Passthrough};
use super::mux::{Mux, Tmux, ask_tmux};
use super::probe::{Answers, Question, Record, ask, probe};
use super::terminal::Stream;
use crate::locale;

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
                Some(answers)
                    if answers.sixel && (env("KONSOLE_VERSION").is_some() || answers.name.starts_with("Konsole")) =>
                {
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
#[path = "detect_tests.rs"]
mod tests;
