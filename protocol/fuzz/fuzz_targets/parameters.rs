//! The parameter table: JSON of any kind is refused, or is a request that is within its ranges and survives both codecs; so is
//! text, row by row.
#![no_main]

use darkroom_protocol::GenerateRequest;
use darkroom_protocol::codec::frame;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(request) = serde_json::from_str::<GenerateRequest>(text) {
        survives(&request);
    }
    let mut request = GenerateRequest::default();
    for line in text.lines() {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        if let Err(refused) = request.set_text(name, value) {
            assert!(!refused.to_string().is_empty());
        }
    }
    survives(&request);
});

fn survives(request: &GenerateRequest) {
    request.check().unwrap();
    let json = serde_json::to_string(request).unwrap();
    assert_eq!(serde_json::from_str::<GenerateRequest>(&json).unwrap(), *request);
    let bytes = frame::encode(request).unwrap();
    assert_eq!(frame::decode::<GenerateRequest>(&bytes).unwrap(), *request);
}
