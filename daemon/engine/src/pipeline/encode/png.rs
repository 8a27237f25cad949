//! A picture as a PNG, with A1111's text and the task's JSON in chunks of their own; `encode` in `mod.rs` calls it. What the
//! texts say is decided in `parameters.rs` and `pipeline/save.rs`. They are read again by `darkroom_formats::png`.

use darkroom_protocol::Format;
use png::{BitDepth, ColorType, Encoder, EncodingError};

use super::{Rgb8, failed};
use crate::Result;

/// The keyword of the task's JSON.
const TASK: &str = "darkroom";

/// PNG, 8 bits a channel; the texts stand before the pixels.
pub(super) fn encode(image: &Rgb8, parameters: &str, task_json: &str) -> Result<Vec<u8>> {
    write(image, parameters, task_json).map_err(|e| failed(image, Format::Png, e))
}

fn write(image: &Rgb8, parameters: &str, task_json: &str) -> Result<Vec<u8>, EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, image.width(), image.height());
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    // NUL ends the text for some readers, and the format forbids it.
    let parameters = parameters.replace('\0', "\u{fffd}");
    if is_latin(&parameters) {
        encoder.add_text_chunk("parameters".into(), parameters)?;
    } else {
        encoder.add_itxt_chunk("parameters".into(), parameters)?;
    }
    encoder.add_itxt_chunk(TASK.into(), task_json.into())?;
    let mut writer = encoder.write_header()?;
    writer.write_image_data(image.pixels())?;
    writer.finish()?;
    Ok(bytes)
}

/// Whether every reader takes the text for the same in Latin-1. Bytes that UTF-8 has too are read as that by many.
fn is_latin(text: &str) -> bool {
    let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    bytes.is_some_and(|bytes| text.is_ascii() || std::str::from_utf8(&bytes).is_err())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_two_ways_is_no_latin() {
        assert!(is_latin("a fox") && is_latin("café"));
        assert!(!is_latin("Ã©") && !is_latin("狐"));
    }
}
