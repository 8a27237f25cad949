//! One row of the parameter table: what it takes, what happens without it, and the words in which it refuses. The rows are in
//! `table.rs`; nothing here knows which there are.

use super::Value;
use crate::ModelCard;
use crate::hash::is_sha256;
use crate::keep_alive::KeepAlive;
use crate::sampler::Named;
use crate::text::{closest, escape_line, fold, shorten, unmarked};

/// Names that a message tells one by one.
const MOST_NAMES: usize = 12;
/// One row of the table.
#[derive(Debug)]
pub struct Parameter {
    /// The JSON field.
    pub name: &'static str,
    /// The long flag, without dashes.
    pub flag: &'static str,
    /// The short flag.
    pub short: Option<char>,
    /// Further names that JSON accepts.
    pub aliases: &'static [&'static str],
    /// The group it is shown in.
    pub category: Category,
    /// Type and range.
    pub kind: Kind,
    /// What counts when it is absent.
    pub unset: Unset,
    /// The key in a picture's metadata; empty when it is not written there.
    pub metadata: &'static str,
    /// One sentence.
    pub help: &'static str,
    /// What else there is to say; may be empty.
    pub long: &'static str,
    /// What a worker must list among its capabilities.
    pub needs: &'static str,
}

/// The groups of the table, in the order in which help and documentation show them; those of a task, and what is the queue's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "names that say it")]
pub enum Category {
    What,
    Inputs,
    Inpaint,
    Size,
    Hires,
    Sampling,
    Guidance,
    Compute,
    Queue,
}

impl Category {
    /// Every one.
    pub const ALL: [Self; 9] = [
        Self::What,
        Self::Inputs,
        Self::Inpaint,
        Self::Size,
        Self::Hires,
        Self::Sampling,
        Self::Guidance,
        Self::Compute,
        Self::Queue,
    ];

    /// Its heading.
    pub fn label(self) -> &'static str {
        match self {
            Self::What => "What",
            Self::Inputs => "Inputs",
            Self::Inpaint => "Inpainting",
            Self::Size => "Size",
            Self::Hires => "Second pass",
            Self::Sampling => "Sampling",
            Self::Guidance => "Guidance",
            Self::Compute => "Computing",
            Self::Queue => "Queue",
        }
    }

    /// Its rows.
    pub fn rows(self) -> impl Iterator<Item = &'static Parameter> {
        super::TABLE.iter().filter(move |row| row.category == self)
    }
}

/// What counts where a parameter is absent.
#[derive(Clone, Copy, Debug)]
pub enum Unset {
    /// This, as somebody would type it.
    Value(&'static str),
    /// What the model's card says.
    OfModel(fn(&ModelCard) -> Value),
    /// What the daemon settles, in words.
    Settled(&'static str),
}

/// Type and range of a parameter. Ranges include both ends.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Words of at most so many bytes.
    Text {
        /// The most bytes.
        max_bytes: usize,
    },
    /// A whole number.
    Integer {
        /// The least.
        min: i64,
        /// The most.
        max: i64,
    },
    /// A finite number.
    Number {
        /// The least.
        min: f64,
        /// The most.
        max: f64,
    },
    /// One of a few names.
    Choice {
        /// The names to print, in order.
        names: fn() -> Vec<&'static str>,
        /// The printed name of any accepted spelling.
        canonical: fn(&str) -> Option<&'static str>,
        /// What to tell somebody who gave another word: the end of a sentence.
        hint: fn(&str) -> Option<String>,
    },
    /// A file that was sent with `upload`, as its SHA-256. A command takes a path and sends the file.
    File,
    /// Several words, each once; on a command line separated by commas, or given one by one.
    List {
        /// What each is, in the plural.
        of: &'static str,
        /// The most of them.
        most: usize,
        /// A word as it is kept; `None` for one that is refused.
        canonical: fn(&str) -> Option<String>,
    },
    /// Yes or no.
    Switch,
    /// How long something is kept: see [`KeepAlive`].
    KeepAlive,
}

/// The names of `T` as a [`Kind::Choice`].
pub(super) const fn choice<T: Named>() -> Kind {
    Kind::Choice {
        names: || T::NAMES.iter().map(|(_, name, _)| *name).collect(),
        canonical: |text| T::from_name(text).map(T::name),
        hint: T::hint,
    }
}

/// Why a value was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ParameterError {
    /// No row has that name.
    #[error("There is no parameter {name}{hint}", name = escape_line(.name), hint = .hint.map(|h| format!(": did you mean {h}?")).unwrap_or_else(|| ".".to_owned()))]
    Unknown {
        /// The name given.
        name: String,
        /// A row with a similar name.
        hint: Option<&'static str>,
    },
    /// The value is of another type.
    #[error("{name} is {expected}, not {found}.", name = escape_line(.name), found = escape_line(.found))]
    Type {
        /// The row, or the name by which it was given.
        name: String,
        /// What it takes.
        expected: String,
        /// What was given.
        found: String,
    },
    /// The value is of the right type but out of range.
    #[error("{name} must be {expected}, not {found}{hint}", name = escape_line(.name), found = escape_line(.found), hint = .hint.as_ref().map_or_else(|| ".".to_owned(), |h| format!(": {h}")))]
    Range {
        /// The row, or the name by which it was given.
        name: String,
        /// What it takes.
        expected: String,
        /// What was given.
        found: String,
        /// What may have been meant, or why it is not taken: the end of the sentence.
        hint: Option<String>,
    },
    /// Two parameters say different things of one.
    #[error("{name} says {found}, but {against}: leave one of them out.", name = escape_line(.name))]
    Contradiction {
        /// The row, or the name by which it was given.
        name: String,
        /// What it says.
        found: &'static str,
        /// What the other says.
        against: String,
    },
    /// The row is given twice, under one of its names or two.
    #[error("{name} is given twice ({spellings}): give it once.", spellings = escape_line(.spellings))]
    Twice {
        /// The row.
        name: &'static str,
        /// The names given.
        spellings: String,
    },
    /// The text is too long.
    #[error("{name} has {found} bytes, the most is {max}: shorten it.", name = escape_line(.name))]
    Length {
        /// The row, or the name by which it was given.
        name: String,
        /// Bytes given.
        found: usize,
        /// Bytes accepted.
        max: usize,
    },
}

