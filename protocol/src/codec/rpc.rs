//! JSON-RPC 2.0, one object a line, for everybody who has no bincode.
//!
//! The method is a [`Request`]'s name, `params` its content. Events come as notifications with the method `event`. Every
//! object is closed: what is not known is refused by name, and so is what is there twice. Every error has one shape: `code`,
//! `message` and `data` with its `kind`. A line is parsed under caps on what it becomes (`tree`).

use std::fmt;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::tree::{Allowance, MAX_NODES, Seed, Tree};
use super::typed::shown;
use crate::message::RemoteError;
use crate::text::closest;
use crate::{Event, FailureKind, Reply, Request};

/// The line is not JSON.
pub const PARSE_ERROR: i64 = -32700;
/// The line is JSON but no request.
pub const INVALID_REQUEST: i64 = -32600;
/// No such method.
pub const METHOD_NOT_FOUND: i64 = -32601;
/// The method has other parameters.
pub const INVALID_PARAMS: i64 = -32602;
/// The method failed; `data.kind` says how.
pub const FAILED: i64 = -32000;

/// The longest id, in bytes: it is given back with every answer.
pub const MAX_ID: usize = 256;
/// The fields of a request line.
const FIELDS: [&str; 4] = ["jsonrpc", "id", "method", "params"];
/// The most values inside a field that is no `params`.
const FEW: usize = 8;

/// A request line.
#[derive(Debug, PartialEq)]
pub struct Call {
    /// The caller's id, given back as it is; `None` for a notification, which is not answered.
    pub id: Option<Value>,
    /// What is wanted.
    pub request: Request,
}

/// Why a line is no request.
#[derive(Debug, PartialEq)]
pub struct Refusal {
    /// The caller's id as far as it could be read.
    pub id: Value,
    /// JSON-RPC's code.
    pub code: i64,
    /// What was wrong and what to do.
    pub message: String,
}

impl Refusal {
    /// Of a line that was not read as a request: its id is not known.
    pub fn unread(message: impl Into<String>) -> Self {
        Self {
            id: Value::Null,
            code: INVALID_REQUEST,
            message: message.into(),
        }
    }
}

/// Reads a line.
///
/// # Errors
/// [`Refusal`] with JSON-RPC's code, the caller's id, and what to do.
pub fn parse(line: &[u8]) -> Result<Call, Refusal> {
    let mut from = serde_json::Deserializer::from_slice(line);
    let found = from
        .deserialize_any(Envelope::default())
        .and_then(|found| from.end().map(|()| found));
    let envelope = found.map_err(|e| Refusal {
        id: Value::Null,
        code: PARSE_ERROR,
        message: format!("The line is not JSON: {e}. Send one JSON-RPC 2.0 object a line."),
    })?;
    let id = envelope.id();
    let of = |(code, message)| Refusal {
        id: id.clone().unwrap_or(None).unwrap_or(Value::Null),
        code,
        message,
    };
    let id = id.clone().map_err(of)?;
    let request = envelope.request().map_err(of)?;
    Ok(Call { id, request })
}

/// A code of JSON-RPC's, and words.
type Problem = (i64, String);

/// A line as it stands. It is read to its end whatever is in it, so that a refusal has the caller's id.
#[derive(Default)]
struct Envelope {
    is_object: bool,
    jsonrpc: Option<Tree>,
    id: Option<Tree>,
    method: Option<Tree>,
    params: Option<Tree>,
    /// More in `params` than any request has.
    over: bool,
    /// The first field that there is not.
    unknown: Option<String>,
    /// The first field that is there twice.
    twice: Option<&'static str>,
}

impl Envelope {
    fn put(&mut self, name: &'static str, value: Tree) {
        let field = match name {
            "jsonrpc" => &mut self.jsonrpc,
            "id" => &mut self.id,
            "method" => &mut self.method,
            _ => &mut self.params,
        };
        if field.replace(value).is_some() {
            self.twice.get_or_insert(name);
        }
    }

    /// The caller's id; `None` for a notification.
    fn id(&self) -> Result<Option<Value>, Problem> {
        match &self.id {
            None => Ok(None),
            Some(Tree::Null) => Ok(Some(Value::Null)),
            Some(Tree::Unsigned(n)) => Ok(Some((*n).into())),
            Some(Tree::Signed(n)) => Ok(Some((*n).into())),
            Some(Tree::Float(n)) => Ok(Some((*n).into())),
            Some(Tree::Text(text)) if text.len() <= MAX_ID => Ok(Some(text.as_str().into())),
            Some(Tree::Text(text)) => Err((
                INVALID_REQUEST,
                format!("\"id\" has {} bytes, the most is {MAX_ID}: shorten it.", text.len()),
            )),
            Some(_) => Err((INVALID_REQUEST, "\"id\" must be a string or a number.".to_owned())),
        }
    }

