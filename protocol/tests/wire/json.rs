//! JSON-RPC lines: methods, refusals with their codes, and that nothing unknown passes.

use darkroom_protocol::Request;
use darkroom_protocol::codec::rpc;
use serde_json::json;

use super::messages::{replies, requests};

#[test]
fn every_request_is_a_method_and_every_reply_its_result() {
    let mut methods = Vec::new();
    for request in requests() {
        let json = serde_json::to_value(&request).unwrap();
        let (method, params) = json.as_object().unwrap().iter().next().unwrap();
        let line = json!({ "jsonrpc": "2.0", "id": "x", "method": method, "params": params }).to_string();
        let call = rpc::parse(line.as_bytes()).unwrap();
        assert_eq!((call.id, &call.request), (Some(json!("x")), &request));
        methods.push(method.clone());
    }
    assert_eq!(methods, Request::METHODS);
    for reply in replies() {
        let line = rpc::reply(&json!(1), &Ok(reply));
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert!(line.ends_with('\n') && !value["result"].is_null(), "{line}");
    }
}

#[test]
fn refusals_have_json_rpcs_codes() {
    let code = |line: &str| rpc::parse(line.as_bytes()).unwrap_err().code;
    assert_eq!(code("nonsense"), rpc::PARSE_ERROR);
    for id in ["[]", "{}", "true", "[{},{},{},{},{},{},{},{},{},{}]"] {
        let line = format!(r#"{{"jsonrpc":"2.0","method":"ping","id":{id}}}"#);
        assert_eq!(code(&line), rpc::INVALID_REQUEST, "{line}");
    }
    assert_eq!(code("[]"), rpc::INVALID_REQUEST);
    assert_eq!(code(r#"{"id":1,"method":"ping"}"#), rpc::INVALID_REQUEST);
    assert_eq!(code(r#"{"jsonrpc":"2.0","id":1}"#), rpc::INVALID_REQUEST);
    assert_eq!(
        code(r#"{"jsonrpc":"2.0","id":1,"method":"pign"}"#),
        rpc::METHOD_NOT_FOUND
    );
    assert_eq!(
        code(r#"{"jsonrpc":"2.0","id":1,"method":"job","params":{"jobb":1}}"#),
        rpc::INVALID_PARAMS
    );
    let refusal = rpc::parse(br#"{"jsonrpc":"2.0","id":1,"method":"subscibe"}"#).unwrap_err();
    assert_eq!(refusal.message, "There is no method subscibe: did you mean subscribe?");
    let steps = br#"{"jsonrpc":"2.0","id":1,"method":"submit","params":{"request_id":"00000000-0000-0000-0000-000000000005","request":{"steps":0}}}"#;
    let refusal = rpc::parse(steps).unwrap_err();
    assert!(
        refusal
            .message
            .contains("steps must be a whole number from 1 to 1000, not 0."),
        "{}",
        refusal.message
    );
}

/// Whatever is not known is refused by name, at every level, and so is what is there twice.
#[test]
fn lines_are_closed() {
    const ID: &str = "00000000-0000-0000-0000-000000000005";
    let submit = |request: &str, more: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":7,"method":"submit","params":{{"request_id":"{ID}","request":{{{request}}}{more}}}}}"#
        )
    };
    let call =
        |method: &str, params: &str| format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{params}}}"#);
    let cases = [
        (
            submit("", r#","priority":50"#),
            "no field priority here: it belongs inside request",
        ),
        (submit("", r#","wach":true"#), "wach: did you mean watch?"),
        (submit(r#""stepps":4"#, ""), "stepps: did you mean steps?"),
        (
            submit(r#""steps":4,"num_inference_steps":4"#, ""),
            "steps is given twice (steps and num_inference_steps)",
        ),
        (
            submit(r#""batch":null,"n":2"#, ""),
            "batch is given twice (batch and n)",
        ),
        (
            submit(r#""prompt":"a","prompt":"a""#, ""),
            "prompt is given twice (prompt)",
        ),
        (submit("", r#","watch":true,"watch":true"#), "watch is there twice"),
        (
            call("cancel", r#"{"job":"a","afterPicture":true}"#),
            "afterPicture: did you mean after_picture?",
        ),
        (
            call("clear", r#"{"states":[],"state":["failed"]}"#),
            "state: did you mean states?",
        ),
        (call("status", r#"{"x":1}"#), "no field x: this takes none"),
        (call("subscribe", r#"{"maxfps":1}"#), "maxfps: did you mean max_fps?"),
        (call("load", r#"{"model":"m","pin":true}"#), "there is no field pin"),
        (
            call("move", r#"{"job":"a","place":{"before":"b","after":"c"}}"#),
            "place: give one of before, after",
        ),
        (
            call("move", r#"{"job":"a","place":{"befor":"b"}}"#),
            "place: there is no befor: did you mean before?",
        ),
        (
            call("move", r#"{"job":"a","place":"before"}"#),
            "place: it lacks its value",
        ),
        (call("job", r#"["a"]"#), "params must be an object"),
        (
            call("job", r#"{"job":7}"#),
            "job: invalid type: integer `7`, expected a string",
        ),
        (
            call("submit", &format!(r#"{{"request_id":"{ID}","request":[]}}"#)),
            "request: invalid type: sequence",
        ),
        (
            call("upload", r#"{"sha256":"a","size":1,"offset":0,"bytes":"","more":1}"#),
            "there is no field more",
        ),
        (
            call("download", r#"{"sha256":"a","offset":0,"length":9}"#),
            "there is no field length",
        ),
        (
            r#"{"jsonrpc":"2.0","id":7,"method":"ping","parms":{}}"#.to_owned(),
            "parms beside the method: did you mean params?",
        ),
        (
            r#"{"jsonrpc":"2.0","id":7,"method":"ping","method":"ping"}"#.to_owned(),
            "\"method\" is there twice",
        ),
        (
            r#"{"priority":1,"jsonrpc":"2.0","method":"ping","id":7}"#.to_owned(),
            "no field priority beside the method",
        ),
    ];
    for (line, words) in cases {
        let refusal = rpc::parse(line.as_bytes()).unwrap_err();
        assert!(refusal.message.contains(words), "{line}: {}", refusal.message);
        assert_eq!(refusal.id, json!(7), "{line}");
        let answer: serde_json::Value = serde_json::from_str(&rpc::refusal(&refusal)).unwrap();
        assert_eq!(answer["error"]["data"]["kind"], "usage", "{answer}");
    }
}

/// What a refusal repeats of a stranger's text is short, and safe to print.
#[test]
fn refusals_are_short() {
    let long = "y\\u001b".repeat(200_000);
    for line in [
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{long}"}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":"{long}","method":"ping"}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","{long}":1}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"{long}":1}}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"job","params":{{"job":["{long}"]}}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"queue","params":{{"limit":"{long}","states":[]}}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"queue","params":{{"limit":1,"states":["{long}"]}}}}"#),
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"a":{}}}}}"#,
            "[".repeat(1000) + &"]".repeat(1000)
        ),
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"a":[{}1]}}}}"#,
            "{},".repeat(100_000)
        ),
        "[".repeat(1_000_000),
    ] {
        let refusal = rpc::parse(line.as_bytes()).unwrap_err();
        assert!(refusal.message.len() < 2000, "{}", &line[..60]);
        assert!(
            !refusal.message.contains(|c: char| c.is_control()),
            "{}",
            refusal.message
        );
    }
}

/// Found by fuzzing: a number beyond 64 bits came back as its neighbour.
#[test]
fn an_id_comes_back_as_it_was_sent() {
    for id in ["65555555550000000000000000000000000005555555", "-0.1", "\"a\"", "null"] {
        let refusal = rpc::parse(format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"x"}}"#).as_bytes()).unwrap_err();
        let answer: serde_json::Value = serde_json::from_str(&rpc::refusal(&refusal)).unwrap();
        assert_eq!(answer["id"], refusal.id);
    }
}
