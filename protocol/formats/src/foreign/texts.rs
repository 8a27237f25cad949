//! The texts of a picture file, whatever its kind: a PNG's under their keywords, those of JPEG and WebP under the names of their EXIF
//! fields. `foreign::said` and `show` read them. What they mean is not asked here, but for Darkroom's own record, whose place is
//! known. A PNG is read by `png/`; the containers of the others by the library that reads pictures.

use std::io::{BufRead, Read as _, Seek, SeekFrom};

use crate::record::KEYWORD;
use crate::{Record, exif, png};

const PNG: &[u8; 8] = b"\x89PNG\r\n\x1a\n";

/// The texts that a picture file carries.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Texts {
    /// Keyword or field, and text, in the file's order. EXIF fields have the standard's names, such as `UserComment` and `Make`; an
    /// XMP packet is `XMP`.
    pub texts: Vec<(String, String)>,
    /// Darkroom's own record.
    pub record: Option<Record>,
    /// Pixels, as stored: EXIF may turn the picture.
    pub width: u32,
    /// Pixels, as stored.
    pub height: u32,
}

impl Texts {
    /// The first text called `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.texts.iter().find(|(known, _)| known == name);
        found.map(|(_, text)| text.as_str())
    }

    /// What stands where A1111's text does: a PNG's `parameters`, the user comment, or a description that begins with
    /// `parameters:`. Fooocus has its JSON there.
    pub fn parameters(&self) -> Option<&str> {
        let described = || self.get("ImageDescription")?.strip_prefix("parameters:");
        let comment = || self.get("UserComment");
        self.get("parameters").or_else(comment).or_else(described)
    }
}

/// Why no texts can be read of a file; completes "the picture …: ".
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Problem {
    /// No kind of picture that is known here.
    #[error("it is no PNG, JPEG or WebP picture")]
    Unknown,
    /// A picture that ends early, contradicts itself, or is too large.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

/// The texts of a PNG, and with the feature `pictures` of a JPEG or WebP. Pixels are decoded for no kind; those of a PNG are read
/// over where no text stands before them.
///
/// # Errors
/// What is wrong with the file. Texts over the limits of `png/` are refused; EXIF fields above 4 MiB are left out.
pub fn texts(mut source: impl BufRead + Seek) -> Result<Texts, Problem> {
    let is_png = begins_as_png(&mut source).map_err(|e| Problem::Unreadable(e.to_string()))?;
    if !is_png {
        return other(source);
    }
    let carried = png::carried(source).map_err(Problem::Unreadable)?;
    Ok(gather(carried.texts, carried.exif.as_deref(), carried.size))
}

fn begins_as_png(source: &mut (impl BufRead + Seek)) -> std::io::Result<bool> {
    let mut begin = Vec::with_capacity(PNG.len());
    source.by_ref().take(PNG.len() as u64).read_to_end(&mut begin)?;
    source.seek(SeekFrom::Start(0))?;
    Ok(begin == PNG)
}

#[cfg(feature = "pictures")]
fn other(mut source: impl BufRead + Seek) -> Result<Texts, Problem> {
    use crate::input;
    use image::ImageDecoder as _;

    let plain = |e: &dyn std::fmt::Display| Problem::Unreadable(e.to_string());
    // The decoder of JPEG takes the whole file into memory.
    let length = source.seek(SeekFrom::End(0)).map_err(|e| plain(&e))?;
    if length > input::MAX_BYTES {
        return Err(plain(&format!("it is longer than {} bytes", input::MAX_BYTES)));
    }
    source.seek(SeekFrom::Start(0)).map_err(|e| plain(&e))?;
    let (mut decoder, _) = input::open(source).map_err(|problem| match problem {
        input::Problem::Unknown => Problem::Unknown,
        other => plain(&other),
    })?;
    // A block that cannot be read says nothing; the other may.
    let exif = decoder.exif_metadata().ok().flatten();
    let packet = decoder.xmp_metadata().ok().flatten();
    let packet = packet.filter(|packet| packet.len() <= exif::MAX_TEXT);
    let packet = packet.map(|packet| ("XMP".to_owned(), String::from_utf8_lossy(&packet).into_owned()));
    Ok(gather(
        packet.into_iter().collect(),
        exif.as_deref(),
        decoder.dimensions(),
    ))
}

#[cfg(not(feature = "pictures"))]
fn other(_: impl BufRead + Seek) -> Result<Texts, Problem> {
    Err(Problem::Unknown)
}

fn gather(mut texts: Vec<(String, String)>, exif: Option<&[u8]>, (width, height): (u32, u32)) -> Texts {
    let exif = exif.unwrap_or_default();
    let fields = exif::texts(exif).into_iter();
    let own = texts.iter().find(|(keyword, _)| keyword == KEYWORD);
    let record = own.map(|(_, text)| text.as_str()).or_else(|| exif::record(exif));
    let record = record.and_then(Record::parse);
    texts.extend(fields.map(|(name, text)| (name.to_owned(), text)));
    Texts {
        texts,
        record,
        width,
        height,
    }
}
