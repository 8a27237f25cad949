//! The value of any parameter as one type, and the way from it to a field's own type and back. `table.rs` and `request.rs` get
//! and set the fields of a request by it; the daemon's settings are read into it too (`settings/parse.rs`). What a row accepts,
//! and the words of a refusal, are in `parameter.rs`.

use serde::{Deserialize, Serialize};

use crate::device::Dtype;
use crate::guidance::{GuidanceMethod, ScaleCurve};
use crate::inpaint::{InpaintArea, InpaintFill, MaskMode};
use crate::keep_alive::KeepAlive;
use crate::picture::Format;
use crate::prediction::Prediction;
use crate::prompting::{Emphasis, PromptSyntax};
use crate::quant::Quant;
use crate::resize::ResizeMode;
use crate::sampler::{Named, NoiseSource, Sampler, Schedule};
use crate::tiling::Tiling;

/// The value of a parameter, whatever its type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// Words, a path or the name of a choice.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Any finite number.
    Number(f64),
    /// Yes or no.
    Switch(bool),
    /// Several words.
    List(Vec<String>),
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Integer(n) => n.fmt(f),
            Self::Number(n) => n.fmt(f),
            Self::Switch(on) => f.write_str(if *on { "on" } else { "off" }),
            Self::List(words) => f.write_str(&words.join(", ")),
        }
    }
}

/// A type that a field of the request may have.
pub(super) trait Field: Sized {
    fn to_value(&self) -> Value;
    /// `None` when the value is of another type, which [`super::Parameter::check`] has excluded.
    fn from_value(value: &Value) -> Option<Self>;
}

impl Field for String {
    fn to_value(&self) -> Value {
        Value::Text(self.clone())
    }

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }
    }
}

impl Field for i64 {
    fn to_value(&self) -> Value {
        Value::Integer(*self)
    }

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Integer(n) => Some(*n),
            _ => None,
        }
    }
}

impl Field for u32 {
    fn to_value(&self) -> Value {
        Value::Integer((*self).into())
    }

    fn from_value(value: &Value) -> Option<Self> {
        i64::from_value(value).and_then(|n| n.try_into().ok())
    }
}

impl Field for i32 {
    fn to_value(&self) -> Value {
        Value::Integer((*self).into())
    }

    fn from_value(value: &Value) -> Option<Self> {
        i64::from_value(value).and_then(|n| n.try_into().ok())
    }
}

impl Field for f64 {
    fn to_value(&self) -> Value {
        Value::Number(*self)
    }

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Number(n) => Some(*n),
            _ => None,
        }
    }
}

impl Field for bool {
    fn to_value(&self) -> Value {
        Value::Switch(*self)
    }

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Switch(on) => Some(*on),
            _ => None,
        }
    }
}

impl Field for Vec<String> {
    fn to_value(&self) -> Value {
        Value::List(self.clone())
    }

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::List(words) => Some(words.clone()),
            _ => None,
        }
    }
}

impl Field for KeepAlive {
    fn to_value(&self) -> Value {
        Value::Text(self.to_string())
    }

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) => text.parse().ok(),
            _ => None,
        }
    }
}

macro_rules! named_field {
    ($($type:ty),*) => {$(
        impl Field for $type {
            fn to_value(&self) -> Value {
                Value::Text(self.name().to_owned())
            }

            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    Value::Text(text) => Self::from_name(text),
                    _ => None,
                }
            }
        }
    )*};
}

named_field!(
    Sampler,
    Schedule,
    NoiseSource,
    Prediction,
    GuidanceMethod,
    ScaleCurve,
    Dtype,
    Quant,
    Format,
    PromptSyntax,
    Emphasis,
    MaskMode,
    ResizeMode,
    Tiling,
    InpaintFill,
    InpaintArea
);
