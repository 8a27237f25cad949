//! Pictures that people give to begin with: photographs, screenshots, what other programs made. The daemon looks at their size, a
//! worker reads them whole, both by one rule: upright as their EXIF says, over white where they are transparent, 8 bits a channel.
//! They come from strangers: no more is allocated than a picture of [`MAX_PIXELS`] takes.

use std::io::{BufRead, Cursor, Seek};

use darkroom_protocol::inpaint::Frame;
use darkroom_protocol::message::client::Upload;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _, ImageReader, Limits};

/// A picture, 8 bits for each of red, green and blue.
pub type Picture = image::RgbImage;

/// The most bytes of a file.
pub const MAX_BYTES: u64 = Upload::MAX_SIZE;
/// The most pixels.
pub const MAX_PIXELS: u64 = 100_000_000;
/// The longest side.
const MAX_SIDE: u32 = 1 << 16;
/// The most bytes that reading one may take: [`MAX_PIXELS`] of 4 channels, and as much again for what decoders need.
const MAX_MEMORY: u64 = 8 * MAX_PIXELS;

/// The most memory for what stands before a mask's pixels, in bytes.
const MAX_HEADER: usize = 8 << 20;

/// Why a file is no picture to begin with; completes "the picture …: ".
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Problem {
    /// No known kind of picture.
    #[error("it is no PNG, JPEG or WebP picture: convert it")]
    Unknown,
    /// A picture that ends early or contradicts itself.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// A picture of more than [`MAX_PIXELS`].
    #[error("it has {width}×{height} pixels, the most is {MAX_PIXELS} in all: make it smaller")]
    TooLarge {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
}

/// Width and height of a picture, upright. Reads no more than its header.
///
/// # Errors
/// What is wrong with it.
pub fn look(file: impl BufRead + Seek) -> Result<(u32, u32), Problem> {
    let (decoder, orientation) = open(file)?;
    let (width, height) = decoder.dimensions();
    Ok(match orientation {
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH => {
            (height, width)
        }
        _ => (width, height),
    })
}

/// A picture, upright, over white.
///
/// # Errors
/// As [`look`].
pub fn read(bytes: &[u8]) -> Result<Picture, Problem> {
    let (decoder, orientation) = open(Cursor::new(bytes))?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|e| damaged(&e))?;
    picture.apply_orientation(orientation);
    Ok(match picture.color().has_alpha() {
        true => over_white(&picture),
        false => picture.into_rgb8(),
    })
}

/// A mask: how far each pixel may change, 255 all and 0 not at all, upright. Where its opacity differs that is the mask, as editors save
/// one; else its lightness is, as Pillow's mode L has it.
///
/// # Errors
/// As [`look`].
pub fn read_mask(bytes: &[u8]) -> Result<image::GrayImage, Problem> {
    let (decoder, orientation) = open(Cursor::new(bytes))?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|e| damaged(&e))?;
    picture.apply_orientation(orientation);
    let (width, height) = (picture.width(), picture.height());
    if picture.color().has_alpha() {
        let picture = picture.to_rgba8();
        if picture.pixels().any(|pixel| pixel.0[3] != 255) {
            return Ok(image::GrayImage::from_fn(width, height, |x, y| {
                image::Luma([picture.get_pixel(x, y).0[3]])
            }));
        }
    }
    let picture = picture.into_rgb8();
    Ok(image::GrayImage::from_fn(width, height, |x, y| {
        let [r, g, b] = picture.get_pixel(x, y).0.map(u32::from);
        image::Luma([((r * 19_595 + g * 38_470 + b * 7_471 + 0x8000) >> 16) as u8])
    }))
}

/// The text of a mask's PNG by which the mask editor says what is added around the picture: left, top, right and bottom in pixels.
pub const FRAME: &str = "darkroom:outpaint";

/// What the mask editor drew around a mask; `None` where that is nothing, and for masks from elsewhere.
pub fn frame(file: impl BufRead + Seek) -> Option<Frame> {
    // Only texts before the pixels: the editor writes it there, and pixels take time.
    let reader = png::Decoder::new_with_limits(file, png::Limits { bytes: MAX_HEADER })
        .read_info()
        .ok()?;
    let mut texts = reader.info().uncompressed_latin1_text.iter();
    let text = texts.find(|text| text.keyword == FRAME)?;
    let sides: Option<Vec<u32>> = text.text.split(',').map(|side| side.trim().parse().ok()).collect();
    let [left, top, right, bottom] = sides?[..] else {
        return None;
    };
    let frame = Frame {
        left,
        top,
        right,
        bottom,
    };
    let fits = [left, top, right, bottom].iter().all(|side| *side <= Frame::MOST);
    (fits && !frame.is_none()).then_some(frame)
}

/// A decoder of the picture, and how it lies. Its header is read, and is within the limits.
pub(crate) fn open<'a>(
    file: impl BufRead + Seek + 'a,
) -> Result<(impl image::ImageDecoder + 'a, Orientation), Problem> {
    let mut reader = ImageReader::new(file)
        .with_guessed_format()
        .map_err(|e| Problem::Damaged(e.to_string()))?;
    if reader.format().is_none() {
        return Err(Problem::Unknown);
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_MEMORY);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|e| damaged(&e))?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(Problem::Damaged("it has no pixels".to_owned()));
    }
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(Problem::TooLarge { width, height });
    }
    // A wrong note about how it lies is no reason to refuse a picture.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((decoder, orientation))
}

