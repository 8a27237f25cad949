//! Any text reads as some infotext, and its settings survive being written and read again.
#![no_main]

use darkroom_formats::Infotext;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let read = Infotext::parse(text);
    let again = Infotext::parse(&read.to_string());
    if !read.settings.is_empty() {
        assert_eq!(again, read);
    }
});
