//! A line of a log taken apart: time, level, part, text. What a worker printed has only a text. `darkroom logs --json` prints it,
//! filters and the terminal client read the level.

use serde::Serialize;

/// How much a line matters, the weightiest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// Something failed.
    Error,
    /// Something went wrong and is being mended.
    Warn,
    /// What happens.
    Info,
    /// How it happens.
    Debug,
    /// Every detail.
    Trace,
}

impl Level {
    /// Every one, the weightiest first.
    pub const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// The word in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Warn => "WARN",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
            Self::Trace => "TRACE",
        }
    }
}

/// A line of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Line<'a> {
    /// Local time with its offset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<&'a str>,
    /// How much it matters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// The part of the daemon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<&'a str>,
    /// What it says.
    pub text: &'a str,
}

/// Takes the daemon's lines apart: `TIME LEVEL part: text`; a worker's have no part. Any other line is a text.
pub fn parse(line: &str) -> Line<'_> {
    parts(line).unwrap_or(Line {
        time: None,
        level: None,
        part: None,
        text: line,
    })
}

fn parts(line: &str) -> Option<Line<'_>> {
    let (time, rest) = line.split_once(' ')?;
    let (level, rest) = rest.trim_start().split_once(' ')?;
    let rest = rest.trim_start();
    let named = rest.split_once(": ").filter(|(part, _)| !part.contains(' '));
    let is_time = time.len() >= 20 && time.starts_with(|c: char| c.is_ascii_digit()) && time.contains('T');
    let level = Level::ALL.into_iter().find(|known| known.name() == level)?;
    is_time.then_some(Line {
        time: Some(time),
        level: Some(level),
        part: named.map(|(part, _)| part),
        text: named.map_or(rest, |(_, text)| text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(
        "2026-10-30T22:27:59.123+02:00 WARN  daemon::store: slow: 3 s",
        r#"{"time":"2026-10-30T22:27:59.123+02:00","level":"WARN","part":"daemon::store","text":"slow: 3 s"}"#
    )]
    #[case(
        "2026-10-30T22:27:59.123+02:00 INFO darkroom-worker 0.1.0 loaded: []",
        r#"{"time":"2026-10-30T22:27:59.123+02:00","level":"INFO","text":"darkroom-worker 0.1.0 loaded: []"}"#
    )]
    #[case("libtorch: a warning", r#"{"text":"libtorch: a warning"}"#)]
    #[case("", r#"{"text":""}"#)]
    fn lines_as_json(#[case] line: &str, #[case] json: &str) {
        assert_eq!(serde_json::to_string(&parse(line)).unwrap(), json);
    }
}
