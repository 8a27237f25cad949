//! The texts that a PNG carries.

use std::io::{BufRead, BufReader, Seek};
use std::path::Path;

use darkroom_protocol::files;
use darkroom_protocol::text::unmarked;
use png::text_metadata::{ITXtChunk, TEXtChunk, ZTXtChunk};
use png::{Decoder, DecodingError, Info, Limits};

use crate::{Error, Result};

/// The most memory for the chunks of one picture, in bytes.
const MAX_CHUNKS: usize = 64 << 20;
/// The longest single text, uncompressed, in bytes.
const MAX_TEXT: usize = 4 << 20;
/// The most texts that one picture may carry.
const MAX_TEXTS: usize = 1000;

/// Keyword and text of every tEXt, zTXt and iTXt chunk of the PNG at `path`. UTF-8 in the first two is read as such, other bytes
/// as the specification has it; a byte order mark is dropped.
///
/// Chunks before the pixels are read; those behind them only where there are none before, as that takes reading all pixels.
///
/// # Errors
/// [`Error::Io`] when it cannot be opened, [`Error::Png`] for another kind of file, a damaged one, or texts over the limits.
pub fn read_text(path: &Path) -> Result<Vec<(String, String)>> {
    let io = |source| Error::io(path, source);
    let file = files::open(path).map_err(io)?;
    texts(BufReader::new(file)).map_err(|problem| Error::Png {
        file: path.display().to_string(),
        problem,
    })
}

/// As [`read_text`], of a PNG from anywhere.
///
/// # Errors
/// What is wrong with it, to complete "the picture cannot be read:".
pub fn texts(source: impl BufRead + Seek) -> Result<Vec<(String, String)>, String> {
    carried(source).map(|carried| carried.texts)
}

/// What a PNG carries beside its pixels.
pub(crate) struct Carried {
    /// Keyword and text.
    pub texts: Vec<(String, String)>,
    /// EXIF; few writers put it into a PNG.
    pub exif: Option<Vec<u8>>,
    /// Width and height in pixels.
    pub size: (u32, u32),
}

/// As [`texts`], with all that it carries.
pub(crate) fn carried(source: impl BufRead + Seek) -> Result<Carried, String> {
    let plain = |error: DecodingError| error.to_string();
    let mut reader = Decoder::new_with_limits(source, Limits { bytes: MAX_CHUNKS })
        .read_info()
        .map_err(plain)?;
    let mut texts = collect(reader.info())?;
    if texts.is_empty() {
        reader.finish().map_err(plain)?;
        texts = collect(reader.info())?;
    }
    let info = reader.info();
    Ok(Carried {
        texts,
        exif: info.exif_metadata.as_ref().map(|block| block.to_vec()),
        size: (info.width, info.height),
    })
}

fn collect(info: &Info<'_>) -> Result<Vec<(String, String)>, String> {
    let (plain, packed, wide) = (
        &info.uncompressed_latin1_text,
        &info.compressed_latin1_text,
        &info.utf8_text,
    );
    if plain.len() + packed.len() + wide.len() > MAX_TEXTS {
        return Err(format!("it carries more than {MAX_TEXTS} texts"));
    }
    let mut budget = MAX_CHUNKS;
    let texts = plain
        .iter()
        .map(Text::Plain)
        .chain(packed.iter().map(Text::Packed))
        .chain(wide.iter().map(Text::Wide));
    texts.map(|text| text.read(&mut budget)).collect()
}

enum Text<'a> {
    Plain(&'a TEXtChunk),
    Packed(&'a ZTXtChunk),
    Wide(&'a ITXtChunk),
}

impl Text<'_> {
    /// Keyword and text, taken off `budget` bytes for all texts of a picture.
    fn read(self, budget: &mut usize) -> Result<(String, String), String> {
        let limit = MAX_TEXT.min(*budget);
        let (keyword, text) = match self {
            Self::Plain(chunk) => (chunk.keyword.clone(), Ok(utf8(chunk.text.clone()))),
            Self::Packed(chunk) => {
                let mut chunk = chunk.clone();
                (
                    chunk.keyword.clone(),
                    chunk
                        .decompress_text_with_limit(limit)
                        .and_then(|()| chunk.get_text())
                        .map(utf8),
                )
            }
            Self::Wide(chunk) => {
                let mut chunk = chunk.clone();
                (
                    chunk.keyword.clone(),
                    chunk.decompress_text_with_limit(limit).and_then(|()| chunk.get_text()),
                )
            }
        };
        let text = text.map_err(|error| error.to_string())?;
        if text.len() > MAX_TEXT {
            return Err(format!("its text '{keyword}' is longer than {MAX_TEXT} bytes"));
        }
        *budget = budget.saturating_sub(text.len());
        Ok((keyword, unmarked(&text).to_owned()))
    }
}

/// The text that was written, of one that was read as Latin-1: PNG's specification wants Latin-1 in these chunks, and many
/// programs write UTF-8 all the same. What is valid UTF-8 and no ASCII is hardly ever meant as anything else.
fn utf8(latin: String) -> String {
    if latin.is_ascii() {
        return latin;
    }
    let bytes: Option<Vec<u8>> = latin.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or(latin)
}

#[cfg(test)]
mod tests;
