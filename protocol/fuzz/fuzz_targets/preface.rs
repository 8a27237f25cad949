//! The first bytes of a connection: refused in words that are safe to print, or a Hello.
#![no_main]

use darkroom_protocol::codec::preface::{HEAD, Head, MAX_HELLO};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() else {
        return;
    };
    let refused = match Head::parse(head) {
        Ok(head) => {
            assert!(head.length <= MAX_HELLO);
            head.hello(&rest[..head.length.min(rest.len())]).err()
        }
        Err(refused) => Some(refused),
    };
    if let Some(refused) = refused {
        assert!(!refused.to_string().contains(|c: char| c.is_control()), "{refused:?}");
    }
});
