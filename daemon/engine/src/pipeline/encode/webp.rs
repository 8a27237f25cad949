use darkroom_protocol::Format;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder};

use super::{Rgb8, exif, failed};
use crate::Result;

/// Lossless WebP.
pub(super) fn encode(image: &Rgb8, parameters: &str, task_json: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = WebPEncoder::new_lossless(&mut bytes);
    encoder
        .set_exif_metadata(exif::exif(parameters, task_json))
        .map_err(|e| failed(image, Format::Webp, e))?;
    encoder
        .write_image(image.pixels(), image.width(), image.height(), ExtendedColorType::Rgb8)
        .map_err(|e| failed(image, Format::Webp, e))?;
    Ok(bytes)
}
