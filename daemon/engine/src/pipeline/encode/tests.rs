//! Files of each format read again by other code: pixels, both texts, the same bytes for the same picture, and pictures that are
//! too wide. EXIF is read by the offsets in its own block. What becomes of a tensor's values is tested in `rgb8.rs`, the
//! shortening of metadata in `jpeg.rs`.

use std::io::Cursor;

use darkroom_protocol::Format;
use image::ImageDecoder;
use image::codecs::{jpeg::JpegDecoder, webp::WebPDecoder};
use rstest::rstest;

use super::{Rgb8, encode, exif};

const LATIN: &str = "a café,\nred\nNegative prompt: ß\nSteps: 20, Seed: 7";
const WIDE: &str = "a fox 🦊 狐\nSteps: 20, Seed: 7";
const TASK: &str = r#"{"prompt":"狐 \u0000"}"#;

fn gradient(width: u32, height: u32) -> Rgb8 {
    let pixels = (0..width * height).flat_map(|i| [(i % width * 3) as u8, (i / width * 5) as u8, (i % 7) as u8]);
    Rgb8::new(width, height, pixels.collect()).unwrap()
}

#[rstest]
fn png_keeps_pixels_and_texts(#[values(LATIN, WIDE, "", "with \0 nul")] parameters: &str) {
    let image = gradient(40, 24);
    let bytes = encode(&image, Format::Png, parameters, TASK).unwrap();
    let mut reader = png::Decoder::new(Cursor::new(&bytes)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    assert_eq!(pixels, image.pixels());
    let info = reader.info();
    let latin = info
        .uncompressed_latin1_text
        .iter()
        .map(|c| (c.keyword.clone(), c.text.clone()));
    let wide = info
        .utf8_text
        .iter()
        .map(|c| (c.keyword.clone(), c.get_text().unwrap()));
    let texts: Vec<_> = latin.chain(wide).collect();
    let expected = parameters.replace('\0', "\u{fffd}");
    assert_eq!(
        texts,
        [("parameters".into(), expected), ("darkroom".into(), TASK.into())]
    );
    assert_eq!(
        info.uncompressed_latin1_text.len(),
        usize::from(parameters == LATIN || parameters.is_empty())
    );
}

#[rstest]
fn webp_keeps_pixels_and_texts(#[values(LATIN, WIDE)] parameters: &str) {
    let image = gradient(40, 24);
    let bytes = encode(&image, Format::Webp, parameters, TASK).unwrap();
    let mut decoder = WebPDecoder::new(Cursor::new(&bytes)).unwrap();
    assert_eq!(
        texts(&decoder.exif_metadata().unwrap().unwrap()),
        (parameters.into(), TASK.into())
    );
    let mut pixels = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut pixels).unwrap();
    assert_eq!(pixels, image.pixels());
}

#[rstest]
fn jpeg_keeps_texts_and_nearly_the_pixels(#[values(LATIN, WIDE)] parameters: &str) {
    let image = Rgb8::new(16, 16, [200, 40, 90].repeat(256)).unwrap();
    let bytes = encode(&image, Format::Jpg, parameters, TASK).unwrap();
    let mut decoder = JpegDecoder::new(Cursor::new(&bytes)).unwrap();
    assert_eq!(
        texts(&decoder.exif_metadata().unwrap().unwrap()),
        (parameters.into(), TASK.into())
    );
    let mut pixels = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut pixels).unwrap();
    assert!(pixels.iter().zip(image.pixels()).all(|(a, b)| a.abs_diff(*b) <= 3));
}

/// Reads the two texts back by the offsets that the block itself gives.
fn texts(block: &[u8]) -> (String, String) {
    let short = |at: usize| u16::from_be_bytes([block[at], block[at + 1]]);
    let long = |at: usize| u32::from_be_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]) as usize;
    let ifd = long(8 + 2 + 8);
    let value = |tag: u16| {
        let at = (0..short(ifd))
            .map(|i| ifd + 2 + 12 * usize::from(i))
            .find(|at| short(*at) == tag)
            .unwrap();
        &block[long(at + 8)..][..long(at + 4)]
    };
    let comment = value(0x9286).strip_prefix(exif::UNICODE).unwrap();
    let units: Vec<u16> = comment.chunks(2).map(|b| u16::from_be_bytes([b[0], b[1]])).collect();
    let note = value(0x927c).strip_prefix(exif::MAKER).unwrap();
    (
        String::from_utf16(&units).unwrap(),
        String::from_utf8(note.into()).unwrap(),
    )
}

#[rstest]
fn the_same_picture_gives_the_same_bytes(#[values(Format::Png, Format::Jpg, Format::Webp)] format: Format) {
    let image = gradient(33, 17);
    assert_eq!(
        encode(&image, format, WIDE, TASK).unwrap(),
        encode(&image, format, WIDE, TASK).unwrap()
    );
}

#[rstest]
#[case(Format::Webp, 16_385)]
#[case(Format::Jpg, 65_536)]
fn a_picture_too_wide_for_the_format_says_so(#[case] format: Format, #[case] width: u32) {
    let image = Rgb8::new(width, 1, vec![0; 3 * width as usize]).unwrap();
    let message = encode(&image, format, "", "").unwrap_err().to_string();
    assert!(
        message.contains("does not fit") && message.ends_with("choose another format."),
        "{message}"
    );
}

#[test]
fn a_picture_has_its_own_number_of_bytes() {
    assert!(Rgb8::new(2, 2, vec![0; 11]).is_none());
    assert!(Rgb8::new(0, 2, vec![]).is_none());
    assert!(Rgb8::new(u32::MAX, u32::MAX, vec![]).is_none());
}
