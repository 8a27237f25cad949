//! Which keys mean which command: those of the command table, but for the commands that the person gave keys of their own in `tui.toml`.
//! Keys are looked up here, and palette, help and the line at the bottom ask here what to show. What the file may say is checked where it
//! is read (`settings/bindings.rs`).

use std::collections::HashMap;

use crate::app::commands::{Act, COMMANDS, Command};
use crate::app::own::keys;
use crate::app::state::Screen;

/// The keys of every command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keymap {
    /// Keys that take the place of the table's, by the command's name.
    own: HashMap<&'static str, Vec<String>>,
}

impl Keymap {
    /// The table's keys with these in their place.
    pub fn new(own: HashMap<&'static str, Vec<String>>) -> Self {
        Self { own }
    }

    /// The keys of a command, the first of which is shown.
    pub fn of(&self, command: &Command) -> Vec<&str> {
        match self.own.get(command.name) {
            Some(keys) => keys.iter().map(String::as_str).collect(),
            None => command.keys.to_vec(),
        }
    }

    /// The first key of a command as people see it; nothing where it has none.
    pub fn shown(&self, command: &Command, is_unicode: bool) -> String {
        let first = self.of(command).first().map(|key| keys::shown(key, is_unicode));
        first.unwrap_or_default()
    }

    /// How the first key of what can be done is shown, for sentences that name it; the command's name where it has no key.
    pub fn named(&self, act: Act, is_unicode: bool) -> String {
        let Some(command) = COMMANDS.iter().find(|command| command.act == act) else {
            return String::new();
        };
        let key = self.shown(command, is_unicode);
        if key.is_empty() { command.name.to_owned() } else { key }
    }

    /// The command that the key called `key` means on that screen: its own commands come before those of several screens.
    pub fn meant(&self, key: &str, screen: Screen) -> Option<&'static Command> {
        let is_meant = |command: &&Command| command.is_on(screen) && self.of(command).contains(&key);
        let width = |command: &&Command| match command.on.len() {
            0 => usize::MAX,
            screens => screens,
        };
        COMMANDS.iter().filter(is_meant).min_by_key(width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_key_that_reaches_it() {
        let keymap = Keymap::default();
        for command in COMMANDS {
            for screen in Screen::WITH_KEYS.into_iter().filter(|screen| command.is_on(*screen)) {
                let reached = command
                    .keys
                    .iter()
                    .any(|key| keymap.meant(key, screen).is_some_and(|found| found.act == command.act));
                assert!(reached, "{} on {screen:?}", command.name);
            }
        }
    }

    #[test]
    fn own_keys_take_the_place_of_the_tables() {
        let own = HashMap::from([("trash", vec!["D".to_owned()]), ("undo", vec![])]);
        let keymap = Keymap::new(own);
        let meant = |key| keymap.meant(key, Screen::Gallery).map(|command| command.name);
        assert_eq!((meant("D"), meant("d"), meant("u")), (Some("trash"), None, None));
        assert_eq!(keymap.named(Act::Trash, true), "D");
        assert_eq!(keymap.named(Act::Undo, true), "undo");
        assert_eq!(keymap.named(Act::Generate, true), "^S");
    }
}
