//! The person's settings of the terminal client: `tui.toml` in the folder of the settings. A missing file is no settings; a wrong one is
//! refused with the line, and what counted before goes on counting. `parse.rs` reads the text, `bindings.rs` the keys, `live.rs` sees
//! when the file changes. What a setting does is not here.

mod bindings;
mod key_name;
mod live;
mod parse;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use darkroom_client::words;
use darkroom_protocol::files;
use darkroom_protocol::paths::Paths;

pub use live::{Stamp, follow, stamp};

use crate::app::own::contrast::Rgb;
use crate::app::own::keymap::Keymap;
use crate::app::own::notify;
use crate::app::own::theme::{self, ACCENT};

/// The longest file that is read, in bytes.
const MOST: u64 = 1 << 20;

/// The settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// In which colours.
    pub theme: theme::Wish,
    /// Focus, and work in progress.
    pub accent: Rgb,
    /// Whether the client takes the mouse.
    pub mouse: bool,
    /// How pictures are drawn, where `DARKROOM_IMAGES` does not say: `auto`, or a protocol's name.
    pub images: &'static str,
    /// How the end of a long job is told.
    pub notify: notify::Wish,
    /// What a long job is: one that ran for more than this.
    pub notify_after: Duration,
    /// Whether the client is made of plain lines.
    pub plain: bool,
    /// Where things stand.
    pub layout: Layout,
    /// The keys of commands.
    pub keys: Keymap,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: theme::Wish::Auto,
            accent: ACCENT,
            mouse: true,
            images: "auto",
            notify: notify::Wish::Off,
            notify_after: Duration::from_secs(20),
            plain: false,
            layout: Layout::default(),
            keys: Keymap::default(),
        }
    }
}

/// Where things stand on Create.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Where the picture is on a wide terminal.
    pub picture: Side,
    /// Columns of the words beside it, from 40 to 120.
    pub prompt_width: u16,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            picture: Side::Right,
            prompt_width: 56,
        }
    }
}

/// Where the picture of Create is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// To the right of the words.
    Right,
    /// To the left of them.
    Left,
    /// Below the prompts, beside the parameters, as on a narrow terminal.
    Below,
}

/// A key of the file, for the documentation.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As it is written, its table's name before it.
    pub name: &'static str,
    /// What it takes.
    pub takes: &'static str,
    /// What counts where it is absent.
    pub default: &'static str,
    /// What it means.
    pub help: &'static str,
    /// A line to begin with.
    pub example: &'static str,
}

macro_rules! keys {
    ($($name:literal, $takes:literal, $default:literal, $example:literal, $help:literal;)*) => {
        /// Every key, those of tables last.
        pub const KEYS: &[Key] = &[$(Key {
            name: $name, takes: $takes, default: $default, help: $help, example: $example,
        }),*];
    };
}

keys! {
    "theme", "auto, dark, light, 16 or none", "auto", "theme = \"dark\"",
        "In which colours. `auto`: none where `NO_COLOR` is set, else as many as the terminal has, for the background that it tells.";
    "accent", "a colour such as \"#ff5f3c\"", "#ff5f3c", "accent = \"#ff5f3c\"",
        "The colour of focus and of work in progress. Where it could not be read on the background it is made darker or lighter.";
    "mouse", "true or false", "true", "mouse = false",
        "Whether the client takes the mouse; the terminal's own selection works without.";
    "images", "auto, kitty, sixel, iterm, blocks or off", "auto", "images = \"blocks\"",
        "How pictures are drawn, from the next start on. `DARKROOM_IMAGES` wins.";
    "notify", "off, bell, osc9, osc777, osc99 or auto", "off", "notify = \"auto\"",
        "How the end of a long job is told: by the bell, always, or by a notice while the terminal does not have the focus. `auto` takes what the terminal is known to have.";
    "notify_after", "a time such as \"20s\" or \"5m\"", "20s", "notify_after = \"1m\"",
        "A job is long that ran for more than this.";
    "plain", "true or false", "false", "plain = true",
        "Whether `darkroom tui` is made of plain lines, for screen readers, as with `--plain`.";
    "layout.picture", "right, left or below", "right", "picture = \"left\"",
        "Where the picture of Create stands on a wide terminal.";
    "layout.prompt_width", "a whole number from 40 to 120", "56", "prompt_width = 64",
        "Columns of prompt and parameters beside the picture.";
    "keys", "commands, each with a list of keys", "those of docs/keys.md", "\"generate\" = [\"ctrl-s\", \"f5\"]",
        "Keys that take the place of a command's. docs/keys.md has the commands.";
}

/// Where the file is.
pub fn file(paths: &Paths) -> PathBuf {
    paths.config.join("tui.toml")
}

/// The settings in the file at `path`; the default ones where there is none. Reads the file: may block.
///
/// # Errors
/// What is wrong with it, on which line, and what to do, as one sentence that names the file.
pub fn load(path: &Path) -> Result<Settings, String> {
    let wrong = |what: String| format!("{}: {what}", words::shown(path));
    match files::read_text(path, MOST) {
        Ok(text) => parse::parse(&text).map_err(wrong),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(Settings::default()),
        Err(e) => Err(wrong(match e.kind() {
            ErrorKind::InvalidInput => format!("{e}: put a file there, or remove it."),
            ErrorKind::InvalidData => "is not UTF-8: save it as UTF-8 text.".to_owned(),
            ErrorKind::FileTooLarge => format!("has more than {MOST} bytes: shorten it."),
            _ => format!("cannot be read: {}.", words::reason(&e)),
        })),
    }
}

#[cfg(test)]
mod tests;
