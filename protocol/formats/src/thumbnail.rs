//! Small pictures of pictures, for lists of them. The daemon makes them of what jobs made and of what lies in imported folders. Both
//! may be large: a PNG is read row by row, so that its size does not matter, and other kinds only up to [`MAX_WHOLE`].

use std::io::{BufRead, Seek, SeekFrom};

use image::imageops::{FilterType, resize, thumbnail};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _, RgbImage};
use png::{ColorType, Decoder, Limits, Transformations};

use crate::input::{MAX_PIXELS, Picture, Problem, open, over_white};

/// The most pixels of a picture that is read whole.
pub const MAX_WHOLE: u64 = 16_000_000;
/// A PNG of fewer pixels is read whole: it may have a note about how it lies, and is sharper.
const SMALL: u64 = 4_000_000;
/// The most bytes for what a PNG has beside its pixels.
const MAX_CHUNKS: usize = 64 << 20;

/// The picture in `file`, upright, over white, with no side longer than `side` pixels. A small one is not enlarged.
///
/// # Errors
/// What is wrong with it; [`Problem::TooLarge`] above [`MAX_WHOLE`], but for PNG.
pub fn small(mut file: impl BufRead + Seek, side: u32) -> Result<Picture, Problem> {
    let is_png = file.fill_buf().is_ok_and(|first| first.starts_with(b"\x89PNG"));
    let (decoder, orientation) = open(&mut file)?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if is_png && pixels > SMALL {
        drop(decoder);
        let damaged = |e: &dyn std::fmt::Display| Problem::Damaged(e.to_string());
        file.seek(SeekFrom::Start(0)).map_err(|e| damaged(&e))?;
        return by_rows(file, side, pixels);
    }
    if pixels > MAX_WHOLE {
        return Err(Problem::TooLarge { width, height });
    }
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|e| Problem::Damaged(e.to_string()))?;
    if orientation != Orientation::NoTransforms {
        picture.apply_orientation(orientation);
    }
    let picture = match picture.color().has_alpha() {
        true => over_white(&picture),
        false => picture.into_rgb8(),
    };
    Ok(shrink(&picture, side))
}

/// The same picture with no side longer than `side`.
pub fn shrink(picture: &Picture, side: u32) -> Picture {
    let (width, height) = fitted(picture.dimensions(), side);
    if (width, height) == picture.dimensions() {
        return picture.clone();
    }
    // What is shrunk little looks better filtered, and what is shrunk much costs too much so.
    match picture.width() > 4 * width {
        true => thumbnail(picture, width, height),
        false => resize(picture, width, height, FilterType::Triangle),
    }
}

fn fitted((width, height): (u32, u32), side: u32) -> (u32, u32) {
    let longest = width.max(height).max(1);
    if longest <= side {
        return (width, height);
    }
    let scaled = |n: u32| (u64::from(n) * u64::from(side) / u64::from(longest)).max(1) as u32;
    (scaled(width), scaled(height))
}

