//! The same texts in PNG, JPEG and WebP files, and files that are none.

use std::io::Cursor;

use super::*;

const TEXT: &str = "a fox\nSteps: 20, Sampler: Euler, Seed: 7";

fn read(bytes: &[u8]) -> Result<Texts, Problem> {
    texts(Cursor::new(bytes))
}

/// A PNG of 2×1 pixels with a text, and its beginning and its end for chunks between.
fn png(keyword: &str, text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut bytes, 2, 1);
    encoder.set_color(::png::ColorType::Grayscale);
    encoder.add_itxt_chunk(keyword.to_owned(), text.to_owned()).unwrap();
    encoder.write_header().unwrap().write_image_data(&[1, 2]).unwrap();
    bytes
}

#[test]
fn a_png_has_keywords() {
    let found = read(&png("parameters", TEXT)).unwrap();
    assert_eq!(found.texts, [("parameters".to_owned(), TEXT.to_owned())]);
    assert_eq!((found.width, found.height, found.record.is_none()), (2, 1, true));
    assert_eq!(said(&found).unwrap().request.seed, Some(7));
}

#[test]
fn a_text_behind_the_pixels_is_read() {
    let mut bytes = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut bytes, 2, 1);
    encoder.set_color(::png::ColorType::Grayscale);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[1, 2]).unwrap();
    writer
        .write_chunk(::png::chunk::tEXt, b"Dream\0\"a fox\" -s 3")
        .unwrap();
    writer.finish().unwrap();
    assert_eq!(said(&read(&bytes).unwrap()).unwrap().request.steps, Some(3));
}

#[test]
fn a_record_in_a_png_is_read_as_that() {
    let task = darkroom_protocol::ImageTask::of("sd15", "a fox");
    let json = serde_json::json!({ "task": { "image": task }, "index": 0 }).to_string();
    let found = read(&png("darkroom", &json)).unwrap();
    assert_eq!(said(&found).unwrap().writer, Writer::Darkroom);
}

/// An EXIF block in a PNG's own chunk for it.
#[test]
fn a_png_may_carry_exif() {
    let block = [
        &b"II\x2a\0\x08\0\0\0\x01\0\x86\x92\x02\0\x08\0\0\0\x1a\0\0\0\0\0\0\0"[..],
        b"Steps: 3",
    ]
    .concat();
    let mut bytes = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut bytes, 2, 1);
    encoder.set_color(::png::ColorType::Grayscale);
    let mut writer = encoder.write_header().unwrap();
    writer.write_chunk(::png::chunk::eXIf, &block).unwrap();
    writer.write_image_data(&[1, 2]).unwrap();
    writer.finish().unwrap();
    assert_eq!(said(&read(&bytes).unwrap()).unwrap().request.steps, Some(3));
}

#[test]
fn other_files_are_refused_in_words() {
    assert_eq!(read(b"GIF89a"), Err(Problem::Unknown));
    assert_eq!(read(b""), Err(Problem::Unknown));
    assert_eq!(Problem::Unknown.to_string(), "it is no PNG, JPEG or WebP picture");
    let cut = read(&png("a", "b")[..40]).unwrap_err();
    assert!(cut.to_string().starts_with("it cannot be read: "), "{cut}");
}

#[test]
fn a_text_that_unpacks_beyond_the_limit_is_refused() {
    let mut bytes = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut bytes, 2, 1);
    encoder.set_color(::png::ColorType::Grayscale);
    encoder.add_ztxt_chunk("prompt".into(), "x".repeat(5 << 20)).unwrap();
    encoder.write_header().unwrap().write_image_data(&[1, 2]).unwrap();
    assert!(bytes.len() < 100_000);
    assert!(matches!(read(&bytes), Err(Problem::Unreadable(_))));
}

#[cfg(feature = "pictures")]
mod others {
    use image::codecs::{jpeg::JpegEncoder, webp::WebPEncoder};
    use image::{ExtendedColorType, ImageEncoder as _};
    use proptest::prelude::*;

    use super::*;

