//! The fields of one configuration file, read as Python reads them and refused by name where it cannot.
//!
//! Flags are Python's truth, whole numbers may be written as floats, and one value stands for a list of equal ones.
//! What is missing has its class's default; what is null is only ever what diffusers makes of None.

use std::fmt::Debug;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::shown::Shown;
use crate::{Error, Result};

/// The greatest whole number that a float holds exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// One configuration file and where it is.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    place: &'a str,
    map: &'a Map<String, Value>,
}

/// What Python's `if value:` makes of it.
pub fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

/// The whole number that `value` is, written as one or as a float; `None` for anything else.
pub(crate) fn whole(value: &Value) -> Option<i64> {
    let float = || {
        value
            .as_f64()
            .filter(|n| n.fract() == 0.0 && n.abs() <= EXACT)
            .map(|n| n as i64)
    };
    value.as_i64().or_else(float)
}

impl<'a> Fields<'a> {
    /// The fields of `map`, which errors say are in `place`, for instance `unet`.
    pub const fn new(place: &'a str, map: &'a Map<String, Value>) -> Self {
        Self { place, map }
    }

    /// The same file's object under `field`, where there is one.
    #[must_use]
    pub fn nested(self, field: &str) -> Option<Self> {
        let map = self.map.get(field)?.as_object()?;
        Some(Self { map, ..self })
    }

    /// What is written, null included.
    pub fn get(self, field: &str) -> Option<&'a Value> {
        self.map.get(field)
    }

    /// What is written; `None` for null too.
    pub fn given(self, field: &str) -> Option<&'a Value> {
        self.get(field).filter(|value| !value.is_null())
    }

    /// Whether the field is on, by Python's truth: null is off.
    pub fn flag(self, field: &str, default: bool) -> bool {
        self.get(field).map_or(default, truth)
    }

    /// A whole number in `range`.
    pub fn int(self, field: &str, default: i64, range: RangeInclusive<i64>) -> Result<i64> {
        match self.get(field) {
            None => Ok(default),
            Some(value) => self.within(field, self.whole(field, value)?, range),
        }
    }

    /// A number in `range`.
    pub fn float(self, field: &str, default: f64, range: RangeInclusive<f64>) -> Result<f64> {
        match self.get(field) {
            None => Ok(default),
            Some(value) => match value.as_f64() {
                Some(number) => self.within(field, number, range),
                None => Err(self.wrong(field, value, "a number")),
            },
        }
    }

    /// A text; a missing field and null are `None`.
    pub fn text(self, field: &str) -> Result<Option<&'a str>> {
        match self.given(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(field, other, "a text")),
        }
    }

    /// A list of whole numbers, its length in `lengths`.
    pub fn list(self, field: &str, default: &[i64], lengths: RangeInclusive<usize>) -> Result<Vec<i64>> {
        let Some(value) = self.get(field) else {
            return Ok(default.to_vec());
        };
        let Value::Array(list) = value else {
            return Err(self.wrong(field, value, "a list"));
        };
        self.within(field, list.len(), lengths)?;
        list.iter().map(|one| self.whole(field, one)).collect()
    }

    /// A list of texts.
    pub fn texts(self, field: &str, default: &[&'a str]) -> Result<Vec<&'a str>> {
        let Some(value) = self.get(field) else {
            return Ok(default.to_vec());
        };
        let Value::Array(list) = value else {
            return Err(self.wrong(field, value, "a list"));
        };
        let text = |one: &'a Value| one.as_str().ok_or_else(|| self.wrong(field, one, "a text"));
        list.iter().map(text).collect()
    }

    /// One whole number for all of `levels` levels, or a list with one for each; an entry that is itself a list of
    /// equal values counts as that value, as where a level's layers have one each. A missing field is the default, null
    /// is not.
    pub fn each(self, field: &str, default: i64, levels: usize, range: RangeInclusive<i64>) -> Result<Vec<i64>> {
        let entries = match self.get(field) {
            None => return Ok(vec![default; levels]),
            Some(Value::Array(list)) => list,
            Some(one) => {
                let number = self.within(field, self.whole(field, one)?, range)?;
                return Ok(vec![number; levels]);
            }
        };
        if entries.len() != levels {
            return Err(self.error(
                field,
                format!("must have {levels} entries, as many as block_out_channels."),
            ));
        }
        let number = |entry: &Value| self.within(field, self.equal(field, entry)?, range.clone());
        entries.iter().map(number).collect()
    }

    /// The whole number that an entry is, or that all of its values are.
    fn equal(self, field: &str, entry: &Value) -> Result<i64> {
        let Value::Array(values) = entry else {
            return self.whole(field, entry);
        };
        let mut numbers = values.iter().map(|value| self.whole(field, value));
        let first = numbers
            .next()
            .unwrap_or_else(|| Err(self.error(field, "has an empty list within.")))?;
        for number in numbers {
            if number? != first {
                return Err(self.error(field, format!("{} is not supported, only equal values.", shown(entry))));
            }
        }
        Ok(first)
    }

    /// `Ok` where the field is missing or null: any other value asks for a part that is not built.
    pub fn none(self, field: &str) -> Result<()> {
        match self.given(field) {
            None => Ok(()),
            Some(found) => Err(self.error(field, format!("{} is not supported, only null.", shown(found)))),
        }
    }

    /// `Ok` where the field is missing or off by Python's truth.
    pub fn off(self, field: &str) -> Result<()> {
        match self.get(field).filter(|value| truth(value)) {
            None => Ok(()),
            Some(found) => Err(self.error(field, format!("{} is not supported, only false.", shown(found)))),
        }
    }

    /// `Ok` where the field is missing or one of `values`.
    pub fn only(self, field: &str, values: &[Value]) -> Result<()> {
        match self.get(field) {
            Some(found) if !values.iter().any(|value| same(value, found)) => {
                let accepted: Vec<_> = values.iter().map(Value::to_string).collect();
                let accepted = accepted.join(" or ");
                Err(self.error(field, format!("{} is not supported, only {accepted}.", shown(found))))
            }
            _ => Ok(()),
        }
    }

    /// `Ok` where `value` lies in `range`.
    pub fn within<N: PartialOrd + Debug>(self, field: &str, value: N, range: RangeInclusive<N>) -> Result<N> {
        if range.contains(&value) {
            return Ok(value);
        }
        let (least, most) = (range.start(), range.end());
        Err(self.error(field, format!("{value:?} is outside {least:?} to {most:?}.")))
    }

    /// `Ok` where `part` divides `whole`; both are positive.
    pub fn divides(self, field: &str, part: i64, whole: i64) -> Result<()> {
        if part > 0 && whole % part == 0 {
            return Ok(());
        }
        Err(self.error(field, format!("{part} does not divide {whole} channels.")))
    }

    /// The error about a field of this file.
    pub fn error(self, field: &str, what: impl Into<String>) -> Error {
        Error::Config {
            place: self.place.to_owned(),
            field: field.to_owned(),
            what: what.into(),
        }
    }

    fn whole(self, field: &str, value: &Value) -> Result<i64> {
        whole(value).ok_or_else(|| self.wrong(field, value, "a whole number"))
    }

    /// The error about a value of another type.
    pub fn wrong(self, field: &str, found: &Value, wanted: &str) -> Error {
        let remedy = if found.is_null() {
            " Leave the field out for its default."
        } else {
            ""
        };
        self.error(field, format!("{} is not {wanted}.{remedy}", shown(found)))
    }
}

/// JSON equality in which 1 is 1.0.
fn same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

fn shown(value: &Value) -> String {
    Shown(&value.to_string()).to_string()
}
