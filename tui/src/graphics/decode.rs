//! Picture files, decoded under limits: a file of a few bytes can announce gigabytes.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, ErrorKind, Seek};
use std::path::Path;

use image::{DynamicImage, ImageError, ImageReader, Limits};

use super::{Error, Result};

/// The widest and highest picture that is opened, in pixels.
pub const MAX_SIDE: u32 = 16_384;
/// The most memory that decoding may take, in bytes.
pub const MAX_BYTES: u64 = 1 << 30;

/// The picture in a PNG, JPEG or WebP file; the content decides, not the name.
///
/// # Errors
/// [`Error::Missing`] or [`Error::Read`] when it cannot be read, [`Error::Decode`] when it is no picture or beyond the limits.
pub fn open(path: &Path) -> Result<DynamicImage> {
    let unreadable = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => Error::Missing(path.to_path_buf()),
        _ => Error::Read {
            path: path.to_path_buf(),
            source,
        },
    };
    // Opening a pipe would wait for a writer, so the kind is asked first.
    if !path.metadata().map_err(unreadable)?.is_file() {
        return Err(undecodable(path, "it is no file"));
    }
    let file = File::open(path).map_err(unreadable)?;
    read(path, BufReader::new(file))
}

/// The picture in a file's bytes; `path` is its name for messages.
///
/// # Errors
/// [`Error::Decode`] when it is no picture or beyond the limits.
pub fn decode(path: &Path, bytes: &[u8]) -> Result<DynamicImage> {
    read(path, Cursor::new(bytes))
}

fn read(path: &Path, source: impl BufRead + Seek) -> Result<DynamicImage> {
    let guessed = ImageReader::new(source).with_guessed_format();
    let mut reader = guessed.map_err(|source| Error::Read {
        path: path.to_path_buf(),
        source,
    })?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_BYTES);
    reader.limits(limits);
    reader.decode().map_err(|e| undecodable(path, &explain(&e)))
}

fn undecodable(path: &Path, why: &str) -> Error {
    Error::Decode {
        path: path.to_path_buf(),
        why: why.to_owned(),
    }
}

fn explain(error: &ImageError) -> String {
    match error {
        ImageError::Unsupported(_) => "it is no PNG, JPEG or WebP picture".to_owned(),
        ImageError::Limits(_) => format!("it is larger than {MAX_SIDE}×{MAX_SIDE} pixels or 1 GiB"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        (dir, path)
    }

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let picture = DynamicImage::new_rgb8(width, height);
        picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn the_content_decides_not_the_name() {
        let (_dir, path) = file("fox.jpg", &png(4, 2));
        assert_eq!(open(&path).unwrap().width(), 4);
    }

    /// A PNG whose header announces 2³¹−1 pixels a side.
    fn bomb() -> Vec<u8> {
        let mut bytes = png(1, 1);
        bytes[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
        bytes
    }

    #[rstest]
    #[case::text(b"hello".to_vec())]
    #[case::empty(vec![])]
    #[case::truncated(png(64, 64)[..60].to_vec())]
    #[case::bomb(bomb())]
    fn what_is_no_picture_is_refused(#[case] bytes: Vec<u8>) {
        let (_dir, path) = file("x.png", &bytes);
        let message = open(&path).unwrap_err().to_string();
        assert!(message.contains("cannot be shown"), "{message}");
    }

    #[test]
    fn what_is_not_there_is_said() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(open(&dir.path().join("none.png")), Err(Error::Missing(_))));
        assert!(open(dir.path()).unwrap_err().to_string().contains("it is no file"));
    }
}
