//! How the client would look and speak on a terminal, in words: for `darkroom doctor --terminal`. The choices themselves are made in
//! `theme.rs` and `notify.rs`.

use crate::app::own::Own;
use crate::app::own::contrast::is_light;
use crate::app::own::notify::Route;
use crate::app::own::settings::Settings;
use crate::app::own::theme::{Surroundings, Wish};
use crate::graphics::Found;
use crate::locale;

/// The look in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The theme's name, as in the settings.
    pub theme: &'static str,
    /// Why this one.
    pub why: String,
    /// What is known of the background.
    pub background: String,
    /// How the end of a long job is told.
    pub notices: String,
}

/// The look with these settings on a terminal that was found so.
pub fn look(settings: &Settings, found: &Found) -> Look {
    let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let around = Surroundings::of(&env, locale::is_utf8(), found.ground).named(found.name.is_some());
    in_words(settings, found, around)
}

fn in_words(settings: &Settings, found: &Found, around: Surroundings) -> Look {
    let own = Own {
        settings: settings.clone(),
        around,
        route: Route::of(found),
        ..Own::default()
    };
    let background = match (around.ground, found.ground) {
        (Some([r, g, b]), Some(_)) => format!("#{r:02x}{g:02x}{b:02x}, as the terminal told"),
        (Some(ground), None) => format!("{}, as COLORFGBG says", if is_light(ground) { "light" } else { "dark" }),
        (None, _) => "unknown: colours are chosen that can be made out on black and on white".to_owned(),
    };
    Look {
        theme: own.theme().name(),
        why: why(settings.theme, around),
        background,
        notices: own.route.in_words(settings.notify).to_owned(),
    }
}

fn why(wish: Wish, around: Surroundings) -> String {
    let depth = if around.is_full {
        "COLORTERM says 24 bits a colour"
    } else if around.is_indexed {
        "it has 256 colours; COLORTERM does not say 24 bits a colour"
    } else {
        "COLORTERM does not say 24 bits a colour"
    };
    let wished = Wish::NAMES
        .iter()
        .find(|(_, named)| *named == wish)
        .map_or("", |(name, _)| name);
    match wish {
        Wish::Auto if around.no_colour => "NO_COLOR is set".to_owned(),
        Wish::Auto if !around.is_full && !around.is_indexed => depth.to_owned(),
        Wish::Auto => {
            let ground = match around.ground.map(is_light) {
                Some(true) => "light",
                Some(false) => "dark",
                None => "not known",
            };
            format!("{depth}, and the background is {ground}")
        }
        Wish::Dark | Wish::Light => format!("tui.toml says {wished}; {depth}"),
        Wish::Sixteen | Wish::None => format!("tui.toml says {wished}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::own::notify;
    use crate::graphics::{Multiplexer, Protocol};

    #[test]
    fn every_choice_has_its_reason() {
        let mut found = Found::new(Protocol::Blocks, "so");
        found.name = Some("kitty(0.41.1)".to_owned());
        let mut settings = Settings::default();
        let mut around = Surroundings {
            is_full: true,
            ..Surroundings::default()
        };
        let said = in_words(&settings, &found, around);
        assert_eq!((said.theme, said.notices.as_str()), ("dark", "off"));
        assert!(said.background.starts_with("unknown"));
        found.ground = Some([0xff, 0xff, 0xf0]);
        around.ground = found.ground;
        settings.notify = notify::Wish::Auto;
        let said = in_words(&settings, &found, around);
        assert_eq!(
            (said.theme, said.background.as_str()),
            ("light", "#fffff0, as the terminal told")
        );
        assert!(said.notices.starts_with("osc99"), "{}", said.notices);
        found.mux = Some(Multiplexer::Screen);
        assert!(in_words(&settings, &found, around).notices.starts_with("bell"));
        around.no_colour = true;
        assert_eq!(in_words(&settings, &found, around).why, "NO_COLOR is set");
        settings.theme = Wish::Dark;
        around.is_full = false;
        let said = in_words(&settings, &found, around);
        assert_eq!(said.theme, "16");
        assert!(
            said.why.contains("tui.toml says dark; COLORTERM does not"),
            "{}",
            said.why
        );
    }
}
