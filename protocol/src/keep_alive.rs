//! How long a model stays in memory after its last use.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long a model stays in memory after its last use. Written `10m`, `90s`, `1.5h`, `0` or `forever`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeepAlive {
    /// So many seconds; at 0 it goes as soon as the job ends.
    Seconds(u64),
    /// Until its room is needed.
    Forever,
}

/// Units, in seconds.
const UNITS: [(&str, f64); 5] = [("s", 1.0), ("m", 60.0), ("min", 60.0), ("h", 3600.0), ("d", 86400.0)];

impl KeepAlive {
    /// A hundred years, in seconds: longer is meant to be forever.
    pub const MOST: u64 = 3_200_000_000;

    /// As a length of time; `None` for ever.
    pub fn duration(self) -> Option<Duration> {
        match self {
            Self::Seconds(seconds) => Some(Duration::from_secs(seconds)),
            Self::Forever => None,
        }
    }
}

impl Default for KeepAlive {
    /// Ten minutes.
    fn default() -> Self {
        Self::Seconds(600)
    }
}

impl FromStr for KeepAlive {
    type Err = ();

    /// A number of seconds, or one with a unit; `-1` is `forever`, as elsewhere.
    fn from_str(text: &str) -> Result<Self, ()> {
        let text = text.trim().to_ascii_lowercase();
        if matches!(text.as_str(), "forever" | "-1") {
            return Ok(Self::Forever);
        }
        let digits = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = match unit.trim() {
            "" => 1.0,
            unit => UNITS.iter().find(|(name, _)| *name == unit).ok_or(())?.1,
        };
        let seconds = number.parse::<f64>().map_err(drop)? * unit;
        if seconds <= Self::MOST as f64 {
            Ok(Self::Seconds(seconds.ceil() as u64))
        } else {
            Err(())
        }
    }
}

impl fmt::Display for KeepAlive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Forever => f.write_str("forever"),
            Self::Seconds(0) => f.write_str("0"),
            Self::Seconds(s) if s.is_multiple_of(3600) => write!(f, "{}h", s / 3600),
            Self::Seconds(s) if s.is_multiple_of(60) => write!(f, "{}m", s / 60),
            Self::Seconds(s) => write!(f, "{s}s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("10m", Some(KeepAlive::Seconds(600)), "10m")]
    #[case("600", Some(KeepAlive::Seconds(600)), "10m")]
    #[case(" 90 S", Some(KeepAlive::Seconds(90)), "90s")]
    #[case("1.5h", Some(KeepAlive::Seconds(5400)), "90m")]
    #[case("2d", Some(KeepAlive::Seconds(172_800)), "48h")]
    #[case("0", Some(KeepAlive::Seconds(0)), "0")]
    #[case("0.1", Some(KeepAlive::Seconds(1)), "1s")]
    #[case("Forever", Some(KeepAlive::Forever), "forever")]
    #[case("-1", Some(KeepAlive::Forever), "forever")]
    #[case("", None, "")]
    #[case("m", None, "")]
    #[case("-5", None, "")]
    #[case("10 weeks", None, "")]
    #[case("1e9", None, "")]
    #[case("99999999999", None, "")]
    #[case("1.2.3", None, "")]
    fn spellings(#[case] text: &str, #[case] expected: Option<KeepAlive>, #[case] shown: &str) {
        assert_eq!(text.parse().ok(), expected);
        assert_eq!(expected.map(|k| k.to_string()).unwrap_or_default(), shown);
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read(seconds in 0..3_000_000_000u64) {
            prop_assert_eq!(KeepAlive::Seconds(seconds).to_string().parse(), Ok(KeepAlive::Seconds(seconds)));
        }

        #[test]
        fn no_text_is_too_strange(text in "\\PC{0,20}") {
            let _ = text.parse::<KeepAlive>();
        }
    }
}
