//! A frame of any bytes is refused or is a message whose bytes lead back to it. The first byte says whose frame it is.
#![no_main]

use darkroom_protocol::codec::frame;
use darkroom_protocol::{ClientMessage, Order, Report, Request, ServerMessage};
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;

fuzz_target!(|bytes: &[u8]| {
    let Some((whose, body)) = bytes.split_first() else {
        return;
    };
    match whose % 4 {
        0 => {
            if let Some(ClientMessage {
                request: Request::Submit(submit),
                ..
            }) = back_and_forth(body)
            {
                drop(submit.request.check());
            }
        }
        1 => drop(back_and_forth::<ServerMessage>(body)),
        2 => drop(back_and_forth::<Order>(body)),
        _ => drop(back_and_forth::<Report>(body)),
    }
    stream(bytes);
});

fn back_and_forth<T: Serialize + DeserializeOwned>(body: &[u8]) -> Option<T> {
    let message: T = frame::decode(body).ok()?;
    let encoded = frame::encode(&message).unwrap();
    let again: T = frame::decode(&encoded).unwrap();
    // Bytes, not values: a NaN differs from itself.
    assert_eq!(frame::encode(&again).unwrap(), encoded);
    Some(message)
}

/// The same bytes as a stream of frames.
fn stream(mut bytes: &[u8]) {
    while let Ok(Some(_)) = frame::read::<Order>(&mut bytes) {}
}