    /// A block as Python's Pillow writes it, its texts longer than four bytes.
    fn block(fields: &[(u16, &str)]) -> Vec<u8> {
        let mut out = b"MM\0\x2a\0\0\0\x08".to_vec();
        out.extend((fields.len() as u16).to_be_bytes());
        let mut place = 8 + 2 + 12 * fields.len() + 4;
        for (tag, text) in fields {
            out.extend(tag.to_be_bytes());
            out.extend([0, 2]);
            out.extend((text.len() as u32).to_be_bytes());
            out.extend((place as u32).to_be_bytes());
            place += text.len();
        }
        out.extend([0; 4]);
        fields.iter().for_each(|(_, text)| out.extend(text.as_bytes()));
        out
    }

    fn files(block: &[u8]) -> [Vec<u8>; 2] {
        let [mut jpeg, mut webp] = [Vec::new(), Vec::new()];
        let mut encoder = JpegEncoder::new(&mut jpeg);
        encoder.set_exif_metadata(block.to_vec()).unwrap();
        encoder.write_image(&[0; 6], 2, 1, ExtendedColorType::Rgb8).unwrap();
        let mut encoder = WebPEncoder::new_lossless(&mut webp);
        encoder.set_exif_metadata(block.to_vec()).unwrap();
        encoder.write_image(&[0; 6], 2, 1, ExtendedColorType::Rgb8).unwrap();
        [jpeg, webp]
    }

    #[test]
    fn jpeg_and_webp_have_fields() {
        let graph = r#"{"1": {"class_type": "KSampler", "inputs": {"seed": 7, "steps": 20}}}"#;
        let (run, drawn) = (format!("prompt:{graph}"), "workflow:{\"nodes\":[]}");
        for file in files(&block(&[(0x010f, drawn), (0x0110, &run)])) {
            let found = read(&file).unwrap();
            let expected = [("Make", drawn), ("Model", run.as_str())].map(|(k, v)| (k.to_owned(), v.to_owned()));
            assert_eq!(
                (found.texts.as_slice(), found.width, found.height),
                (&expected[..], 2, 1)
            );
            let found = said(&found).unwrap();
            assert_eq!((found.writer, found.request.steps), (Writer::ComfyUi, Some(20)));
        }
    }

    #[test]
    fn a_comment_and_what_marks_it() {
        let json = r#"{"prompt": "a fox", "steps": 30}"#;
        for file in files(&block(&[(0x9286, json), (0x927c, "fooocus")])) {
            let found = said(&read(&file).unwrap()).unwrap();
            assert_eq!((found.writer, found.request.steps), (Writer::Fooocus, Some(30)));
        }
        for file in files(&block(&[(0x010e, "parameters:a fox\nSteps: 20, Seed: 7, Size: 8x8")])) {
            assert_eq!(said(&read(&file).unwrap()).unwrap().request.width, Some(8));
        }
    }

    #[test]
    fn a_packet_of_xmp_is_a_text() {
        let [jpeg, _] = files(&block(&[(0x010e, "a description")]));
        let packet = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>";
        let mut whole = jpeg[..2].to_vec();
        whole.extend([0xff, 0xe1, 0, packet.len() as u8 + 2]);
        whole.extend(packet);
        whole.extend(&jpeg[2..]);
        let found = read(&whole).unwrap();
        assert_eq!(
            (found.get("XMP"), found.get("ImageDescription")),
            (Some("<x:xmpmeta/>"), Some("a description"))
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let [jpeg, webp] = files(&block(&[(0x0110, "prompt:{}"), (0x9286, "a fox")]));
            for mut bytes in [jpeg, webp, png("prompt", "{}")] {
                let at = at.index(bytes.len());
                bytes[at] = byte;
                let _ = read(&bytes).map(|texts| said(&texts));
                bytes.truncate(cut.index(bytes.len()));
                let _ = read(&bytes).map(|texts| said(&texts));
            }
        }
    }
}

#[cfg(not(feature = "pictures"))]
#[test]
fn only_png_is_known_without_decoders() {
    assert_eq!(read(b"\xff\xd8\xff\xe0"), Err(Problem::Unknown));
}
