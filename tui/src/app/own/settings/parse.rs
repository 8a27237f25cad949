//! `tui.toml` from its text: each key and value is checked, and what is wrong is told with its line. Pure. The table of keys of commands
//! is read in `bindings.rs`.

use std::ops::Range;
use std::time::Duration;

use darkroom_protocol::KeepAlive;
use darkroom_protocol::text::{closest, escape_line, place};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{KEYS, Layout, Settings, Side, bindings};
use crate::app::own::contrast::Rgb;
use crate::app::own::notify;
use crate::app::own::theme;
use crate::graphics::Protocol;

/// The fewest and the most columns of the words beside the picture.
const WIDTHS: std::ops::RangeInclusive<u16> = 40..=120;

/// What is wrong, and where: a place in the text.
pub(super) type Wrong = (Range<usize>, String);

/// The settings that `text` spells.
///
/// # Errors
/// What is wrong, on which line and what to do, as one sentence.
pub fn parse(text: &str) -> Result<Settings, String> {
    let at = |(span, what): Wrong| format!("{}: {what}", place(text, span.start));
    let table = DeTable::parse(text).map_err(|error| {
        let what = format!("{}. Correct it or remove the line.", escape_line(error.message()));
        match error.span() {
            Some(span) => at((span, what)),
            None => what,
        }
    })?;
    read(table.get_ref()).map_err(at)
}

fn read(table: &DeTable<'_>) -> Result<Settings, Wrong> {
    let mut settings = Settings::default();
    for (key, value) in in_order(table) {
        match key.get_ref().as_ref() {
            "theme" => settings.theme = one_of("theme", value, &theme::Wish::NAMES)?,
            "accent" => settings.accent = colour(value)?,
            "mouse" => settings.mouse = switch("mouse", value)?,
            "images" => settings.images = images(value)?,
            "notify" => settings.notify = one_of("notify", value, &notify::Wish::NAMES)?,
            "notify_after" => settings.notify_after = time(value)?,
            "plain" => settings.plain = switch("plain", value)?,
            "layout" => settings.layout = layout(inner("layout", value)?)?,
            "keys" => settings.keys = bindings::read(inner("keys", value)?)?,
            name => return Err((key.span(), unknown(name, ""))),
        }
    }
    Ok(settings)
}

fn layout(table: &DeTable<'_>) -> Result<Layout, Wrong> {
    let mut layout = Layout::default();
    for (key, value) in in_order(table) {
        match key.get_ref().as_ref() {
            "picture" => {
                let sides = [("right", Side::Right), ("left", Side::Left), ("below", Side::Below)];
                layout.picture = one_of("picture", value, &sides)?;
            }
            "prompt_width" => layout.prompt_width = columns(value)?,
            name => return Err((key.span(), unknown(name, "layout."))),
        }
    }
    Ok(layout)
}

/// The rows of a table as the file has them, one after the other: its first mistake is the one that is told.
pub(super) fn in_order<'a, 'i>(
    table: &'a DeTable<'i>,
) -> Vec<(&'a Spanned<std::borrow::Cow<'i, str>>, &'a Spanned<DeValue<'i>>)> {
    let mut rows: Vec<_> = table.iter().collect();
    rows.sort_by_key(|(key, _)| key.span().start);
    rows
}

/// Names what is near among the keys below `above`, or all of them.
fn unknown(name: &str, above: &str) -> String {
    let names = || {
        let below = KEYS.iter().filter_map(|key| key.name.strip_prefix(above));
        below.map(|name| name.split('.').next().unwrap_or(name))
    };
    let shown = escape_line(name);
    match closest(name, names()) {
        Some(near) => format!("there is no setting {above}{shown}; did you mean {near}?"),
        None => {
            let mut all: Vec<&str> = names().collect();
            all.dedup();
            format!("there is no setting {above}{shown}; there are {}.", all.join(", "))
        }
    }
}

fn inner<'a, 'i>(name: &str, value: &'a Spanned<DeValue<'i>>) -> Result<&'a DeTable<'i>, Wrong> {
    let table = value.get_ref().as_table();
    table.ok_or_else(|| (value.span(), format!("{name} is a table: begin it with [{name}].")))
}

fn one_of<T: Copy>(name: &str, value: &Spanned<DeValue<'_>>, words: &[(&'static str, T)]) -> Result<T, Wrong> {
    let text = shown(value.get_ref());
    let found = words.iter().find(|(word, _)| text.eq_ignore_ascii_case(word));
    found.map(|(_, value)| *value).ok_or_else(|| {
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let what = format!("{name} must be one of {}, not {}.", all.join(", "), escape_line(&text));
        (value.span(), what)
    })
}

fn images(value: &Spanned<DeValue<'_>>) -> Result<&'static str, Wrong> {
    let words: Vec<(&str, &str)> = ["auto"]
        .into_iter()
        .chain(Protocol::ALL.map(Protocol::name))
        .map(|name| (name, name))
        .collect();
    one_of("images", value, &words)
}

fn switch(name: &str, value: &Spanned<DeValue<'_>>) -> Result<bool, Wrong> {
    let on = value.get_ref().as_bool();
    on.ok_or_else(|| {
        let text = shown(value.get_ref());
        (
            value.span(),
            format!("{name} must be true or false, not {}.", escape_line(&text)),
        )
    })
}

fn colour(value: &Spanned<DeValue<'_>>) -> Result<Rgb, Wrong> {
    let text = shown(value.get_ref());
    let digits = text
        .strip_prefix('#')
        .filter(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()));
    let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    match number {
        Some(number) => Ok([(number >> 16) as u8, (number >> 8) as u8, number as u8]),
        None => {
            let what = format!("accent is a colour such as \"#ff5f3c\", not {}.", escape_line(&text));
            Err((value.span(), what))
        }
    }
}

fn time(value: &Spanned<DeValue<'_>>) -> Result<Duration, Wrong> {
    let text = shown(value.get_ref());
    let time = text.parse::<KeepAlive>().ok().and_then(KeepAlive::duration);
    time.ok_or_else(|| {
        let what = format!(
            "notify_after is a time such as \"20s\" or \"5m\", not {}.",
            escape_line(&text)
        );
        (value.span(), what)
    })
}

fn columns(value: &Spanned<DeValue<'_>>) -> Result<u16, Wrong> {
    let number = value.get_ref().as_integer();
    let number = number.and_then(|n| u16::from_str_radix(&n.as_str().replace('_', ""), n.radix()).ok());
    number.filter(|n| WIDTHS.contains(n)).ok_or_else(|| {
        let text = shown(value.get_ref());
        let (least, most) = (WIDTHS.start(), WIDTHS.end());
        let what = format!(
            "prompt_width must be a whole number from {least} to {most}, not {}.",
            escape_line(&text)
        );
        (value.span(), what)
    })
}

/// A value as its author may have meant it: a number where a word is due is that word.
pub(super) fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(on) => on.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}
