//! Pictures of one pixel with texts in every kind of chunk: encodings, caps, damaged files, any byte changed. What the texts mean
//! is tested in `infotext/tests.rs`, EXIF in `exif.rs`.

use std::io::{Cursor, Write};

use proptest::prelude::*;
use rstest::rstest;

use super::*;

/// A picture of one grey pixel with the texts that `add` puts before its pixels.
fn picture(add: impl FnOnce(&mut png::Encoder<'_, &mut Vec<u8>>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 1, 1);
    encoder.set_color(png::ColorType::Grayscale);
    add(&mut encoder);
    encoder.write_header().unwrap().write_image_data(&[128]).unwrap();
    bytes
}

fn read(bytes: &[u8]) -> Result<Vec<(String, String)>, String> {
    texts(Cursor::new(bytes))
}

#[test]
fn all_three_kinds_are_read() {
    let bytes = picture(|encoder| {
        encoder
            .add_text_chunk("parameters".into(), "café\nSteps: 20".into())
            .unwrap();
        encoder.add_ztxt_chunk("packed".into(), "x".repeat(5000)).unwrap();
        encoder
            .add_itxt_chunk("darkroom".into(), "{\"prompt\":\"狐\"}".into())
            .unwrap();
    });
    let found = read(&bytes).unwrap();
    assert_eq!(found[0], ("parameters".to_owned(), "café\nSteps: 20".to_owned()));
    assert_eq!(found[1], ("packed".to_owned(), "x".repeat(5000)));
    assert_eq!(found[2], ("darkroom".to_owned(), "{\"prompt\":\"狐\"}".to_owned()));
}

/// The picture with a chunk of these bytes before its pixels.
fn with_chunk(kind: png::chunk::ChunkType, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 1, 1);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().unwrap();
    writer.write_chunk(kind, data).unwrap();
    writer.write_image_data(&[128]).unwrap();
    writer.finish().unwrap();
    bytes
}

#[rstest]
#[case::utf8("雪の狐 café".as_bytes(), "雪の狐 café")]
#[case::latin(b"caf\xe9", "café")]
#[case::latin_beside_what_looks_like_utf8(b"\xc3\xa9 \xe9", "Ã© é")]
#[case::marked(b"\xef\xbb\xbfa fox", "a fox")]
#[case::ascii(b"a fox", "a fox")]
fn plain_and_packed_texts_are_utf8_where_they_can_be(#[case] written: &[u8], #[case] text: &str) {
    let expected = [("parameters".to_owned(), text.to_owned())];
    let plain = [b"parameters\0", written].concat();
    assert_eq!(read(&with_chunk(png::chunk::tEXt, &plain)).unwrap(), expected);
    // One stored block is deflate's simplest form.
    let length = written.len() as u16;
    let sum = written.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (a + b) % 65_521)
    });
    let mut packed = b"parameters\0\0\x78\x01\x01".to_vec();
    packed.extend(length.to_le_bytes());
    packed.extend((!length).to_le_bytes());
    packed.extend(written);
    packed.extend((sum.1 << 16 | sum.0).to_be_bytes());
    assert_eq!(read(&with_chunk(png::chunk::zTXt, &packed)).unwrap(), expected);
}

#[test]
fn a_text_behind_the_pixels_is_read() {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 1, 1);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[128]).unwrap();
    writer.write_chunk(png::chunk::tEXt, b"late\0text").unwrap();
    writer.finish().unwrap();
    assert_eq!(read(&bytes).unwrap(), [("late".to_owned(), "text".to_owned())]);
}

#[test]
fn a_picture_without_text_has_none() {
    assert_eq!(read(&picture(|_| ())), Ok(Vec::new()));
}

#[test]
fn a_text_that_unpacks_beyond_the_limit_is_refused() {
    let bytes = picture(|encoder| encoder.add_ztxt_chunk("bomb".into(), "x".repeat(MAX_TEXT + 1)).unwrap());
    assert!(bytes.len() < 100_000);
    assert!(read(&bytes).is_err());
    let bytes = picture(|encoder| encoder.add_text_chunk("long".into(), "x".repeat(MAX_TEXT + 1)).unwrap());
    assert!(read(&bytes).unwrap_err().contains("'long' is longer than"));
}

#[test]
fn a_thousand_texts_are_enough() {
    let bytes = picture(|encoder| {
        for i in 0..=MAX_TEXTS {
            encoder.add_text_chunk(format!("k{i}"), "v".into()).unwrap();
        }
    });
    assert!(read(&bytes).unwrap_err().contains("more than 1000 texts"));
}

/// A PNG with one chunk that claims `length` bytes and has four.
fn lying(length: u32) -> Vec<u8> {
    let mut bytes = picture(|_| ())[..33].to_vec();
    bytes.write_all(&length.to_be_bytes()).unwrap();
    bytes.write_all(b"tEXtabcd").unwrap();
    bytes
}

#[rstest]
#[case::empty(Vec::new())]
#[case::another_kind(b"GIF89a".to_vec())]
#[case::cut_off(picture(|_| ())[..40].to_vec())]
#[case::a_chunk_of_two_gigabytes(lying(0x7fff_ffff))]
#[case::a_chunk_of_four_gigabytes(lying(u32::MAX))]
fn other_files_are_refused(#[case] bytes: Vec<u8>) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let error = read_text(file.path()).unwrap_err().to_string();
    assert!(error.ends_with("It is not a PNG picture, or a damaged one."), "{error}");
}

#[test]
fn folders_and_nothing_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(
        read_text(folder.path())
            .unwrap_err()
            .to_string()
            .contains("not a regular file")
    );
    assert!(matches!(
        read_text(&folder.path().join("none.png")),
        Err(Error::Io { .. })
    ));
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = picture(|encoder| {
            encoder.add_ztxt_chunk("a".into(), "text".into()).unwrap();
            encoder.add_itxt_chunk("b".into(), "text".into()).unwrap();
        });
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = read(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        let _ = read(&bytes);
    }
}
