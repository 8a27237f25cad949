//! Pixels to the bytes of a picture file, with the task that made them inside.
//!
//! Where the metadata stand is where A1111 and SD.Next look: a PNG text chunk `parameters`, an EXIF UserComment in JPEG and
//! WebP. The full task as JSON stands beside it.

mod exif;
mod jpeg;
mod parameters;
mod png;
mod rgb8;
#[cfg(test)]
mod tests;
mod webp;

use darkroom_protocol::Format;
use darkroom_protocol::sampler::Named;

pub use parameters::parameters;
pub use rgb8::{Rgb8, to_rgb8};

use crate::{Error, Result};

/// A picture file of `image`: `parameters` is A1111's text, `task_json` the whole task.
///
/// The same arguments give the same bytes.
///
/// # Errors
/// `Error::Unsupported` where the format cannot hold a picture of this size: WebP ends at 16,384 pixels a side, JPEG at
/// 65,535.
pub fn encode(image: &Rgb8, format: Format, parameters: &str, task_json: &str) -> Result<Vec<u8>> {
    match format {
        Format::Png => png::encode(image, parameters, task_json),
        Format::Jpg => jpeg::encode(image, parameters, task_json),
        Format::Webp => webp::encode(image, parameters, task_json),
    }
}

fn failed(image: &Rgb8, format: Format, why: impl std::fmt::Display) -> Error {
    let (width, height, format) = (image.width(), image.height(), format.name());
    Error::Unsupported(format!(
        "A picture of {width}×{height} does not fit in {format} ({why}): choose another format."
    ))
}
