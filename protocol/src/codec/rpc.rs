//! JSON-RPC 2.0, one object a line, for everybody who has no bincode.
//!
//! The method is a [`Request`]'s name, `params` its content. Events come as notifications with the method `event`.

use serde_json::{Map, Value, json};

use crate::message::RemoteError;
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

/// Reads a line.
pub fn parse(line: &[u8]) -> Result<Call, Refusal> {
    let refuse = |id: &Value, code, message: String| Refusal {
        id: id.clone(),
        code,
        message,
    };
    let value: Value = serde_json::from_slice(line).map_err(|e| {
        refuse(
            &Value::Null,
            PARSE_ERROR,
            format!("The line is not JSON: {e}. Send one JSON-RPC 2.0 object a line."),
        )
    })?;
    let Value::Object(mut object) = value else {
        return Err(refuse(
            &Value::Null,
            INVALID_REQUEST,
            "A request is a JSON object; batches are not taken.".to_owned(),
        ));
    };
    let id = object.remove("id");
    let shown = id
        .clone()
        .filter(|v| v.is_string() || v.is_number())
        .unwrap_or(Value::Null);
    if object.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err(refuse(
            &shown,
            INVALID_REQUEST,
            "\"jsonrpc\" must be \"2.0\".".to_owned(),
        ));
    }
    let Some(Value::String(method)) = object.remove("method") else {
        return Err(refuse(
            &shown,
            INVALID_REQUEST,
            "\"method\" must be a string.".to_owned(),
        ));
    };
    if !Request::METHODS.contains(&method.as_str()) {
        return Err(refuse(&shown, METHOD_NOT_FOUND, unknown_method(&method)));
    }
    let params = match object.remove("params") {
        None | Some(Value::Null) => Value::Object(Map::new()),
        Some(params) => params,
    };
    let request = serde_json::from_value(json!({ method.clone(): params }))
        .map_err(|e| refuse(&shown, INVALID_PARAMS, format!("{method}: {e}")))?;
    Ok(Call { id, request })
}

fn unknown_method(method: &str) -> String {
    let shown = crate::text::escape_line(method);
    match crate::text::closest(method, Request::METHODS.iter().copied()) {
        Some(close) => format!("There is no method {shown}: did you mean {close}?"),
        None => format!("There is no method {shown}: there are {}.", Request::METHODS.join(", ")),
    }
}

/// The line that answers a call, with its newline.
pub fn reply(id: &Value, result: &Result<Reply, RemoteError>) -> String {
    match result {
        Ok(reply) => line(&json!({ "jsonrpc": "2.0", "id": id, "result": content(reply) })),
        Err(e) => line(&json!({
            "jsonrpc": "2.0", "id": id,
            "error": { "code": code(e.kind), "message": e.message, "data": { "kind": e.kind } },
        })),
    }
}

/// The line that answers what was no request.
pub fn refusal(refusal: &Refusal) -> String {
    line(&json!({ "jsonrpc": "2.0", "id": refusal.id, "error": { "code": refusal.code, "message": refusal.message } }))
}

/// The line that tells of an event.
pub fn event(event: &Event) -> String {
    line(&json!({ "jsonrpc": "2.0", "method": "event", "params": event }))
}

/// The line that says why the connection is closed.
pub fn bye(reason: &str) -> String {
    line(&json!({ "jsonrpc": "2.0", "method": "bye", "params": { "reason": reason } }))
}

fn code(kind: FailureKind) -> i64 {
    if kind == FailureKind::Usage {
        INVALID_PARAMS
    } else {
        FAILED
    }
}

/// A reply without the name of its variant: the caller knows what it asked.
fn content(reply: &Reply) -> Value {
    match serde_json::to_value(reply) {
        Ok(Value::Object(object)) => object.into_iter().next().map_or(Value::Null, |(_, content)| content),
        _ => Value::Null,
    }
}

fn line(value: &Value) -> String {
    let mut text = value.to_string();
    text.push('\n');
    text
}
