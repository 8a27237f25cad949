//! A checkpoint of PyTorch of any bytes is refused or holds what it promises: every tensor inside the file, as long as its shape says.
#![no_main]

use darkroom_formats::pickle::index;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(header) = index(&bytes) else { return };
    for entry in header.tensors.values() {
        assert!(entry.range.start <= entry.range.end && entry.range.end <= bytes.len() as u64);
        assert_eq!(entry.dtype.bytes(entry.elements()), Some(entry.bytes()));
    }
});
