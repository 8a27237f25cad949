//! A mask's file: an 8-bit grey PNG of the picture's size with its frame, white where it is to be changed. The frame and how soft the
//! edges are stand in it as text, so that it can be painted on later.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use darkroom_protocol::{files, id};
use png::{BitDepth, ColorType, Compression, Decoder, Encoder, Limits, Transformations};

use super::{Bitmap, MAX_FEATHER, Sheet, feather};
use crate::app::pictures::cut::Frame;
use crate::graphics::MAX_SIDE;

/// The text that holds the frame: `left,top,right,bottom` in pixels.
const FRAME: &str = "darkroom:outpaint";
/// The text that holds the sigma of the edges in pixels.
const FEATHER: &str = "darkroom:feather";
/// The most memory for a row and what stands beside the pixels, in bytes.
const MAX_BYTES: usize = 8 << 20;

/// Writes a mask.
///
/// # Errors
/// When it cannot be written, in words.
pub fn write(out: impl Write, sheet: &Sheet) -> Result<(), String> {
    let (width, height) = sheet.size();
    let mut encoder = Encoder::new(out, width, height);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Fast);
    let plain = |error: png::EncodingError| error.to_string();
    if !sheet.frame.is_none() {
        encoder
            .add_text_chunk(FRAME.to_owned(), words(sheet.frame))
            .map_err(plain)?;
    }
    if sheet.feather > 0 {
        let sigma = sheet.feather.to_string();
        encoder.add_text_chunk(FEATHER.to_owned(), sigma).map_err(plain)?;
    }
    let mut writer = encoder.write_header().map_err(plain)?;
    let mut stream = writer.stream_writer().map_err(plain)?;
    feather::rows(sheet, |row| stream.write_all(row)).map_err(|error| error.to_string())?;
    stream.finish().map_err(plain)
}

/// Reads a mask for a picture of that size. Whatever PNG it is, its first channel counts: what is at least half white is painted.
///
/// # Errors
/// When it is none, or for a picture of another size: a part of a sentence.
pub fn read(bytes: impl BufRead + Seek, size: (u32, u32)) -> Result<Sheet, String> {
    let plain = |error: png::DecodingError| format!("it is no PNG that can be read: {error}");
    let mut decoder = Decoder::new_with_limits(bytes, Limits { bytes: MAX_BYTES });
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(plain)?;
    let info = reader.info();
    let text = |keyword: &str| {
        let mut texts = info.uncompressed_latin1_text.iter();
        texts
            .find(|text| text.keyword == keyword)
            .map(|text| text.text.as_str())
    };
    let frame = match text(FRAME) {
        Some(words) => frame_of(words).ok_or_else(|| format!("its {FRAME} is not four numbers"))?,
        None => Frame::default(),
    };
    let feather = text(FEATHER).and_then(|text| text.parse().ok()).unwrap_or(0);
    let (width, height) = frame.around(size);
    if (info.width, info.height) != (width, height) {
        let (wide, high) = (info.width, info.height);
        return Err(format!(
            "it is {wide}×{high} pixels, and a mask of this picture is {width}×{height}"
        ));
    }
    if info.interlaced {
        return Err("it is interlaced, which masks are not".to_owned());
    }
    let channels = reader.output_color_type().0.samples();
    let mut bitmap = Bitmap::new(size.0, size.1);
    let mut y = -i64::from(frame.top);
    while let Some(row) = reader.next_row().map_err(plain)? {
        let skipped = channels * frame.left as usize;
        let bytes = row.data().get(skipped..).unwrap_or_default();
        spans(
            bytes.chunks(channels).map(|pixel| pixel.first() >= Some(&128)),
            |first, last| {
                bitmap.span(y, first, last, true);
            },
        );
        y += 1;
    }
    bitmap.tidy();
    Ok(Sheet {
        bitmap,
        frame,
        feather: feather.min(MAX_FEATHER),
    })
}

fn spans(row: impl Iterator<Item = bool>, mut each: impl FnMut(i64, i64)) {
    let mut begin = None;
    let mut end = 0;
    for (x, is_painted) in row.enumerate() {
        end = x as i64 + 1;
        match (begin, is_painted) {
            (None, true) => begin = Some(x as i64),
            (Some(first), false) => {
                each(first, x as i64 - 1);
                begin = None;
            }
            _ => {}
        }
    }
    if let Some(first) = begin {
        each(first, end - 1);
    }
}

fn words(frame: Frame) -> String {
    format!("{},{},{},{}", frame.left, frame.top, frame.right, frame.bottom)
}

fn frame_of(words: &str) -> Option<Frame> {
    let sides: Option<Vec<u32>> = words.split(',').map(|side| side.trim().parse().ok()).collect();
    match sides?[..] {
        [left, top, right, bottom] if [left, top, right, bottom].iter().all(|side| *side <= MAX_SIDE) => Some(Frame {
            left,
            top,
            right,
            bottom,
        }),
        _ => None,
    }
}