fn damaged(error: &image::ImageError) -> Problem {
    match error {
        image::ImageError::Unsupported(_) => Problem::Unknown,
        other => Problem::Damaged(other.to_string()),
    }
}

pub(crate) fn over_white(picture: &DynamicImage) -> Picture {
    let picture = picture.to_rgba8();
    let (width, height) = picture.dimensions();
    Picture::from_fn(width, height, |x, y| {
        let [r, g, b, a] = picture.get_pixel(x, y).0.map(u32::from);
        let mixed = |c: u32| ((c * a + 255 * (255 - a) + 127) / 255) as u8;
        image::Rgb([r, g, b].map(mixed))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageFormat, Rgb, Rgba, RgbaImage};
    use rstest::rstest;

    fn file(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn gradient(width: u32, height: u32) -> Picture {
        Picture::from_fn(width, height, |x, y| Rgb([(x * 3) as u8, (y * 5) as u8, 7]))
    }

    #[rstest]
    #[case(ImageFormat::Png)]
    #[case(ImageFormat::WebP)]
    #[case(ImageFormat::Jpeg)]
    fn every_kind_is_read(#[case] format: ImageFormat) {
        let bytes = file(&gradient(9, 4).into(), format);
        assert_eq!(look(Cursor::new(&bytes)).unwrap(), (9, 4));
        let picture = read(&bytes).unwrap();
        let lossless = format != ImageFormat::Jpeg;
        assert!(!lossless || picture == gradient(9, 4));
    }

    #[test]
    fn what_is_transparent_is_over_white() {
        let picture = RgbaImage::from_fn(3, 1, |x, _| Rgba([0, 100, 200, [0, 128, 255][x as usize]]));
        let read = read(&file(&picture.into(), ImageFormat::Png)).unwrap();
        let found: Vec<_> = read.pixels().map(|pixel| pixel.0).collect();
        assert_eq!(found, [[255, 255, 255], [127, 177, 227], [0, 100, 200]]);
    }

    #[test]
    fn a_mask_is_what_is_light_or_what_is_opaque() {
        let values = |picture: DynamicImage| read_mask(&file(&picture, ImageFormat::Png)).unwrap().into_raw();
        let grey = Picture::from_fn(3, 1, |x, _| Rgb([[0, 77, 255][x as usize]; 3]));
        assert_eq!(values(grey.into()), [0, 77, 255]);
        let colours = Picture::from_fn(3, 1, |x, _| Rgb([[255, 0, 0], [0, 255, 0], [0, 0, 255]][x as usize]));
        assert_eq!(values(colours.into()), [76, 150, 29], "Pillow's mode L");
        let opaque = RgbaImage::from_pixel(2, 1, Rgba([9, 9, 9, 255]));
        assert_eq!(values(opaque.into()), [9, 9]);
        let cut = RgbaImage::from_fn(2, 1, |x, _| Rgba([9, 9, 9, [0, 200][x as usize]]));
        assert_eq!(values(cut.into()), [0, 200]);
        assert!(read_mask(b"GIF89a").is_err());
    }

    /// A JPEG whose EXIF says that it lies on its side.
    #[test]
    fn a_photograph_stands_upright() {
        let jpeg = file(&gradient(16, 8).into(), ImageFormat::Jpeg);
        let exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        let mut turned = jpeg[..2].to_vec();
        turned.extend([0xff, 0xe1, 0, exif.len() as u8 + 2]);
        turned.extend(exif);
        turned.extend(&jpeg[2..]);
        assert_eq!(look(Cursor::new(&turned)).unwrap(), (8, 16));
        assert_eq!(read(&turned).unwrap().dimensions(), (8, 16));
    }

    #[rstest]
    #[case(b"GIF89a".to_vec(), "convert it")]
    #[case(vec![], "convert it")]
    #[case(file(&gradient(9, 4).into(), ImageFormat::Png)[..40].to_vec(), "damaged")]
    fn what_is_none_is_told(#[case] bytes: Vec<u8>, #[case] expected: &str) {
        let problem = read(&bytes).unwrap_err().to_string();
        assert!(problem.contains(expected), "{problem}");
    }

    /// A header of a few bytes that announces 40,000 × 40,000 pixels.
    #[test]
    fn an_announced_size_is_not_believed() {
        let mut bytes = file(&gradient(9, 4).into(), ImageFormat::Png);
        bytes[16..24].copy_from_slice(&[0, 0, 0x9c, 0x40, 0, 0, 0x9c, 0x40]);
        let crc = crc32(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&crc.to_be_bytes());
        let large = Problem::TooLarge {
            width: 40_000,
            height: 40_000,
        };
        assert_eq!(look(Cursor::new(&bytes)), Err(large));
        assert!(read(&bytes).is_err());
    }

    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
            })
        })
    }

    /// A grey PNG with that text.
    fn with_frame(text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 2, 1);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.add_text_chunk(FRAME.to_owned(), text.to_owned()).unwrap();
        encoder.write_header().unwrap().write_image_data(&[0, 255]).unwrap();
        bytes
    }

    #[test]
    fn a_frame_is_read_from_a_mask() {
        let read = |text: &str| frame(Cursor::new(with_frame(text)));
        assert_eq!(
            read("8,16, 0,24"),
            Some(Frame {
                left: 8,
                top: 16,
                right: 0,
                bottom: 24
            })
        );
        for wrong in ["", "1,2,3", "1,2,3,x", "0,0,0,0", "1,2,3,99999999"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(frame(Cursor::new(b"no picture")), None);
    }
}