impl ParameterError {
    pub(super) fn twice(name: &'static str, first: &str, second: &str) -> Self {
        let spellings = if first == second {
            shorten(first)
        } else {
            format!("{} and {}", shorten(first), shorten(second))
        };
        Self::Twice { name, spellings }
    }

    pub(super) fn unknown(name: &str) -> Self {
        let rows = super::TABLE.iter().map(|p| p.name);
        Self::Unknown {
            name: shorten(name),
            hint: closest(name, rows),
        }
    }

    /// The same about a row that was given as `typed`: a flag, an alias, a JSON field.
    pub fn named(mut self, typed: &str) -> Self {
        match &mut self {
            Self::Unknown { .. } | Self::Twice { .. } => {}
            Self::Type { name, .. }
            | Self::Range { name, .. }
            | Self::Contradiction { name, .. }
            | Self::Length { name, .. } => *name = shorten(typed),
        }
        self
    }
}

impl Parameter {
    /// The value that `text` spells.
    pub fn parse(&self, text: &str) -> Result<Value, ParameterError> {
        let value = match self.kind {
            Kind::Text { .. } | Kind::File | Kind::Choice { .. } | Kind::KeepAlive => Value::Text(text.to_owned()),
            Kind::List { .. } => Value::List(split(text)),
            Kind::Switch => Value::Switch(switch(text).ok_or_else(|| self.mismatch(text))?),
            Kind::Integer { .. } => match text.trim().parse::<i64>() {
                Ok(n) => Value::Integer(n),
                Err(e) if is_overflow(&e) => return Err(self.range(text)),
                Err(_) => return Err(self.mismatch(text)),
            },
            Kind::Number { .. } => Value::Number(text.trim().parse().map_err(|_| self.mismatch(text))?),
        };
        self.check(value)
    }

    /// The value of a JSON field.
    pub fn from_json(&self, json: &serde_json::Value) -> Result<Value, ParameterError> {
        use serde_json::Value as Json;
        let value = match (json, self.kind) {
            (Json::String(text), Kind::Text { .. } | Kind::File | Kind::Choice { .. } | Kind::KeepAlive) => {
                Value::Text(text.clone())
            }
            (Json::String(text), Kind::List { .. }) => return self.parse(text),
            (Json::Array(words), Kind::List { .. }) => {
                let words = words.iter().map(|word| word.as_str().map(str::to_owned));
                Value::List(
                    words
                        .collect::<Option<_>>()
                        .ok_or_else(|| self.mismatch(&json.to_string()))?,
                )
            }
            (Json::Number(n), Kind::KeepAlive) => Value::Text(n.to_string()),
            (Json::Bool(on), Kind::Switch) => Value::Switch(*on),
            (Json::String(text), Kind::Switch) => return self.parse(text),
            (Json::Number(n), Kind::Integer { .. }) => match (n.as_i64(), n.as_f64()) {
                (Some(n), _) => Value::Integer(n),
                (None, Some(n)) if n.fract() == 0.0 && n.abs() < 9e15 => Value::Integer(n as i64),
                (None, Some(n)) if n.fract() == 0.0 => return Err(self.range(&n.to_string())),
                _ => return Err(self.mismatch(&n.to_string())),
            },
            (Json::Number(n), Kind::Number { .. }) => Value::Number(n.as_f64().unwrap_or(f64::NAN)),
            (other, _) => return Err(self.mismatch(&other.to_string())),
        };
        self.check(value)
    }