/// The mask in a file, for a picture of that size; `None` where there is no such file.
///
/// # Errors
/// When there is something else: a part of a sentence.
pub fn load(path: &Path, size: (u32, u32)) -> Result<Option<Sheet>, String> {
    match files::open(path) {
        Ok(file) => read(BufReader::new(file), size).map(Some),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("it cannot be read: {error}")),
    }
}

/// Writes a mask to a file, through links, whole or not at all: which file it is.
///
/// # Errors
/// When it cannot be written, in words.
pub fn save(path: &Path, sheet: &Sheet) -> Result<PathBuf, String> {
    let path = match fs::canonicalize(path) {
        Ok(real) if !real.is_file() => return Err("there is something that is no file".to_owned()),
        Ok(real) => real,
        Err(_) => std::path::absolute(path).map_err(|error| error.to_string())?,
    };
    let name = path.file_name().ok_or("that names no file")?.to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.{}", id::fresh().simple()));
    let file = OpenOptions::new().write(true).create_new(true).open(&beside);
    let written = file.map_err(|error| error.to_string()).and_then(|file| {
        let mut out = BufWriter::new(file);
        write(&mut out, sheet)?;
        out.flush().map_err(|error| error.to_string())
    });
    let moved = written.and_then(|()| fs::rename(&beside, &path).map_err(|error| error.to_string()));
    match moved {
        Ok(()) => Ok(path),
        Err(why) => {
            // Nobody would look for what is left of it.
            let _ = fs::remove_file(&beside);
            Err(why)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn sheet() -> Sheet {
        let mut sheet = Sheet::new((300, 140));
        sheet.bitmap.rectangle((20, 30), (250, 100), true);
        sheet.bitmap.span(139, 0, 299, true);
        sheet
    }

    fn written(sheet: &Sheet) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, sheet).unwrap();
        bytes
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let frame = Frame {
            left: 8,
            top: 16,
            right: 0,
            bottom: 24,
        };
        for sheet in [sheet(), Sheet { frame, ..sheet() }] {
            let bytes = written(&sheet);
            assert_eq!(read(Cursor::new(&bytes), (300, 140)).unwrap(), sheet);
            let picture = image::load_from_memory(&bytes).unwrap();
            assert_eq!(picture.color(), image::ColorType::L8);
            let grey = picture.into_luma8();
            assert_eq!(grey.dimensions(), sheet.size());
            let (left, top) = (sheet.frame.left, sheet.frame.top);
            let white = grey.pixels().filter(|pixel| pixel.0 == [255]).count() as u64;
            let around = u64::from(grey.width() * grey.height() - 300 * 140);
            assert_eq!(white, sheet.bitmap.count() + around);
            assert_eq!(grey.get_pixel(left + 20, top + 30).0, [255]);
            assert_eq!(grey.get_pixel(left + 19, top + 30).0, [0]);
        }
        let text = written(&Sheet { frame, ..sheet() });
        let chunk = b"tEXtdarkroom:outpaint\x008,16,0,24";
        assert!(text.windows(chunk.len()).any(|window| window == chunk));
    }

    #[test]
    fn soft_edges_can_be_painted_on() {
        let sheet = Sheet { feather: 4, ..sheet() };
        let again = read(Cursor::new(written(&sheet)), (300, 140)).unwrap();
        assert_eq!(again.feather, 4);
        assert!(
            again.bitmap.get(20, 60) && !again.bitmap.get(19, 60),
            "the edge is where it was"
        );
    }

    #[test]
    fn what_is_no_mask_of_the_picture_is_refused() {
        let bytes = written(&sheet());
        let why = read(Cursor::new(&bytes), (300, 141)).unwrap_err();
        assert_eq!(why, "it is 300×140 pixels, and a mask of this picture is 300×141");
        assert!(read(Cursor::new(b"hello"), (1, 1)).unwrap_err().contains("no PNG"));
        assert!(read(Cursor::new(&bytes[..200]), (300, 140)).is_err());
        assert_eq!(frame_of("1,2,3"), None);
        assert_eq!(frame_of("1,2,3,99999"), None);
    }

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let (path, link) = (dir.path().join("a.png"), dir.path().join("link.png"));
        assert_eq!(load(&path, (300, 140)), Ok(None));
        save(&path, &sheet()).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let empty = Sheet::new((300, 140));
        assert_eq!(save(&link, &empty).unwrap(), fs::canonicalize(&path).unwrap());
        assert_eq!(load(&path, (300, 140)), Ok(Some(empty.clone())));
        assert!(save(dir.path(), &empty).is_err());
        assert!(save(&dir.path().join("none/b.png"), &empty).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing else is left");
    }
}
