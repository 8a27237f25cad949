//! Times for which models and files are kept, as the settings spell them.

use std::collections::BTreeMap;

use darkroom_protocol::KeepAlive;
use darkroom_protocol::text::escape_line;
use serde::Deserialize;

/// `keep_alive` as it is written: one time, or a table of times by model with one called `default`.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Keeping {
    /// For every model.
    One(toml::Value),
    /// By name.
    Table(BTreeMap<String, toml::Value>),
}

/// The same, read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// For models without a time of their own.
    pub default: KeepAlive,
    /// For some models.
    pub models: BTreeMap<String, KeepAlive>,
}

impl Keeping {
    /// The times.
    ///
    /// # Errors
    /// What is no time, and what one looks like.
    pub fn checked(self) -> Result<Kept, String> {
        let table = match self {
            Self::One(toml::Value::Table(table)) => table.into_iter().collect(),
            Self::One(value) => BTreeMap::from([("default".to_owned(), value)]),
            Self::Table(table) => table,
        };
        let mut kept = Kept::default();
        for (model, value) in table {
            let time = time("keep_alive", &value)?;
            if model == "default" {
                kept.default = time;
            } else {
                kept.models.insert(model, time);
            }
        }
        Ok(kept)
    }
}

/// The time that `value` of the setting `name` spells.
///
/// # Errors
/// What is no time, and what one looks like.
pub fn time(name: &str, value: &toml::Value) -> Result<KeepAlive, String> {
    let text = match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.parse().map_err(|()| {
        let shown = escape_line(&text);
        format!("{name} is a time such as \"10m\", \"90s\" or 0, or \"forever\", not {shown}.")
    })
}
