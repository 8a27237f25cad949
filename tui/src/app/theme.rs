//! How things look: one accent, three greys on the terminal's own background, and signs that say what colour says. Chosen by the
//! environment: full colour, sixteen colours, or none; signs beyond ASCII where the locale has them.

use ratatui::style::{Color, Modifier, Style};

/// The look of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    colour: Colour,
    /// Whether signs may be other than ASCII.
    pub is_unicode: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Colour {
    None,
    Sixteen,
    Full,
}

/// Safelight.
const ACCENT: Color = Color::Rgb(0xff, 0x5f, 0x3c);

impl Theme {
    /// As `NO_COLOR`, `TERM`, `COLORTERM` and the locale have it.
    pub fn of(variable: &dyn Fn(&str) -> Option<String>, is_unicode: bool) -> Self {
        let full = variable("COLORTERM").is_some_and(|term| term.contains("truecolor") || term.contains("24bit"));
        let colour = match (variable("NO_COLOR").is_some(), full) {
            (true, _) => Colour::None,
            (false, true) => Colour::Full,
            (false, false) => Colour::Sixteen,
        };
        Self { colour, is_unicode }
    }

    /// Focus, and work in progress; nothing else.
    pub fn accent(self) -> Style {
        match self.colour {
            Colour::None => Style::new().add_modifier(Modifier::BOLD),
            Colour::Sixteen => Style::new().fg(Color::LightRed),
            Colour::Full => Style::new().fg(ACCENT),
        }
    }

    /// What is selected where it has the focus.
    pub fn selected(self) -> Style {
        self.accent().add_modifier(Modifier::REVERSED)
    }

    /// Text that counts.
    pub fn bright(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Text.
    pub fn plain(self) -> Style {
        Style::new()
    }

    /// Beside the point: defaults, hints, rules.
    pub fn dim(self) -> Style {
        match self.colour {
            Colour::None => Style::new(),
            Colour::Sixteen => Style::new().fg(Color::DarkGray),
            Colour::Full => Style::new().fg(Color::Rgb(0x80, 0x80, 0x80)),
        }
    }

    /// `sign`, or what stands for it in ASCII.
    pub fn sign(self, sign: &'static str, ascii: &'static str) -> &'static str {
        if self.is_unicode { sign } else { ascii }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_colour_means_no_colour() {
        let env = |name: &str| (name == "NO_COLOR" || name == "COLORTERM").then(|| "truecolor".to_owned());
        let theme = Theme::of(&env, true);
        for style in [theme.accent(), theme.dim(), theme.bright(), theme.selected()] {
            assert_eq!((style.fg, style.bg), (None, None));
        }
        let full = Theme::of(&|name| (name == "COLORTERM").then(|| "truecolor".to_owned()), false);
        assert_eq!(full.accent().fg, Some(ACCENT));
        assert_eq!(full.sign("●", "*"), "*");
    }
}
