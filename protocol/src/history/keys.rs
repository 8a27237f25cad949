//! The table of keys: one row a key, from which the parser, the help and the documentation come. A new key is a row here, a
//! condition in `query.rs` and what the store makes of it. How times are spelled is in `dates.rs`.

use jiff::ZonedDateTime;

use super::dates;
use super::query::{Condition, Mark};
use crate::JobName;
use crate::sampler::{Named as _, Sampler, split_schedule};

/// Why a value is refused, beyond that it is not what the key takes: the end of a sentence. `None` where nothing more is known.
pub(super) type Hint = Option<String>;

/// What a key makes of a value.
type Read = Result<Condition, Hint>;

/// One row of the table.
#[derive(Debug)]
pub struct Key {
    /// What stands before the colon; case does not matter.
    pub name: &'static str,
    /// What stands behind it, to complete "it takes".
    pub takes: &'static str,
    /// One sentence.
    pub help: &'static str,
    /// A term with this key.
    pub example: &'static str,
    read: fn(&str, &ZonedDateTime) -> Read,
}

impl Key {
    pub(super) fn read(&self, value: &str, now: &ZonedDateTime) -> Read {
        (self.read)(value, now)
    }
}

/// The row of that name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name.eq_ignore_ascii_case(name))
}

/// The terms without a key, each with one sentence of help.
pub const FORMS: &[(&str, &str)] = &[
    (
        "fox",
        "Pictures whose prompt or negative prompt contains the word, even as a part of another.",
    ),
    (
        "\"red fox\"",
        "Pictures with the phrase; in quotes everything is text, and a backslash goes before a quote.",
    ),
    (
        "-fox",
        "Pictures without it; - excludes what any term finds, and ! does too.",
    ),
];

/// What `after` and `before` take.
const TIME: &str = "a time such as 2026-11-01, 2026-11, 2026-11-01T14:30, yesterday, monday, november or 3d";

/// Every key, in the order in which help and documentation show them.
pub const KEYS: &[Key] = &[
    Key {
        name: "prompt",
        takes: "a word or a phrase in quotes",
        help: "Pictures whose prompt contains it.",
        example: "prompt:fox",
        read: |text, _| Ok(Condition::Prompt(text.to_owned())),
    },
    Key {
        name: "negative",
        takes: "a word or a phrase in quotes",
        help: "Pictures whose negative prompt contains it.",
        example: "negative:blurry",
        read: |text, _| Ok(Condition::Negative(text.to_owned())),
    },
    Key {
        name: "model",
        takes: "the name of a model",
        help: "Pictures made with this model.",
        example: "model:sd15",
        read: |text, _| Ok(Condition::Model(text.to_owned())),
    },
    Key {
        name: "sampler",
        takes: "the name of a sampler",
        help: "Pictures made with this sampler, whatever the schedule.",
        example: "sampler:euler_a",
        read: |text, _| sampler(text),
    },
    Key {
        name: "seed",
        takes: "a whole number from 0 to 18446744073709551615",
        help: "Pictures made with this seed.",
        example: "seed:42",
        read: |text, _| number(text).map(Condition::Seed).ok_or(None),
    },
    Key {
        name: "size",
        takes: "width and height in pixels such as 1024x768",
        help: "Pictures of exactly this size.",
        example: "size:1024x768",
        read: |text, _| size(text).ok_or(None),
    },
    Key {
        name: "width",
        takes: "a whole number of pixels from 1 to 4294967295",
        help: "Pictures of this width.",
        example: "width:1024",
        read: |text, _| pixels(text).map(Condition::Width).ok_or(None),
    },
    Key {
        name: "height",
        takes: "a whole number of pixels from 1 to 4294967295",
        help: "Pictures of this height.",
        example: "height:768",
        read: |text, _| pixels(text).map(Condition::Height).ok_or(None),
    },
    Key {
        name: "tag",
        takes: "a tag",
        help: "Pictures with this tag.",
        example: "tag:portraits",
        read: |text, _| Ok(Condition::Tag(text.to_owned())),
    },
    Key {
        name: "is",
        takes: "starred, trashed, missing or imported",
        help: "Pictures with a star, in the trash, whose file is gone, or that came from outside.",
        example: "is:starred",
        read: |text, _| Mark::from_name(text).map(Condition::Is).ok_or_else(|| Mark::hint(text)),
    },
    Key {
        name: "job",
        takes: "a job's id, the beginning of one, @last, @2 or @running",
        help: "Pictures of this job.",
        example: "job:@last",
        read: |text, _| JobName::parse(text).map(Condition::Job).ok_or(None),
    },
    Key {
        name: "after",
        takes: TIME,
        help: "Pictures from the beginning of this time on.",
        example: "after:yesterday",
        read: |text, now| Ok(Condition::After(dates::read(text, now)?.begin)),
    },
    Key {
        name: "before",
        takes: TIME,
        help: "Pictures from before the beginning of this time.",
        example: "before:2026-11",
        read: |text, now| Ok(Condition::Before(dates::read(text, now)?.begin)),
    },
    Key {
        name: "on",
        takes: "a day, a month or a year such as 2026-11-01, 2026-11, yesterday or november, or two times with .. between them",
        help: "Pictures of this day, month or year, or from the first of two times to the end of the second.",
        example: "on:2026-11-01",
        read: on,
    },
];

fn sampler(text: &str) -> Read {
    if let Some(sampler) = Sampler::from_name(text) {
        return Ok(Condition::Sampler(sampler));
    }
    // The samplers' own hint repeats a schedule; a search takes none.
    let Some((name, _)) = split_schedule(text) else {
        return Err(Sampler::hint(text));
    };
    Err(match Sampler::from_name(&name) {
        Some(sampler) => Some(format!("the sampler alone is {}.", sampler.name())),
        None => Sampler::hint(&name),
    })
}

/// A time with both its ends.
fn on(text: &str, now: &ZonedDateTime) -> Read {
    let Some((first, last)) = text.split_once("..") else {
        let time = dates::read(text, now)?;
        let until = time.end.ok_or_else(|| Some("that is a moment.".to_owned()))?;
        return Ok(Condition::On {
            from: time.begin,
            until,
        });
    };
    let from = dates::read(first, now)?.begin;
    let last = dates::read(last, now)?;
    let until = last.end.unwrap_or(last.begin);
    if until <= from {
        return Err(Some("it ends before it begins.".to_owned()));
    }
    Ok(Condition::On { from, until })
}

fn size(text: &str) -> Option<Condition> {
    let (width, height) = text.split_once(['x', 'X', '×'])?;
    Some(Condition::Size {
        width: pixels(width)?,
        height: pixels(height)?,
    })
}

fn pixels(text: &str) -> Option<u32> {
    number(text).filter(|pixels| *pixels > 0)
}

/// Digits alone: no sign, no space.
pub(super) fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}
