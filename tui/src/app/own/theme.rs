//! How things look: one accent, and greys on the terminal's own background, and signs that say what colour says. Text is in the terminal's
//! own colour, which can be read on its background; the accent and the grey of what is beside the point are moved until they can be. Chosen
//! by the settings and by what surrounds the client; signs beyond ASCII where the locale has them.

use ratatui::style::{Color, Modifier, Style};

use crate::app::own::contrast::{Rgb, contrast, is_light, readable};

/// The look of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    colour: Colour,
    accent: Rgb,
    dim: Rgb,
    is_light: bool,
    /// Whether signs may be other than ASCII.
    pub is_unicode: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Colour {
    None,
    Sixteen,
    /// Of the 256 those whose values are fixed.
    Indexed,
    Full,
}

/// What the person wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// What the surroundings have.
    Auto,
    /// For a dark background.
    Dark,
    /// For a light one.
    Light,
    /// The terminal's own sixteen colours.
    Sixteen,
    /// No colours.
    None,
}

impl Wish {
    /// By their names in the settings.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("auto", Self::Auto),
        ("dark", Self::Dark),
        ("light", Self::Light),
        ("16", Self::Sixteen),
        ("none", Self::None),
    ];
}

/// What surrounds the client, as far as it decides on its look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Whether `NO_COLOR` is set.
    pub no_colour: bool,
    /// Whether the terminal takes colours of 24 bits, as `COLORTERM` says.
    pub is_full: bool,
    /// Whether it has 256 colours.
    pub is_indexed: bool,
    /// Whether its text is UTF-8.
    pub is_unicode: bool,
    /// The background, where the terminal or `COLORFGBG` tells.
    pub ground: Option<Rgb>,
}

/// Safelight.
pub const ACCENT: Rgb = [0xff, 0x5f, 0x3c];
/// Beside the point.
const DIM: Rgb = [0x80; 3];
/// Parts of the names of terminals that have 256 colours.
const OF_256: [&str; 8] = [
    "256color",
    "kitty",
    "foot",
    "mlterm",
    "alacritty",
    "ghostty",
    "wezterm",
    "direct",
];
/// The contrast that text has at least.
const LEAST: f64 = 4.5;

impl Surroundings {
    /// As the environment has them; `told` is the background that the terminal told.
    pub fn of(variable: &dyn Fn(&str) -> Option<String>, is_unicode: bool, told: Option<Rgb>) -> Self {
        let is_full = variable("COLORTERM").is_some_and(|term| term.contains("truecolor") || term.contains("24bit"));
        let has_256 = |term: String| OF_256.iter().any(|part| term.contains(part));
        Self {
            no_colour: variable("NO_COLOR").is_some(),
            is_full,
            is_indexed: variable("TERM").is_some_and(has_256),
            is_unicode,
            ground: told.or_else(|| variable("COLORFGBG").and_then(|colours| of_number(&colours))),
        }
    }
}

impl Surroundings {
    /// The same on a terminal that said its name where `is_named`: all that do have 256 colours, whatever `TERM` says, and `COLORTERM`
    /// does not get through ssh.
    pub fn named(self, is_named: bool) -> Self {
        Self {
            is_indexed: self.is_indexed || is_named,
            ..self
        }
    }
}

/// `15;0`, `0;default;15`: the last is the background's number among sixteen.
fn of_number(colours: &str) -> Option<Rgb> {
    let number: u8 = colours.rsplit(';').next()?.parse().ok()?;
    match number {
        0..=6 | 8 => Some([0; 3]),
        7 | 9..=15 => Some([255; 3]),
        _ => None,
    }
}

impl Theme {
    /// As `NO_COLOR`, `COLORTERM`, `COLORFGBG` and the locale have it.
    #[cfg(test)]
    pub fn of(variable: &dyn Fn(&str) -> Option<String>, is_unicode: bool) -> Self {
        Self::chosen(Wish::Auto, ACCENT, &Surroundings::of(variable, is_unicode, None))
    }

    /// Without colours, for what is only measured.
    pub fn bare() -> Self {
        Self::chosen(Wish::None, ACCENT, &Surroundings::default())
    }

