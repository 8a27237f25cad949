//! A header or shard index of any bytes is refused or holds what it promises: every tensor inside the file, each byte once.
#![no_main]

use darkroom_formats::family::detect_file;
use darkroom_formats::safetensors::{Header, ShardIndex};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(index) = ShardIndex::parse(bytes) {
        assert!(
            index
                .shards()
                .iter()
                .all(|shard| !shard.contains('/') && !shard.starts_with('.'))
        );
    }
    // As a whole file, and as a header alone: a length that always fits lets the fuzzer past the first check.
    let framed = [&(bytes.len() as u64).to_le_bytes(), bytes].concat();
    for file in [bytes, &framed] {
        let len = file.len() as u64;
        let Ok(header) = Header::parse(file, len) else { continue };
        let mut ranges: Vec<_> = header.tensors.values().map(|entry| entry.range.clone()).collect();
        ranges.sort_by_key(|range| (range.start, range.end));
        assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start));
        assert!(ranges.iter().all(|range| range.start <= range.end && range.end <= len));
        let _ = detect_file(&header);
        for entry in header.tensors.values() {
            assert_eq!(entry.dtype.bytes(entry.elements()), Some(entry.bytes()));
        }
    }
});
