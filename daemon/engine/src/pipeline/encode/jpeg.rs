//! A picture as a JPEG; `encode` in `mod.rs` calls it. The metadata are shortened here, since a segment of a JPEG ends at 64 kB
//! and no other format has such a limit. The EXIF block itself is written by `exif.rs`.

use darkroom_protocol::Format;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};

use super::{Rgb8, exif, failed};
use crate::Result;

const QUALITY: u8 = 95;

/// A JPEG segment holds 65,533 bytes, of which `Exif\0\0` takes six.
const EXIF_ROOM: usize = 65_527;

/// JPEG of quality 95. Metadata that do not fit in the format's 64 kB are shortened, with a line in the log.
pub(super) fn encode(image: &Rgb8, parameters: &str, task_json: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
    encoder
        .set_exif_metadata(fit(parameters, task_json))
        .map_err(|e| failed(image, Format::Jpg, e))?;
    encoder
        .write_image(image.pixels(), image.width(), image.height(), ExtendedColorType::Rgb8)
        .map_err(|e| failed(image, Format::Jpg, e))?;
    Ok(bytes)
}

/// EXIF that fits: whole, else without the task, else with the beginning of `parameters`.
fn fit(parameters: &str, task_json: &str) -> Vec<u8> {
    let whole = exif::exif(parameters, task_json);
    if whole.len() <= EXIF_ROOM {
        return whole;
    }
    tracing::warn!("the metadata are longer than a JPEG holds and are shortened: choose png or webp to keep them");
    let without_task = exif::exif(parameters, "");
    if without_task.len() <= EXIF_ROOM {
        return without_task;
    }
    // At most two UTF-16 units of two bytes each for a character.
    let room = (EXIF_ROOM - exif::exif("…", "").len()) / 4;
    let beginning: String = parameters.chars().take(room).chain(['…']).collect();
    exif::exif(&beginning, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_metadata_are_shortened_to_fit() {
        let long = "fox 🦊 ".repeat(20_000);
        assert!(fit("short", "{}").len() < 100);
        assert_eq!(fit("short", &long), exif::exif("short", ""));
        let cut = fit(&long, "{}");
        assert!(cut.len() <= EXIF_ROOM && cut.len() > EXIF_ROOM / 3);
    }
}