/// A PNG whose rows are averaged as they come. An interlaced one has no rows before all of it is read.
fn by_rows(file: impl BufRead + Seek, side: u32, pixels: u64) -> Result<Picture, Problem> {
    let damaged = |e: png::DecodingError| Problem::Damaged(e.to_string());
    let mut decoder = Decoder::new_with_limits(file, Limits { bytes: MAX_CHUNKS });
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(damaged)?;
    let (width, height) = (reader.info().width, reader.info().height);
    if reader.info().interlaced && pixels > MAX_WHOLE || pixels > MAX_PIXELS {
        return Err(Problem::TooLarge { width, height });
    }
    let (color, _) = reader.output_color_type();
    let channels = color.samples();
    // Blocks of so many pixels become one.
    let block = (width.max(height) / (2 * side).max(1)).max(1);
    let (columns, lines) = (width.div_ceil(block), height.div_ceil(block));
    let mut small = RgbImage::new(columns, lines);
    let mut sums = vec![[0u32; 3]; columns as usize];
    for y in 0..height {
        let row = reader.next_row().map_err(damaged)?;
        let row = row.ok_or_else(|| Problem::Damaged("it ends early".to_owned()))?;
        for (x, pixel) in row.data().chunks_exact(channels).take(width as usize).enumerate() {
            let sum = &mut sums[x / block as usize];
            let rgb = over(pixel, color);
            (0..3).for_each(|n| sum[n] += rgb[n]);
        }
        let line = y / block;
        if (y + 1) % block == 0 || y + 1 == height {
            let high = y + 1 - line * block;
            for (x, sum) in sums.iter_mut().enumerate() {
                let wide = block.min(width - x as u32 * block);
                small.put_pixel(x as u32, line, image::Rgb(sum.map(|sum| (sum / (wide * high)) as u8)));
                *sum = [0; 3];
            }
        }
    }
    Ok(shrink(&small, side))
}

/// A pixel over white.
fn over(pixel: &[u8], color: ColorType) -> [u32; 3] {
    let at = |n: usize| u32::from(pixel[n]);
    let (rgb, alpha) = match color {
        ColorType::Grayscale => ([at(0); 3], 255),
        ColorType::GrayscaleAlpha => ([at(0); 3], at(1)),
        ColorType::Rgba => ([at(0), at(1), at(2)], at(3)),
        ColorType::Rgb | ColorType::Indexed => ([at(0), at(1), at(2)], 255),
    };
    rgb.map(|c| (c * alpha + 255 * (255 - alpha) + 127) / 255)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageFormat, Rgb, Rgba, RgbaImage};
    use std::io::Cursor;

    fn file(picture: &DynamicImage, format: ImageFormat) -> Cursor<Vec<u8>> {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        bytes.set_position(0);
        bytes
    }

    #[test]
    fn a_small_picture_keeps_its_shape() {
        let picture = RgbImage::from_fn(400, 200, |x, _| Rgb([(x / 2) as u8, 10, 200]));
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
            let small = small(file(&picture.clone().into(), format), 100).unwrap();
            assert_eq!(small.dimensions(), (100, 50));
            let [r, g, b] = small.get_pixel(50, 25).0;
            assert!(
                r.abs_diff(100) < 4 && g.abs_diff(10) < 4 && b.abs_diff(200) < 4,
                "{r} {g} {b}"
            );
        }
        assert_eq!(
            small(file(&picture.into(), ImageFormat::Png), 1024)
                .unwrap()
                .dimensions(),
            (400, 200)
        );
    }

    /// Above the size from which rows are averaged as they come.
    #[test]
    fn a_large_one_is_averaged_by_rows() {
        let picture = RgbaImage::from_fn(2501, 1999, |x, y| match (x < 1250, y < 1000) {
            (true, true) => Rgba([200, 100, 50, 255]),
            (false, true) => Rgba([200, 100, 50, 0]),
            (_, false) => Rgba([0, 0, 0, 255]),
        });
        let small = small(file(&picture.into(), ImageFormat::Png), 64).unwrap();
        assert_eq!(small.dimensions(), (64, 51));
        let found = [(5, 5), (60, 5), (5, 45)].map(|(x, y)| small.get_pixel(x, y).0);
        assert_eq!(found, [[200, 100, 50], [255, 255, 255], [0, 0, 0]]);
    }

    #[test]
    fn what_is_damaged_is_told() {
        let picture = RgbImage::from_pixel(2200, 2000, Rgb([1, 2, 3]));
        let whole = file(&picture.into(), ImageFormat::Png).into_inner();
        let cut = whole[..whole.len() / 2].to_vec();
        assert!(matches!(small(Cursor::new(cut), 64), Err(Problem::Damaged(_))));
        assert_eq!(small(Cursor::new(b"GIF89a".to_vec()), 64), Err(Problem::Unknown));
    }
}
