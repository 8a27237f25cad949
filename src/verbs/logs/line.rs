//! A line of a log as `logs --json` prints it; `mod.rs` calls it for each. The daemon writes that format in
//! `daemon/src/logging/line.rs`. Nothing is read from files here: that is `follow.rs`.

use serde::Serialize;

/// A line of a log. What a worker printed has only a text.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Line<'a> {
    /// Local time with its offset.
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<&'a str>,
    /// `ERROR`, `WARN`, `INFO`, `DEBUG` or `TRACE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<&'a str>,
    /// The part of the daemon.
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<&'a str>,
    text: &'a str,
}

/// Takes the daemon's lines apart: `TIME LEVEL part: text`.
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
    let (part, text) = rest.trim_start().split_once(": ")?;
    let is_time = time.len() >= 20 && time.starts_with(|c: char| c.is_ascii_digit()) && time.contains('T');
    let is_level = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"].contains(&level);
    (is_time && is_level && !part.contains(' ')).then_some(Line {
        time: Some(time),
        level: Some(level),
        part: Some(part),
        text,
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
    #[case("libtorch: a warning", r#"{"text":"libtorch: a warning"}"#)]
    #[case("", r#"{"text":""}"#)]
    fn lines_as_json(#[case] line: &str, #[case] json: &str) {
        assert_eq!(serde_json::to_string(&parse(line)).unwrap(), json);
    }
}
