//! The wire, pinned: every message through both codecs, and the bytes of each kind. A change here is a new protocol version.
#![allow(clippy::unwrap_used)]

mod history;
mod json;
mod messages;

use darkroom_protocol::codec::{frame, rpc};
use darkroom_protocol::*;
use messages::{orders, reports, requests, server_messages};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Through bincode and through JSON, both ways.
#[track_caller]
fn round_trip<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(messages: &[T]) {
    for message in messages {
        let bytes = frame::encode(message).unwrap();
        assert_eq!(&frame::decode::<T>(&bytes).unwrap(), message);
        let json = serde_json::to_string(message).unwrap();
        assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), message, "{json}");
    }
}

#[test]
fn every_message_goes_through_both_codecs() {
    let clients: Vec<_> = requests()
        .into_iter()
        .map(|request| ClientMessage { id: 3, request })
        .collect();
    round_trip(&clients);
    round_trip(&server_messages());
    round_trip(&orders());
    round_trip(&reports());
}

fn hex(messages: &[impl Serialize]) -> String {
    let line = |m| {
        frame::encode(m)
            .unwrap()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect::<String>()
    };
    messages.iter().map(|m| line(m) + "\n").collect()
}

#[test]
fn the_bytes_are_those_of_version_10() {
    assert_eq!(VERSION, 10, "a new version has new golden files");
    let clients: Vec<_> = requests()
        .into_iter()
        .map(|request| ClientMessage { id: 3, request })
        .collect();
    insta::assert_snapshot!("client_messages", hex(&clients));
    insta::assert_snapshot!("server_messages", hex(&server_messages()));
    insta::assert_snapshot!("orders", hex(&orders()));
    insta::assert_snapshot!("reports", hex(&reports()));
}

#[test]
fn what_is_left_over_or_too_long_is_refused() {
    let mut bytes = frame::encode(&Order::Shutdown {}).unwrap();
    bytes.push(0);
    assert!(
        frame::decode::<Order>(&bytes)
            .unwrap_err()
            .to_string()
            .contains("left over")
    );
    let long = ((codec::MAX_MESSAGE + 1) as u32).to_le_bytes();
    assert!(matches!(
        frame::read::<Order>(&mut &long[..]),
        Err(Error::TooLong { .. })
    ));
    assert!(frame::read::<Order>(&mut &b""[..]).unwrap().is_none());
    assert!(frame::read::<Order>(&mut &b"\x05\0\0\0ab"[..]).unwrap().is_none());
}

proptest! {
    #[test]
    fn garbage_is_an_error_and_nothing_worse(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = frame::decode::<ClientMessage>(&bytes);
        let _ = frame::decode::<ServerMessage>(&bytes);
        let _ = frame::decode::<Order>(&bytes);
        let _ = frame::decode::<Report>(&bytes);
        let _ = rpc::parse(&bytes);
        let _ = frame::read::<Order>(&mut &bytes[..]);
    }

    #[test]
    fn a_spoiled_message_is_an_error_or_another_message(at in 0usize..10_000, flip in 1u8.., which in 0usize..100) {
        let all = server_messages();
        let mut bytes = frame::encode(&all[which % all.len()]).unwrap();
        let at = at % bytes.len();
        bytes[at] ^= flip;
        if let Ok(message) = frame::decode::<ServerMessage>(&bytes) {
            prop_assert!(frame::encode(&message).is_ok());
        }
    }

    #[test]
    fn requests_from_json_are_checked_or_refused(text in "\\{\"(prompt|steps|cfg|seed|width|x)\":(-?[0-9]{1,20}(\\.5)?|\"[a-z+ ]{0,9}\"|null|\\[\\])\\}") {
        if let Ok(request) = serde_json::from_str::<GenerateRequest>(&text) {
            prop_assert!(request.check().is_ok());
        }
    }
}