    /// What is wanted.
    fn request(self) -> Result<Request, Problem> {
        let invalid = |what: &str| Err((INVALID_REQUEST, what.to_owned()));
        if !self.is_object {
            return invalid("A request is a JSON object; batches are not taken: send one object a line.");
        }
        if let Some(name) = self.twice {
            return invalid(&format!("\"{name}\" is there twice: give it once."));
        }
        if let Some(name) = &self.unknown {
            let meant = match closest(name, FIELDS) {
                Some(close) => format!("did you mean {close}?"),
                None => format!("there are {}.", FIELDS.join(", ")),
            };
            return invalid(&format!("There is no field {} beside the method: {meant}", shown(name)));
        }
        if self.jsonrpc != Some(Tree::Text("2.0".to_owned())) {
            return invalid("\"jsonrpc\" must be \"2.0\".");
        }
        let Some(Tree::Text(method)) = self.method else {
            return invalid("\"method\" must be a string.");
        };
        if !Request::METHODS.contains(&method.as_str()) {
            return Err((METHOD_NOT_FOUND, unknown_method(&method)));
        }
        if self.over {
            return Err((
                INVALID_PARAMS,
                format!("{method}: params hold more than {MAX_NODES} values, or nest too deep: no request does."),
            ));
        }
        let params = match self.params {
            None | Some(Tree::Null) => Tree::Object(Vec::new()),
            Some(params @ Tree::Object(_)) => params,
            Some(_) => {
                return Err((
                    INVALID_PARAMS,
                    format!("{method}: params must be an object of names and values."),
                ));
            }
        };
        Request::deserialize(Tree::Object(vec![(method.clone(), params)]))
            .map_err(|problem| (INVALID_PARAMS, format!("{method}: {problem}")))
    }
}

impl<'de> Visitor<'de> for Envelope {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON-RPC 2.0 object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        self.is_object = true;
        while let Some(name) = map.next_key::<String>()? {
            let Some(known) = FIELDS.into_iter().find(|field| *field == name) else {
                map.next_value::<IgnoredAny>()?;
                self.unknown.get_or_insert(name);
                continue;
            };
            let is_params = known == "params";
            let allowance = Allowance::of(if is_params { MAX_NODES } else { FEW });
            let value = map.next_value_seed(Seed::new(&allowance))?;
            self.over |= is_params && allowance.is_over();
            let is_too_much = !is_params && allowance.is_over();
            // What was cut short must not pass for the null that is left of it.
            self.put(known, if is_too_much { Tree::Object(Vec::new()) } else { value });
        }
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }
}

fn unknown_method(method: &str) -> String {
    let name = shown(method);
    match closest(method, Request::METHODS.iter().copied()) {
        Some(close) => format!("There is no method {name}: did you mean {close}?"),
        None => format!("There is no method {name}: there are {}.", Request::METHODS.join(", ")),
    }
}

/// The line that answers a call, with its newline.
pub fn reply(id: &Value, result: &Result<Reply, RemoteError>) -> String {
    match result {
        // Written as it is, never as a tree first: an answer may be long.
        Ok(reply) => format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{}}}\n", content(reply)),
        Err(e) => error(id, code(e.kind), &e.message, e.kind),
    }
}

/// The line that answers what was no request.
pub fn refusal(refusal: &Refusal) -> String {
    error(&refusal.id, refusal.code, &refusal.message, FailureKind::Usage)
}

/// The one shape of errors.
fn error(id: &Value, code: i64, message: &str, kind: FailureKind) -> String {
    line(&json!({
        "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message, "data": { "kind": kind } },
    }))
}

/// The line that tells of an event.
pub fn event(event: &Event) -> String {
    notification("event", event)
}

/// The line that says why the connection is closed.
pub fn bye(reason: &str) -> String {
    notification("bye", &json!({ "reason": reason }))
}

fn notification<T: Serialize>(method: &'static str, params: &T) -> String {
    #[derive(Serialize)]
    struct Notification<'a, T> {
        jsonrpc: &'static str,
        method: &'static str,
        params: &'a T,
    }
    line(&Notification {
        jsonrpc: "2.0",
        method,
        params,
    })
}

fn code(kind: FailureKind) -> i64 {
    if kind == FailureKind::Usage {
        INVALID_PARAMS
    } else {
        FAILED
    }
}

/// A reply without the name of its variant, which is written before it: the caller knows what it asked.
fn content(reply: &Reply) -> String {
    let named = serde_json::to_string(reply).unwrap_or_default();
    let content = named.split_once(':').and_then(|(_, rest)| rest.strip_suffix('}'));
    content.unwrap_or("null").to_owned()
}

fn line<T: Serialize>(value: &T) -> String {
    let mut text = serde_json::to_string(value).unwrap_or_default();
    text.push('\n');
    text
}