    /// What the person wants, as far as the surroundings have it. A person's own wish counts more than `NO_COLOR`.
    pub fn chosen(wish: Wish, accent: Rgb, around: &Surroundings) -> Self {
        let colour = match wish {
            Wish::None => Colour::None,
            Wish::Auto if around.no_colour => Colour::None,
            Wish::Sixteen => Colour::Sixteen,
            _ if around.is_full => Colour::Full,
            _ if around.is_indexed => Colour::Indexed,
            _ => Colour::Sixteen,
        };
        let told = |is_wanted: fn(Rgb) -> bool, usual: Rgb| around.ground.filter(|g| is_wanted(*g)).unwrap_or(usual);
        let ground = match wish {
            Wish::Light => Some(told(is_light, [255; 3])),
            Wish::Dark => Some(told(|ground| !is_light(ground), [0; 3])),
            Wish::Auto | Wish::Sixteen | Wish::None => around.ground,
        };
        // Where nothing is known of the background it is black: the grey can be made out on white too.
        let on = ground.unwrap_or([0; 3]);
        Self {
            colour,
            accent: readable(accent, on, LEAST),
            dim: readable(DIM, on, LEAST),
            is_light: is_light(on),
            is_unicode: around.is_unicode,
        }
    }

    /// Its name in the settings.
    pub fn name(self) -> &'static str {
        match (self.colour, self.is_light) {
            (Colour::None, _) => "none",
            (Colour::Sixteen, _) => "16",
            (Colour::Indexed | Colour::Full, true) => "light",
            (Colour::Indexed | Colour::Full, false) => "dark",
        }
    }

    /// Focus, and work in progress; nothing else.
    pub fn accent(self) -> Style {
        match self.colour {
            Colour::None => Style::new().add_modifier(Modifier::BOLD),
            Colour::Sixteen if self.is_light => Style::new().fg(Color::Red),
            Colour::Sixteen => Style::new().fg(Color::LightRed),
            Colour::Indexed => Style::new().fg(Color::Indexed(nearest(self.accent, self.is_light))),
            Colour::Full => Style::new().fg(rgb(self.accent)),
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
            // What the palette has for grey can be too dark to be read; a faint text is as bright as the terminal's own, or a little less.
            Colour::None | Colour::Sixteen => Style::new().add_modifier(Modifier::DIM),
            Colour::Indexed => Style::new().fg(Color::Indexed(nearest(self.dim, self.is_light))),
            Colour::Full => Style::new().fg(rgb(self.dim)),
        }
    }

    /// `sign`, or what stands for it in ASCII.
    pub fn sign(self, sign: &'static str, ascii: &'static str) -> &'static str {
        if self.is_unicode { sign } else { ascii }
    }
}

fn rgb([r, g, b]: Rgb) -> Color {
    Color::Rgb(r, g, b)
}

/// Of the 256 colours, beyond the sixteen that a person may change, the one that is nearest to `wanted` and can be read no worse on a
/// ground that is light or dark.
fn nearest(wanted: Rgb, is_light: bool) -> u8 {
    let ground = if is_light { [255; 3] } else { [0; 3] };
    let least = contrast(wanted, ground).min(LEAST);
    let far = |number: u8| -> u32 {
        let parts = of_256(number).into_iter().zip(wanted);
        parts.map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
    };
    let readable = (16..=255).filter(|number| contrast(of_256(*number), ground) >= least);
    readable.min_by_key(|number| far(*number)).unwrap_or(244)
}

