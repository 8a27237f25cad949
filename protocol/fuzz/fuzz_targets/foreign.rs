//! What a text says of a picture's making under any keyword that a program writes; the first byte says which.
//! Whatever is read must be what the parameters take.
#![no_main]

use darkroom_formats::foreign::{Texts, said};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 8] = [
    "parameters",
    "prompt",
    "workflow",
    "invokeai_metadata",
    "sd-metadata",
    "Dream",
    "Comment",
    "UserComment",
];

fuzz_target!(|bytes: &[u8]| {
    let Some((which, text)) = bytes.split_first() else {
        return;
    };
    let name = NAMES[usize::from(*which) % NAMES.len()];
    let mut texts = Texts::default();
    texts
        .texts
        .push((name.to_owned(), String::from_utf8_lossy(text).into_owned()));
    if name == "Comment" {
        texts.texts.push(("Software".to_owned(), "NovelAI".to_owned()));
    }
    if let Some(said) = said(&texts) {
        assert!(said.request.check().is_ok());
    }
});
