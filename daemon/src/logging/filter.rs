//! What is logged: a level for everything and others for parts, as people write it. `control` sets it at the start and while the
//! daemon runs.

use std::fmt;

use darkroom_protocol::text::{closest, escape_line};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

/// The crate whose modules are the parts.
const CRATE: &str = "darkroom_daemon";
/// How its parts are named to people.
const PREFIX: &str = "daemon";
/// The parts that a filter may name: the crate's modules.
const PARTS: [&str; 18] = [
    "catalog",
    "clock",
    "deliver",
    "dispatch",
    "events",
    "expand",
    "forecast",
    "gallery",
    "history",
    "jobs",
    "lifecycle",
    "logging",
    "metrics",
    "pull",
    "server",
    "settings",
    "store",
    "workers",
];
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// What is logged: a level for everything, others for parts. Written `info,daemon::dispatch=debug`.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    all: LevelFilter,
    /// Modules without the crate's name, each with its level.
    parts: Vec<(String, LevelFilter)>,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            all: LevelFilter::INFO,
            parts: Vec::new(),
        }
    }
}

impl Filter {
    /// Reads `info`, `daemon::dispatch=debug`, `store` (all of it) and lists of these with commas; what no part names is logged
    /// from `info` on unless a level alone says otherwise.
    ///
    /// # Errors
    /// What is wrong and what there is instead, as a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut filter = Self::default();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            match word.split_once('=') {
                Some((part, level)) => filter.parts.push((module(part.trim())?, self::level(level.trim())?)),
                None if is_level(word) => filter.all = level(word)?,
                None => filter.parts.push((module(word)?, LevelFilter::TRACE)),
            }
        }
        Ok(filter)
    }

    /// For `tracing`.
    pub fn targets(&self) -> Targets {
        let parts = self.parts.iter().map(|(part, level)| match part.as_str() {
            "" => (CRATE.to_owned(), *level),
            part => (format!("{CRATE}::{part}"), *level),
        });
        Targets::new().with_default(self.all).with_targets(parts)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.all)?;
        for (part, level) in &self.parts {
            let colons = if part.is_empty() { "" } else { "::" };
            write!(f, ",{PREFIX}{colons}{part}={level}")?;
        }
        Ok(())
    }
}

fn is_level(word: &str) -> bool {
    LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word))
}

fn level(word: &str) -> Result<LevelFilter, String> {
    if !is_level(word) {
        return Err(format!(
            "{} is no level: there are {}.",
            escape_line(word),
            LEVELS.join(", ")
        ));
    }
    word.parse().map_err(|_| format!("{} is no level.", escape_line(word)))
}

/// `daemon::dispatch`, `dispatch` and `darkroom_daemon::dispatch` are the module `dispatch`; `daemon` is all of them.
fn module(part: &str) -> Result<String, String> {
    let inner = [CRATE, PREFIX].iter().find_map(|name| {
        part.strip_prefix(name)
            .filter(|rest| rest.is_empty() || rest.starts_with("::"))
    });
    let inner = inner.map_or(part, |rest| rest.trim_start_matches("::"));
    let first = inner.split("::").next().unwrap_or_default();
    let known = PARTS.contains(&first) || (inner.is_empty() && !part.is_empty());
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    if known && inner.chars().all(plain) {
        return Ok(inner.to_owned());
    }
    let shown = escape_line(part);
    Err(match closest(first, PARTS).filter(|_| !known) {
        Some(near) => format!("The daemon has no part {shown}: did you mean {PREFIX}::{near}?"),
        None => format!(
            "The daemon has no part {shown}: write a level ({}), or {PREFIX}::PART=LEVEL with one of {}.",
            LEVELS.join(", "),
            PARTS.join(", ")
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("", "info")]
    #[case("debug", "debug")]
    #[case("daemon::dispatch=debug", "info,daemon::dispatch=debug")]
    #[case("dispatch=debug, WARN", "warn,daemon::dispatch=debug")]
    #[case("darkroom_daemon::store::thread", "info,daemon::store::thread=trace")]
    #[case("daemon=off", "info,daemon=off")]
    fn filters(#[case] text: &str, #[case] shown: &str) {
        let filter = Filter::parse(text).unwrap();
        assert_eq!(filter.to_string(), shown);
        assert_eq!(Filter::parse(shown), Ok(filter), "what is shown can be set");
    }

    #[rstest]
    #[case("dispatch=loud", "loud is no level: there are off, error, warn, info, debug, trace.")]
    #[case("dispach=debug", "The daemon has no part dispach: did you mean daemon::dispatch?")]
    #[case(
        "daemon::dispach",
        "The daemon has no part daemon::dispach: did you mean daemon::dispatch?"
    )]
    #[case("=debug", "The daemon has no part : write a level")]
    #[case("tokio=trace", "The daemon has no part tokio: write a level")]
    #[case("store[x]=debug", "The daemon has no part store[x]: ")]
    fn what_is_wrong_is_said(#[case] text: &str, #[case] words: &str) {
        let message = Filter::parse(text).unwrap_err();
        assert!(message.starts_with(words), "{message}");
    }

    #[test]
    fn a_part_is_logged_from_its_level_on() {
        let targets = Filter::parse("warn,dispatch=debug").unwrap().targets();
        let logs = |target, level| targets.would_enable(target, &level);
        assert!(logs("darkroom_daemon::dispatch::assign", tracing::Level::DEBUG));
        assert!(!logs("darkroom_daemon::store", tracing::Level::INFO));
        assert!(logs("darkroom_daemon::store", tracing::Level::WARN));
    }

    #[test]
    fn the_parts_are_the_modules_that_may_log() {
        let declared = include_str!("../lib.rs").lines().filter_map(|line| {
            let line = line.strip_prefix("pub ").unwrap_or(line);
            line.strip_prefix("mod ")?.strip_suffix(';')
        });
        let silent = ["error", "limits", "slug", "testing"];
        let mut declared: Vec<&str> = declared.filter(|name| !silent.contains(name)).collect();
        declared.sort_unstable();
        assert_eq!(declared, PARTS);
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "\\PC{0,40}|[a-z:=, ]{0,40}") {
            if let Ok(filter) = Filter::parse(&text) {
                prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter));
            }
        }
    }
}
