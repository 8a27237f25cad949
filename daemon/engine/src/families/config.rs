use std::fmt::Debug;
use std::iter::once;
use std::ops::RangeInclusive;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{Error, Result};

/// The largest config file that is read, in bytes.
const MAX_JSON: usize = 1 << 20;

/// Reads one component's config JSON and words its complaints.
#[derive(Clone, Copy, Debug)]
pub struct ConfigReader<'a> {
    component: &'a str,
}

impl<'a> ConfigReader<'a> {
    /// For a component such as `unet`.
    pub const fn new(component: &'a str) -> Self {
        Self { component }
    }

    /// Parses `json` into `T`, whose fields all have defaults; fields that `T` does not know are skipped.
    ///
    /// `accepted` lists fields of which only some values are built: any other value is an error that names the field.
    pub fn read<T: DeserializeOwned>(&self, json: &[u8], accepted: &[(&str, &[Value])]) -> Result<T> {
        if json.len() > MAX_JSON {
            return Err(self.error("file", format!("is {} bytes, more than a config ever has.", json.len())));
        }
        let object: Map<String, Value> =
            serde_json::from_slice(json).map_err(|e| self.error("file", format!("is not a JSON object: {e}.")))?;
        for (field, values) in accepted {
            self.only(field, object.get(*field), values)?;
        }
        T::deserialize(Value::Object(object.clone())).map_err(|e| self.blame::<T>(object, &e))
    }

    /// `Ok` where `value` lies in `range`.
    pub fn within<N: PartialOrd + Debug>(&self, field: &str, value: N, range: RangeInclusive<N>) -> Result<N> {
        if range.contains(&value) {
            return Ok(value);
        }
        Err(self.error(
            field,
            format!("{value:?} is outside {:?} to {:?}.", range.start(), range.end()),
        ))
    }

    /// `Ok` where `part` divides `whole`; both are positive.
    pub fn divides(&self, field: &str, part: i64, whole: i64) -> Result<()> {
        if part > 0 && whole % part == 0 {
            return Ok(());
        }
        Err(self.error(field, format!("{part} does not divide {whole} channels.")))
    }

    /// `Error::Config` about a field.
    pub fn error(&self, field: &str, what: impl Into<String>) -> Error {
        Error::Config {
            component: self.component.to_owned(),
            field: field.to_owned(),
            what: what.into(),
        }
    }

    fn only(&self, field: &str, found: Option<&Value>, accepted: &[Value]) -> Result<()> {
        match found {
            Some(found) if !accepted.iter().any(|value| same(value, found)) => {
                let accepted: Vec<_> = accepted.iter().map(Value::to_string).collect();
                Err(self.error(
                    field,
                    format!("{found} is not supported, only {}.", accepted.join(" or ")),
                ))
            }
            _ => Ok(()),
        }
    }

    /// serde names no field in its message, so each is tried alone.
    fn blame<T: DeserializeOwned>(&self, object: Map<String, Value>, error: &serde_json::Error) -> Error {
        let alone = |(field, value): (String, Value)| {
            let one = Value::Object(once((field.clone(), value)).collect());
            T::deserialize(one).err().map(|error| (field, error.to_string()))
        };
        let (field, what) = object
            .into_iter()
            .find_map(alone)
            .unwrap_or(("file".to_owned(), error.to_string()));
        self.error(&field, format!("{what}."))
    }
}

/// JSON equality in which 1 is 1.0.
fn same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

/// One value for all levels of a network, or a list with one for each.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(untagged)]
pub enum PerLevel<T> {
    /// The same at every level.
    All(T),
    /// One a level, from the finest to the coarsest.
    Each(Vec<T>),
}

impl<T: Copy> PerLevel<T> {
    /// The value at `level`, or None past the list's end.
    pub fn at(&self, level: usize) -> Option<T> {
        match self {
            Self::All(value) => Some(*value),
            Self::Each(values) => values.get(level).copied(),
        }
    }

    /// Whether there is a value for each of `levels` levels and no more.
    pub fn fits(&self, levels: usize) -> bool {
        match self {
            Self::All(_) => true,
            Self::Each(values) => values.len() == levels,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(default)]
    struct Sample {
        width: i64,
        heads: PerLevel<i64>,
    }

    impl Default for Sample {
        fn default() -> Self {
            Self {
                width: 7,
                heads: PerLevel::All(8),
            }
        }
    }

    fn read(json: &str) -> Result<Sample> {
        let scale = [json!(1)];
        ConfigReader::new("unet").read(
            json.as_bytes(),
            &[("scale", &scale), ("kind", &[json!(null), json!("a")])],
        )
    }

    #[rstest]
    #[case::empty("{}", 7, PerLevel::All(8))]
    #[case::unknown(r#"{"foo": {"bar": 1}, "width": 3}"#, 3, PerLevel::All(8))]
    #[case::list(r#"{"heads": [5, 10]}"#, 7, PerLevel::Each(vec![5, 10]))]
    #[case::same_number(r#"{"scale": 1.0, "kind": null}"#, 7, PerLevel::All(8))]
    fn reads(#[case] json: &str, #[case] width: i64, #[case] heads: PerLevel<i64>) {
        assert_eq!(read(json).unwrap(), Sample { width, heads });
    }

    #[rstest]
    #[case(
        "[]",
        "unet: config file: is not a JSON object: invalid type: sequence, expected a map at line 1 column 0."
    )]
    #[case(
        r#"{"width": "3"}"#,
        r#"unet: config width: invalid type: string "3", expected i64."#
    )]
    #[case(
        r#"{"width": 1e9}"#,
        "unet: config width: invalid type: floating point `1000000000.0`, expected i64."
    )]
    #[case(r#"{"width": null}"#, "unet: config width: invalid type: null, expected i64.")]
    #[case(r#"{"scale": 2}"#, "unet: config scale: 2 is not supported, only 1.")]
    #[case(r#"{"kind": "b"}"#, r#"unet: config kind: "b" is not supported, only null or "a"."#)]
    fn complains_by_field(#[case] json: &str, #[case] message: &str) {
        assert_eq!(read(json).unwrap_err().to_string(), message);
    }

    #[test]
    fn a_huge_file_is_not_parsed() {
        let message = read(&" ".repeat(MAX_JSON + 1)).unwrap_err().to_string();
        assert_eq!(
            message,
            "unet: config file: is 1048577 bytes, more than a config ever has."
        );
    }
}
