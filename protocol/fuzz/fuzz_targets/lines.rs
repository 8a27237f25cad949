//! A line of any bytes is refused in one line of JSON, or is a call that both codecs carry.
#![no_main]

use darkroom_protocol::codec::{frame, rpc};
use darkroom_protocol::{ClientMessage, Request};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|line: &[u8]| {
    match rpc::parse(line) {
        Ok(call) => {
            if let Request::Submit(submit) = &call.request {
                drop(submit.request.check());
            }
            let message = ClientMessage {
                id: 1,
                request: call.request,
            };
            let encoded = frame::encode(&message).unwrap();
            let again: ClientMessage = frame::decode(&encoded).unwrap();
            assert_eq!(frame::encode(&again).unwrap(), encoded);
        }
        Err(refusal) => {
            let answer = rpc::refusal(&refusal);
            assert!(answer.ends_with('\n') && answer.matches('\n').count() == 1);
            let answer: Value = serde_json::from_str(&answer).unwrap();
            assert_eq!(answer["id"], refusal.id);
        }
    }
});