/// A colour from 16 on: a cube of six values a side, then greys.
fn of_256(number: u8) -> Rgb {
    let level = |nth: u8| if nth == 0 { 0 } else { 55 + 40 * nth };
    match number.saturating_sub(16) {
        nth @ 0..216 => [nth / 36, nth / 6 % 6, nth % 6].map(level),
        nth => [8 + 10 * (nth - 216); 3],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const BLACK: Rgb = [0; 3];
    const WHITE: Rgb = [255; 3];

    #[test]
    fn no_colour_means_no_colour() {
        let env = |name: &str| (name == "NO_COLOR" || name == "COLORTERM").then(|| "truecolor".to_owned());
        let theme = Theme::of(&env, true);
        for style in [theme.accent(), theme.dim(), theme.bright(), theme.selected()] {
            assert_eq!((style.fg, style.bg), (None, None));
        }
        let full = Theme::of(&|name| (name == "COLORTERM").then(|| "truecolor".to_owned()), false);
        assert_eq!(full.accent().fg, Some(rgb(ACCENT)));
        assert_eq!(full.sign("●", "*"), "*");
    }

    fn full(wish: Wish, accent: Rgb, ground: Option<Rgb>) -> Theme {
        let around = Surroundings {
            is_full: true,
            ground,
            ..Surroundings::default()
        };
        Theme::chosen(wish, accent, &around)
    }

    #[rstest]
    #[case::dark(Wish::Dark, None, BLACK)]
    #[case::light(Wish::Light, None, WHITE)]
    #[case::told_dark(Wish::Auto, Some(BLACK), BLACK)]
    #[case::told_light(Wish::Auto, Some(WHITE), WHITE)]
    #[case::solarized(Wish::Auto, Some([0, 0x2b, 0x36]), [0, 0x2b, 0x36])]
    #[case::solarized_light(Wish::Light, Some([0xfd, 0xf6, 0xe3]), [0xfd, 0xf6, 0xe3])]
    #[case::told_otherwise(Wish::Light, Some(BLACK), WHITE)]
    fn everything_can_be_read_on_its_background(#[case] wish: Wish, #[case] told: Option<Rgb>, #[case] ground: Rgb) {
        for accent in [ACCENT, BLACK, WHITE, [0xff, 0xff, 0], [0, 0, 0x80]] {
            let theme = full(wish, accent, told);
            for colour in [theme.accent, theme.dim] {
                let ratio = contrast(colour, ground);
                assert!(ratio >= 4.5, "{colour:?} on {ground:?} of {accent:?}: {ratio:.2}");
            }
        }
    }

    #[test]
    fn a_terminal_of_256_colours_looks_much_the_same() {
        assert_eq!(
            [16, 203, 231, 232, 244, 255].map(of_256),
            [[0; 3], [255, 95, 95], [255; 3], [8; 3], [128; 3], [238; 3]]
        );
        let around = |ground| Surroundings {
            ground: Some(ground),
            ..Surroundings::default().named(true)
        };
        let colours = |ground| {
            let theme = Theme::chosen(Wish::Auto, ACCENT, &around(ground));
            [theme.accent(), theme.dim()].map(|style| match style.fg {
                Some(Color::Indexed(number)) => of_256(number),
                other => panic!("{other:?}"),
            })
        };
        assert_eq!(colours(BLACK), [[255, 95, 95], [128; 3]]);
        for (ground, all) in [(BLACK, colours(BLACK)), (WHITE, colours(WHITE))] {
            assert!(
                all.iter().all(|colour| contrast(*colour, ground) >= 4.5),
                "{all:?} on {ground:?}"
            );
        }
        let terms = ["xterm-256color", "screen.xterm-256color", "mlterm", "xterm", "linux"];
        let is_indexed = |term: &str| {
            let env = |name: &str| (name == "TERM").then(|| term.to_owned());
            Surroundings::of(&env, true, None).is_indexed
        };
        assert_eq!(terms.map(is_indexed), [true, true, true, false, false]);
    }

    #[test]
    fn without_greys_of_a_known_brightness_text_is_faint() {
        for wish in [Wish::Sixteen, Wish::None] {
            let dim = Theme::chosen(wish, ACCENT, &Surroundings::default()).dim();
            assert_eq!((dim.fg, dim.add_modifier), (None, Modifier::DIM));
        }
    }

    #[test]
    fn an_unknown_background_gets_a_grey_for_both() {
        let theme = full(Wish::Auto, ACCENT, None);
        assert_eq!((theme.accent, theme.dim), (ACCENT, DIM));
        for ground in [BLACK, WHITE] {
            for colour in [theme.dim, theme.accent] {
                assert!(contrast(colour, ground) >= 3.0, "{colour:?} on {ground:?}");
            }
        }
    }

    #[rstest]
    #[case("15;0", Some(BLACK))]
    #[case("0;15", Some(WHITE))]
    #[case("0;default;7", Some(WHITE))]
    #[case("default;default", None)]
    #[case("", None)]
    #[case("1;999", None)]
    fn backgrounds_by_number(#[case] colours: &str, #[case] ground: Option<Rgb>) {
        assert_eq!(of_number(colours), ground);
        let env = |name: &str| (name == "COLORFGBG").then(|| colours.to_owned());
        assert_eq!(Surroundings::of(&env, true, None).ground, ground);
        assert_eq!(
            Surroundings::of(&env, true, Some([9; 3])).ground,
            Some([9; 3]),
            "what the terminal says counts"
        );
    }

    #[test]
    fn a_wish_counts_more_than_no_color_and_names_are_told() {
        let around = Surroundings {
            no_colour: true,
            is_full: true,
            ..Surroundings::default()
        };
        let name = |wish| Theme::chosen(wish, ACCENT, &around).name();
        let names: Vec<&str> = Wish::NAMES.iter().map(|(_, wish)| name(*wish)).collect();
        assert_eq!(names, ["none", "dark", "light", "16", "none"]);
        let poor = Surroundings::default();
        assert_eq!(Theme::chosen(Wish::Dark, ACCENT, &poor).name(), "16");
    }
}
