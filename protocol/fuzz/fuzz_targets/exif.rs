//! The comment in an EXIF block of any bytes, and what it says as infotext.
#![no_main]

use darkroom_formats::{Infotext, exif};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(text) = exif::user_comment(bytes) {
        // A byte is one character at most, of four bytes at most where it was damaged.
        assert!(text.len() <= 4 * bytes.len());
        let read = Infotext::parse(&text);
        let again = Infotext::parse(&read.to_string());
        assert!(read.settings.is_empty() || again == read);
    }
});
