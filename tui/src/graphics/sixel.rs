//! DEC sixel: the pixels themselves in at most 256 colours, so the picture is scaled here and its palette made for it.

use std::io::Write;

use icy_sixel::{EncodeOptions, QuantizeMethod, SixelImage};
use image::imageops::FilterType;
use image::{DynamicImage, RgbaImage};

use super::fit::Cells;
use super::{Error, Result};

/// Rows of pixels that one line of sixels draws.
pub(super) const BAND: u32 = 6;
/// The share of an error that is handed on to neighbours: enough to hide bands in a gradient, and little noise.
const DIFFUSION: f32 = 0.25;
/// Colours of a draft: its palette is sent with every frame.
const DRAFT_COLOURS: u16 = 128;

/// Writes the picture so that it covers `cells` of `cell` pixels each. A draft is scaled by squares that whole bands draw, which
/// takes a fraction of the bytes.
pub(super) fn write(
    out: &mut impl Write,
    picture: &DynamicImage,
    cells: Cells,
    cell: (u32, u32),
    is_draft: bool,
) -> Result<()> {
    let (width, height) = (cells.columns * cell.0, cells.rows * cell.1);
    let (pixels, options) = if is_draft {
        let options = EncodeOptions {
            max_colors: DRAFT_COLOURS,
            diffusion: 0.0,
            quantize_method: QuantizeMethod::Wu,
        };
        (squares(picture, width, height), options)
    } else {
        let options = EncodeOptions {
            max_colors: 256,
            diffusion: DIFFUSION,
            quantize_method: QuantizeMethod::kmeans(),
        };
        (picture.resize(width, height, FilterType::CatmullRom), options)
    };
    let pixels = opaque(pixels);
    let (width, height) = pixels.dimensions();
    let image = SixelImage::from_rgba(pixels.into_raw(), width as usize, height as usize);
    let text = image.encode_with(&options).map_err(|e| Error::Encode(e.to_string()))?;
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// The picture within that size, each of its pixels a square of a multiple of six where that fits.
fn squares(picture: &DynamicImage, width: u32, height: u32) -> DynamicImage {
    let fits = (width / picture.width().max(1)).min(height / picture.height().max(1));
    match fits {
        0 => picture.resize(width, height, FilterType::Triangle),
        _ => {
            let factor = if fits >= BAND { fits / BAND * BAND } else { fits };
            picture.resize_exact(picture.width() * factor, picture.height() * factor, FilterType::Nearest)
        }
    }
}

/// What is transparent shows white, as on paper: terminals differ in what they put there.
fn opaque(picture: DynamicImage) -> RgbaImage {
    let mut pixels = picture.into_rgba8();
    for pixel in pixels.pixels_mut() {
        let alpha = u16::from(pixel.0[3]);
        for value in &mut pixel.0[..3] {
            *value = ((u16::from(*value) * alpha + 255 * (255 - alpha)) / 255) as u8;
        }
        pixel.0[3] = 255;
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn drawn(picture: &DynamicImage, cells: Cells, cell: (u32, u32), is_draft: bool) -> (SixelImage, usize) {
        let mut out = Vec::new();
        write(&mut out, picture, cells, cell, is_draft).unwrap();
        (SixelImage::decode(&out).unwrap(), out.len())
    }

    #[test]
    fn a_sixel_string_of_the_right_size() {
        let picture = DynamicImage::new_rgb8(8, 8);
        let (image, _) = drawn(&picture, Cells { columns: 4, rows: 2 }, (10, 20), false);
        assert_eq!((image.width, image.height), (40, 40));
        let (image, _) = drawn(&picture, Cells { columns: 4, rows: 2 }, (10, 20), true);
        assert_eq!((image.width, image.height), (5 * 8, 5 * 8));
        let (image, _) = drawn(&picture, Cells { columns: 32, rows: 16 }, (10, 20), true);
        assert_eq!((image.width, image.height), (36 * 8, 36 * 8));
    }

    /// Root of the mean squared error of 8-bit values.
    fn error(picture: &DynamicImage, image: &SixelImage) -> f64 {
        let pixels = picture.to_rgba8().into_raw();
        let squares = pixels
            .chunks_exact(4)
            .zip(image.pixels.chunks_exact(4))
            .flat_map(|(a, b)| {
                let differences = a.iter().zip(b).take(3).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2));
                differences.collect::<Vec<_>>()
            });
        (squares.sum::<f64>() / f64::from(picture.width() * picture.height() * 3)).sqrt()
    }

    fn painted(pixel: impl Fn(f64, f64) -> [f64; 3]) -> DynamicImage {
        let side = 160;
        let at = |v: u32| f64::from(v) / f64::from(side);
        image::RgbImage::from_fn(side, side, |x, y| {
            image::Rgb(pixel(at(x), at(y)).map(|v| (v.clamp(0.0, 1.0) * 255.0) as u8))
        })
        .into()
    }

    /// libsixel's encoder has 5.3 for the slope and 6 to 8 for drawings like the balls.
    #[rstest]
    #[case::slope(painted(|x, y| [x, y, (x + y) / 2.0]), 6.0)]
    #[case::balls(painted(|x, y| {
        let ball = |u: f64, v: f64| (1.0 - ((x - u).hypot(y - v) * 3.5).powi(2)).max(0.0).sqrt();
        let (a, b) = (ball(0.35, 0.4), ball(0.7, 0.65));
        [1.0 - b + 0.2 * a, 1.0 - 0.8 * a - 0.3 * b, 1.0 - a]
    }), 3.0)]
    fn colours_are_close(#[case] picture: DynamicImage, #[case] most: f64) {
        let (image, _) = drawn(&picture, Cells { columns: 16, rows: 8 }, (10, 20), false);
        let error = error(&picture, &image);
        assert!(error <= most, "{error}");
    }
}
