//! The texts of a PNG of any bytes, and what they say as infotext.
#![no_main]

use std::io::Cursor;

use darkroom_formats::{Infotext, png};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for (_, text) in png::texts(Cursor::new(bytes)).unwrap_or_default() {
        let read = Infotext::parse(&text);
        let again = Infotext::parse(&read.to_string());
        assert!(read.settings.is_empty() || again == read);
    }
});
