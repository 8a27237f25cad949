//! The request on the wire: a map of the fields that are set in JSON, one optional value a row in bincode.

use std::fmt;

use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq, Serializer};
use serde::{Deserialize, Serialize};

use super::{GenerateRequest, ParameterError, TABLE, Value};

impl Serialize for GenerateRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            let mut rows = serializer.serialize_seq(Some(TABLE.len()))?;
            for row in TABLE {
                rows.serialize_element(&self.get(row.name))?;
            }
            return rows.end();
        }
        let mut map = serializer.serialize_map(None)?;
        for row in TABLE {
            match self.get(row.name) {
                Some(Value::Text(text)) => map.serialize_entry(row.name, &text)?,
                Some(Value::Integer(n)) => map.serialize_entry(row.name, &n)?,
                Some(Value::Number(n)) => map.serialize_entry(row.name, &n)?,
                Some(Value::Switch(on)) => map.serialize_entry(row.name, &on)?,
                Some(Value::List(words)) => map.serialize_entry(row.name, &words)?,
                None => {}
            }
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for GenerateRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_map(Fields)
        } else {
            deserializer.deserialize_seq(Rows)
        }
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = GenerateRequest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of request parameters")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<GenerateRequest, A::Error> {
        let mut request = GenerateRequest::default();
        // The spelling under which each row was given: two spellings of one row are two values for it.
        let mut given: Vec<(&str, String)> = Vec::new();
        while let Some((name, json)) = map.next_entry::<String, serde_json::Value>()? {
            request.set_json(&name, &json).map_err(de::Error::custom)?;
            let row = super::find(&name).map_or("", |row| row.name);
            if let Some((row, first)) = given.iter().find(|(known, _)| *known == row) {
                return Err(de::Error::custom(ParameterError::twice(row, first, &name)));
            }
            given.push((row, name));
        }
        Ok(request)
    }
}

struct Rows;

impl<'de> Visitor<'de> for Rows {
    type Value = GenerateRequest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} request parameters", TABLE.len())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<GenerateRequest, A::Error> {
        let mut request = GenerateRequest::default();
        for (at, row) in TABLE.iter().enumerate() {
            let value: Option<Value> = rows
                .next_element()?
                .ok_or_else(|| de::Error::invalid_length(at, &self))?;
            if let Some(value) = value {
                request.set(row, value).map_err(de::Error::custom)?;
            }
        }
        // A longer row list is of another version; the frame's end check refuses what would be left over.
        if rows.next_element::<Option<Value>>()?.is_some() {
            return Err(de::Error::invalid_length(TABLE.len() + 1, &self));
        }
        Ok(request)
    }
}
