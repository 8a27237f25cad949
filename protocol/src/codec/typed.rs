//! From a tree to a request's own type, with refusals that name the field and what it may have been meant to be.
//!
//! Objects are closed: serde's derive refuses what it does not know (`deny_unknown_fields`) and what is there twice, and
//! [`Problem`] puts that into words. Lists are never taken for objects, as serde's derive would.

use std::fmt::{self, Write as _};

use serde::de::value::{SeqDeserializer, StringDeserializer};
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, Expected, IntoDeserializer, MapAccess, Unexpected, VariantAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;

use super::tree::Tree;
use crate::text::{closest, escape_line};

/// The most characters of a refusal.
const LONGEST: usize = 500;
/// The most characters of a stranger's name that a refusal repeats.
const NAME: usize = 60;

/// What is wrong with a request, in words.
#[derive(Debug, PartialEq)]
pub(super) struct Problem {
    what: String,
    /// Whether `what` says which field is meant.
    named: bool,
}

impl Problem {
    fn named(what: String) -> Self {
        Self { what, named: true }
    }

    /// With the field's name before it, where it has none yet.
    fn of(self, field: &str) -> Self {
        if self.named {
            return self;
        }
        Self::named(format!("{}: {}", shown(field), self.what))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Problem {}

impl de::Error for Problem {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let mut brief = Brief::default();
        // Longer than it may be: what fits is there.
        let _ = write!(brief, "{message}");
        Self {
            what: escape_line(&brief.text).into_owned(),
            named: false,
        }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let name = shown(field);
        Self::named(if let Some(close) = closest(field, expected.iter().copied()) {
            format!("there is no field {name}: did you mean {close}?")
        } else if expected.contains(&"request") && crate::params::find(field).is_some() {
            format!("there is no field {name} here: it belongs inside request.")
        } else if expected.is_empty() {
            format!("there is no field {name}: this takes none.")
        } else {
            format!("there is no field {name}: there are {}.", expected.join(", "))
        })
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let name = shown(variant);
        let what = match closest(variant, expected.iter().copied()) {
            Some(close) => format!("there is no {name}: did you mean {close}?"),
            None => format!("there is no {name}: there are {}.", expected.join(", ")),
        };
        Self { what, named: false }
    }

    fn missing_field(field: &'static str) -> Self {
        Self::named(format!("missing field `{field}`"))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::named(format!("the field {field} is there twice: give it once."))
    }
}

/// Text that takes no more than [`LONGEST`] characters.
#[derive(Default)]
struct Brief {
    text: String,
    length: usize,
}

impl fmt::Write for Brief {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if self.length == LONGEST {
                self.text.push('…');
                return Err(fmt::Error);
            }
            self.text.push(c);
            self.length += 1;
        }
        Ok(())
    }
}

/// A stranger's name as a refusal shows it.
pub(super) fn shown(name: &str) -> String {
    let cut = match name.char_indices().nth(NAME) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    };
    escape_line(&cut).into_owned()
}

impl Tree {
    fn unexpected(&self) -> Unexpected<'_> {
        match self {
            Self::Null => Unexpected::Other("null"),
            Self::Bool(on) => Unexpected::Bool(*on),
            Self::Unsigned(n) => Unexpected::Unsigned(*n),
            Self::Signed(n) => Unexpected::Signed(*n),
            Self::Float(n) => Unexpected::Float(*n),
            Self::Text(text) => Unexpected::Str(text),
            Self::List(_) => Unexpected::Seq,
            Self::Object(_) => Unexpected::Map,
        }
    }

    fn mismatch(&self, expected: &dyn Expected) -> Problem {
        de::Error::invalid_type(self.unexpected(), expected)
    }
}

impl<'de> Deserializer<'de> for Tree {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self {
            Self::Null => visitor.visit_unit(),
            Self::Bool(on) => visitor.visit_bool(on),
            Self::Unsigned(n) => visitor.visit_u64(n),
            Self::Signed(n) => visitor.visit_i64(n),
            Self::Float(n) => visitor.visit_f64(n),
            Self::Text(text) => visitor.visit_string(text),
            Self::List(list) => {
                let mut items = SeqDeserializer::new(list.into_iter());
                let value = visitor.visit_seq(&mut items)?;
                items.end()?;
                Ok(value)
            }
            Self::Object(fields) => visitor.visit_map(Fields {
                fields: fields.into_iter(),
                value: None,
            }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self {
            Self::Null => visitor.visit_none(),
            other => visitor.visit_some(other),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self {
            Self::Object(_) => self.deserialize_any(visitor),
            other => Err(other.mismatch(&visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        match self {
            Self::Object(_) => self.deserialize_any(visitor),
            other => Err(other.mismatch(&"an object of names and values")),
        }
    }

    /// A name alone, or an object of one field: the name with what belongs to it.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        match self {
            Self::Text(name) => visitor.visit_enum(Variant { name, content: None }),
            Self::Object(mut fields) if fields.len() == 1 => {
                let (name, content) = fields.remove(0);
                visitor.visit_enum(Variant {
                    name,
                    content: Some(content),
                })
            }
            Self::Object(fields) if fields.len() > 1 => {
                let names: Vec<_> = fields.iter().take(4).map(|(name, _)| shown(name)).collect();
                Err(de::Error::custom(format_args!(
                    "give one of {}, not several",
                    names.join(", ")
                )))
            }
            other => {
                let names = variants.join(", ");
                Err(other.mismatch(&format!("one of {names}").as_str()))
            }
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Problem> for Tree {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// The fields of an object; a problem with one's value names it.
struct Fields {
    fields: std::vec::IntoIter<(String, Tree)>,
    value: Option<(String, Tree)>,
}

impl<'de> MapAccess<'de> for Fields {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Problem> {
        let Some((name, value)) = self.fields.next() else {
            return Ok(None);
        };
        let key = seed.deserialize(StringDeserializer::new(name.clone()))?;
        self.value = Some((name, value));
        Ok(Some(key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Problem> {
        let (name, value) = self.value.take().unwrap_or_else(|| (String::new(), Tree::Null));
        seed.deserialize(value).map_err(|problem: Problem| problem.of(&name))
    }
}

/// A variant and what belongs to it.
struct Variant {
    name: String,
    content: Option<Tree>,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = Problem;
    type Variant = Content;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Content), Problem> {
        let variant = seed.deserialize(StringDeserializer::new(self.name))?;
        Ok((variant, Content(self.content)))
    }
}

/// What belongs to a variant.
struct Content(Option<Tree>);

impl Content {
    fn need(self) -> Result<Tree, Problem> {
        let lacking = || de::Error::custom("it lacks its value: write {\"name\": value}");
        self.0.ok_or_else(lacking)
    }
}

impl<'de> VariantAccess<'de> for Content {
    type Error = Problem;

    fn unit_variant(self) -> Result<(), Problem> {
        match self.0 {
            None | Some(Tree::Null) => Ok(()),
            Some(_) => Err(de::Error::custom("it stands alone, without a value")),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Problem> {
        seed.deserialize(self.need()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Problem> {
        self.need()?.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Problem> {
        self.need()?.deserialize_struct("", fields, visitor)
    }
}