    /// The value in its canonical spelling, once its type and range are right.
    pub fn check(&self, value: Value) -> Result<Value, ParameterError> {
        let value = match value {
            Value::Text(text) => Value::Text(unmarked(&text).to_owned()),
            other => other,
        };
        match (self.kind, value) {
            (Kind::Text { max_bytes }, Value::Text(text)) if text.len() > max_bytes => Err(ParameterError::Length {
                name: self.name.to_owned(),
                found: text.len(),
                max: max_bytes,
            }),
            (Kind::Text { .. }, value @ Value::Text(_)) => Ok(value),
            (Kind::File, Value::Text(text)) => match sha256(&text) {
                Some(hash) => Ok(Value::Text(hash)),
                None => Err(self.mismatch(&text)),
            },
            (Kind::Integer { min, max }, Value::Integer(n)) if (min..=max).contains(&n) => Ok(Value::Integer(n)),
            (Kind::Number { min, max }, Value::Number(n)) if (min..=max).contains(&n) => Ok(Value::Number(n)),
            (Kind::Choice { canonical, hint, .. }, Value::Text(text)) => match canonical(&text) {
                Some(name) => Ok(Value::Text(name.to_owned())),
                None => Err(self.out_of_range(&text, hint(&text))),
            },
            (Kind::List { most, canonical, .. }, Value::List(words)) => self.list(&words, most, canonical),
            (Kind::Switch, value @ Value::Switch(_)) => Ok(value),
            (Kind::KeepAlive, Value::Text(text)) => match text.parse::<KeepAlive>() {
                Ok(kept) => Ok(Value::Text(kept.to_string())),
                Err(()) => Err(self.mismatch(&text)),
            },
            (Kind::Integer { .. }, Value::Integer(n)) => Err(self.range(&n.to_string())),
            (Kind::Number { .. }, Value::Number(n)) => Err(self.range(&n.to_string())),
            (_, value) => Err(self.mismatch(&value.to_string())),
        }
    }

    /// Words as they are kept, each once.
    fn list(
        &self,
        words: &[String],
        most: usize,
        canonical: fn(&str) -> Option<String>,
    ) -> Result<Value, ParameterError> {
        let mut kept: Vec<String> = Vec::new();
        for word in words {
            let word = canonical(word).ok_or_else(|| self.range(word))?;
            if !kept.contains(&word) {
                kept.push(word);
            }
        }
        match kept.len() <= most {
            true => Ok(Value::List(kept)),
            false => Err(self.range(&kept.join(", "))),
        }
    }

    /// The value that counts where it is absent, with the model of `card`; `None` where the daemon settles it.
    pub fn default_value(&self, card: &ModelCard) -> Option<Value> {
        match self.unset {
            Unset::Value(text) => self.parse(text).ok(),
            Unset::OfModel(of) => Some(of(card)),
            Unset::Settled(_) => None,
        }
    }

    /// What counts where it is absent, in words.
    pub fn default_words(&self) -> &'static str {
        match self.unset {
            Unset::Value("") => "empty",
            Unset::Value(text) | Unset::Settled(text) => text,
            Unset::OfModel(_) => "the model's",
        }
    }

    /// What it takes, in words: "a whole number from 1 to 1000".
    pub fn expects(&self) -> String {
        match self.kind {
            Kind::Text { max_bytes } => format!("text of at most {max_bytes} bytes"),
            Kind::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Kind::Number { min, max } => format!("a number from {min} to {max}"),
            Kind::Choice { names, .. } => format!("one of {}", names().join(", ")),
            Kind::List { of, most, .. } => format!("at most {most} {of}, separated by commas"),
            Kind::File => "a file; in JSON the SHA-256 of one that was sent with `upload`".to_owned(),
            Kind::Switch => "on or off".to_owned(),
            Kind::KeepAlive => "a time such as 10m, 90s or 0, or forever".to_owned(),
        }
    }

    /// Whether `name` is this row's field, flag or an alias.
    pub fn is_named(&self, name: &str) -> bool {
        let folded = fold(name);
        [self.name, self.flag]
            .iter()
            .chain(self.aliases)
            .any(|n| fold(n) == folded)
    }

    /// As [`Self::expects`], but for lists of names that would hide the rest of a message.
    fn expects_shortly(&self) -> String {
        match self.kind {
            Kind::Choice { names, .. } if names().len() > MOST_NAMES => {
                format!(
                    "one of the {} names that `darkroom generate --help-all` lists",
                    names().len()
                )
            }
            _ => self.expects(),
        }
    }

    fn mismatch(&self, found: &str) -> ParameterError {
        ParameterError::Type {
            name: self.name.to_owned(),
            expected: self.expects(),
            found: shorten(found),
        }
    }

    fn range(&self, found: &str) -> ParameterError {
        self.out_of_range(found, None)
    }

    fn out_of_range(&self, found: &str, hint: Option<String>) -> ParameterError {
        ParameterError::Range {
            name: self.name.to_owned(),
            expected: self.expects_shortly(),
            found: shorten(found),
            hint,
        }
    }
}

/// The hash that `text` spells, in lower case.
fn sha256(text: &str) -> Option<String> {
    Some(text.trim().to_ascii_lowercase()).filter(|hash| is_sha256(hash))
}

/// The words between commas.
fn split(text: &str) -> Vec<String> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

fn switch(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" | "1" => Some(true),
        "off" | "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

fn is_overflow(error: &std::num::ParseIntError) -> bool {
    matches!(
        error.kind(),
        std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow
    )
}
