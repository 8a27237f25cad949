//! How tables look on this standard output: colour and signs on a terminal, plain words elsewhere. `queue` and `status` ask.
//! Colour never says what a sign or a word does not say too.

use std::io::IsTerminal;

/// The look of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether a person reads: tables have a head, and states have signs.
    pub is_terminal: bool,
    /// Whether signs may be other than ASCII.
    pub is_unicode: bool,
    colour: Colour,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Colour {
    #[default]
    None,
    Sixteen,
    Full,
}

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Work in progress: the one accent.
    Accent,
    /// Beside the point.
    Dim,
    /// Text.
    Plain,
}

impl Style {
    /// A terminal without colour.
    #[cfg(test)]
    pub fn plain_terminal() -> Self {
        Self {
            is_terminal: true,
            is_unicode: true,
            colour: Colour::None,
        }
    }

    /// As standard output and the environment (NO_COLOR, TERM, COLORTERM, LC_ALL, LC_CTYPE, LANG) have it.
    pub fn of_stdout() -> Self {
        Self::of(std::io::stdout().is_terminal(), |name| {
            std::env::var(name).ok().filter(|value| !value.is_empty())
        })
    }

    fn of(is_terminal: bool, variable: impl Fn(&str) -> Option<String>) -> Self {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(&variable);
        let locale = locale.unwrap_or_default().to_ascii_lowercase();
        let dumb = variable("TERM").is_none_or(|term| term == "dumb");
        let full = variable("COLORTERM").is_some_and(|term| term == "truecolor" || term == "24bit");
        let colour = match (is_terminal && !dumb && variable("NO_COLOR").is_none(), full) {
            (false, _) => Colour::None,
            (true, false) => Colour::Sixteen,
            (true, true) => Colour::Full,
        };
        Self {
            is_terminal,
            is_unicode: locale.contains("utf-8") || locale.contains("utf8"),
            colour,
        }
    }

    /// Whether there is colour.
    pub fn has_colour(self) -> bool {
        self.colour != Colour::None
    }

    /// `text` in that tone.
    pub fn paint(self, tone: Tone, text: &str) -> String {
        let code = match (tone, self.colour) {
            (_, Colour::None) | (Tone::Plain, _) => return text.to_owned(),
            (Tone::Dim, _) => "2",
            (Tone::Accent, Colour::Sixteen) => "91",
            (Tone::Accent, Colour::Full) => "38;2;255;95;60",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// One of two spellings of a sign.
    pub fn sign(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.is_unicode { unicode } else { ascii }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn style(is_terminal: bool, variables: &[(&str, &str)]) -> Style {
        Style::of(is_terminal, |name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[rstest]
    #[case(true, &[("TERM", "xterm")], "\x1b[91mx\x1b[0m")]
    #[case(true, &[("TERM", "xterm"), ("COLORTERM", "truecolor")], "\x1b[38;2;255;95;60mx\x1b[0m")]
    #[case(true, &[("TERM", "xterm"), ("NO_COLOR", "1")], "x")]
    #[case(true, &[("TERM", "dumb")], "x")]
    #[case(true, &[], "x")]
    #[case(false, &[("TERM", "xterm")], "x")]
    fn colour_is_for_terminals_that_have_it(
        #[case] is_terminal: bool,
        #[case] variables: &[(&str, &str)],
        #[case] painted: &str,
    ) {
        assert_eq!(style(is_terminal, variables).paint(Tone::Accent, "x"), painted);
    }

    #[rstest]
    #[case(&[("LANG", "en_GB.UTF-8")], "●")]
    #[case(&[("LANG", "en_GB.UTF-8"), ("LC_ALL", "C")], "*")]
    #[case(&[("LC_CTYPE", "C.utf8")], "●")]
    #[case(&[], "*")]
    fn signs_are_what_the_locale_can_show(#[case] variables: &[(&str, &str)], #[case] sign: &str) {
        assert_eq!(style(true, variables).sign("●", "*"), sign);
    }
}
