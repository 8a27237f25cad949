//! Which lines of a log are wanted: words that a line must hold, all of them, in any case, and `level:warn` for that level and
//! weightier ones. The daemon passes lines by it, the terminal client says what is wrong with it.

use thiserror::Error;

use super::{Level, parse};

/// There is no such level.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no level {0}: there are error, warn, info, debug and trace")]
pub struct NoLevel(pub String);

/// Which lines pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    words: Vec<String>,
    level: Option<Level>,
}

impl Filter {
    /// As a person types it. A level may be cut short (`level:w`); one of which nothing is typed yet is none.
    ///
    /// # Errors
    /// When what follows `level:` begins no level's name.
    pub fn parse(text: &str) -> Result<Self, NoLevel> {
        let mut filter = Self::default();
        for word in text.split_whitespace() {
            match word.split_once(':') {
                Some((key, "")) if key.eq_ignore_ascii_case("level") => {}
                Some((key, level)) if key.eq_ignore_ascii_case("level") => {
                    let wanted = level.to_ascii_uppercase();
                    let mut all = Level::ALL.into_iter();
                    let found = all.find(|known| known.name().starts_with(&wanted));
                    filter.level = Some(found.ok_or_else(|| NoLevel(level.to_owned()))?);
                }
                _ => filter.words.push(word.to_lowercase()),
            }
        }
        Ok(filter)
    }

    /// Whether every line passes.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && self.level.is_none()
    }

    /// Whether a line passes. One without a level passes no level.
    pub fn passes(&self, line: &str) -> bool {
        let is_weighty = self
            .level
            .is_none_or(|least| parse(line).level.is_some_and(|level| level <= least));
        if !is_weighty || self.words.is_empty() {
            return is_weighty;
        }
        let line = line.to_lowercase();
        self.words.iter().all(|word| line.contains(word.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    const WARNING: &str = "2026-10-30T22:27:59.123+02:00 WARN  daemon::store: Slow: 3 s";

    #[rstest]
    #[case("", true)]
    #[case("slow STORE", true)]
    #[case("slow fox", false)]
    #[case("level:warn", true)]
    #[case("level:i slow", true)]
    #[case("level:error", false)]
    #[case("Level:", true)]
    #[case("daemon::store", true)]
    fn a_line_passes_or_not(#[case] filter: &str, #[case] passes: bool) {
        assert_eq!(Filter::parse(filter).unwrap().passes(WARNING), passes);
    }

    #[test]
    fn what_has_no_level_passes_none_and_what_is_none_is_said() {
        assert!(!Filter::parse("level:trace").unwrap().passes("libtorch: a warning"));
        let error = Filter::parse("level:wrong").unwrap_err();
        assert!(error.to_string().starts_with("there is no level wrong"), "{error}");
    }

    proptest! {
        #[test]
        fn a_line_passes_by_its_own_words(line in "[a-zA-Zäß ]{0,40}", other in ".{0,40}") {
            prop_assert!(Filter::parse(&line).unwrap().passes(&line));
            // Whatever is typed is a filter or told to be none.
            if let Ok(filter) = Filter::parse(&other) {
                filter.passes(&line);
            }
        }
    }
}
