//! The keys of commands as `tui.toml` has them: names that are there, keys that are keys, none with two meanings on one screen, and none
//! of the commands without a key by which one gets out. Pure; `parse.rs` calls it.

use std::collections::HashMap;
use std::ops::Range;

use darkroom_protocol::text::{closest, escape_line};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::key_name::{canonical, is_text};
use super::parse::{Wrong, in_order};
use crate::app::commands::{Act, COMMANDS, Command};
use crate::app::own::keymap::Keymap;
use crate::app::state::Screen;

/// A command's own keys, each with its place in the text.
struct Own {
    command: &'static Command,
    /// Of the command's name.
    span: Range<usize>,
    keys: Vec<(String, Range<usize>)>,
}

/// The keys that the table gives.
pub(super) fn read(table: &DeTable<'_>) -> Result<Keymap, Wrong> {
    let mut all: Vec<Own> = Vec::new();
    for (name, value) in in_order(table) {
        let command = named(name)?;
        let own = Own {
            command,
            span: name.span(),
            keys: keys(command, value)?,
        };
        is_reachable(&own)?;
        all.push(own);
    }
    for (nth, own) in all.iter().enumerate() {
        for (key, span) in &own.keys {
            if let Some(other) = taken(own.command, key, &all[..nth], &all) {
                let what = format!(
                    "{key} is {}'s and {}'s on one screen: give one of them another.",
                    other.name, own.command.name
                );
                return Err((span.clone(), what));
            }
        }
    }
    let of = |own: Own| (own.command.name, own.keys.into_iter().map(|(key, _)| key).collect());
    Ok(Keymap::new(
        all.into_iter().map(of).collect::<HashMap<_, Vec<String>>>(),
    ))
}

fn named(name: &Spanned<std::borrow::Cow<'_, str>>) -> Result<&'static Command, Wrong> {
    let text = name.get_ref().as_ref();
    let found = COMMANDS.iter().find(|command| command.name == text);
    found.ok_or_else(|| {
        let near = closest(text, COMMANDS.iter().map(|command| command.name));
        let end = near.map_or_else(
            || "; `darkroom tui` shows all of a screen with ?, and docs/keys.md has them.".to_owned(),
            |near| format!("; did you mean {near}?"),
        );
        (name.span(), format!("there is no command {}{end}", escape_line(text)))
    })
}

/// The keys of one command: a list, or one key.
fn keys(command: &Command, value: &Spanned<DeValue<'_>>) -> Result<Vec<(String, Range<usize>)>, Wrong> {
    let refused = |span| {
        let what = format!("{} takes a list of keys, such as [\"ctrl-s\", \"f5\"].", command.name);
        (span, what)
    };
    let one = |value: &Spanned<DeValue<'_>>| {
        let text = value.get_ref().as_str().ok_or_else(|| refused(value.span()))?;
        let key = canonical(text).map_err(|what| (value.span(), what))?;
        Ok((key, value.span()))
    };
    match value.get_ref() {
        DeValue::Array(list) => list.iter().map(one).collect(),
        DeValue::String(_) => Ok(vec![one(value)?]),
        _ => Err(refused(value.span())),
    }
}

/// Quitting, going back and finding commands must stay possible, also where text is being written; and what is done there needs a key
/// that types nothing.
fn is_reachable(own: &Own) -> Result<(), Wrong> {
    let must = matches!(own.command.act, Act::Quit | Act::Back | Act::Palette);
    let has_key = own.keys.iter().any(|(key, _)| !is_text(key));
    let only_text = !own.keys.is_empty() && !has_key;
    let is_on_create = !own.command.on.is_empty() && own.command.is_on(Screen::Create);
    let needs_one = must || is_on_create && only_text;
    if has_key || !needs_one {
        return Ok(());
    }
    let what = if own.keys.is_empty() {
        format!("{} must keep a key: give it one, such as [\"f12\"].", own.command.name)
    } else {
        format!(
            "{} is done where text is written too: give it a key that types nothing, such as [\"f12\"].",
            own.command.name
        )
    };
    Err((own.span.clone(), what))
}

/// Another command that the key means on a screen of this one: one that has it in the file before, or in the table. What the table itself
/// gives to two commands it does on purpose.
fn taken(command: &Command, key: &str, before: &[Own], all: &[Own]) -> Option<&'static Command> {
    let is_other = |other: &Command| {
        other.name != command.name
            && Screen::WITH_KEYS
                .iter()
                .any(|on| other.is_on(*on) && command.is_on(*on))
    };
    let by_table = |of: &Command| of.keys.contains(&key);
    let in_file = before
        .iter()
        .filter(|own| own.keys.iter().any(|(has, _)| has == key))
        .map(|own| own.command);
    let in_table = COMMANDS
        .iter()
        .filter(|other| by_table(other) && !all.iter().any(|own| own.command.name == other.name));
    in_file
        .chain(in_table)
        .find(|other| is_other(other) && !(by_table(other) && by_table(command)))
}
