//! A picture's file as history takes it in: its hash, its size in pixels, and what it says of its making. Files are strangers': they
//! are read in pieces, and what is kept of them is bounded.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;
use std::time::UNIX_EPOCH;

use darkroom_formats::foreign;
use darkroom_formats::input::MAX_BYTES;
use darkroom_protocol::hash::hex;
use sha2::{Digest as _, Sha256};

use crate::store::Found;

/// The most characters of a value that is kept beside what parameters take.
const MAX_VALUE: usize = 16 * 1024;
/// The most such values.
const MAX_VALUES: usize = 500;

/// The picture at `path`.
///
/// # Errors
/// Why it is none, to complete "the file …: ".
pub(super) fn read(path: &Path) -> Result<Found, String> {
    let name = path.to_str().ok_or("its name is no UTF-8: rename it")?;
    let plain = |e: std::io::Error| darkroom_protocol::text::escape_line(&e.to_string()).into_owned();
    let mut file = darkroom_protocol::files::open(path).map_err(plain)?;
    let meta = file.metadata().map_err(plain)?;
    if meta.len() > MAX_BYTES {
        return Err(format!("it has {} bytes, the most is {MAX_BYTES}", meta.len()));
    }
    let sha256 = sum(&mut file).map_err(plain)?;
    file.rewind().map_err(plain)?;
    let texts = foreign::texts(BufReader::new(file)).map_err(|problem| problem.to_string())?;
    let said = foreign::said(&texts);
    let written = meta.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let (writer, request, others) = said.map_or_else(Default::default, |said| {
        (said.writer.name().to_owned(), said.request, said.others)
    });
    Ok(Found {
        path: name.to_owned(),
        sha256,
        bytes: meta.len(),
        width: texts.width,
        height: texts.height,
        written_ms: written.map_or(0, |since| since.as_millis() as i64),
        writer,
        request,
        others: others.into_iter().take(MAX_VALUES).map(bounded).collect(),
    })
}

fn bounded((name, value): (String, String)) -> (String, String) {
    match value.char_indices().nth(MAX_VALUE) {
        Some((end, _)) => (name, format!("{}…", &value[..end])),
        None => (name, value),
    }
}

fn sum(file: &mut File) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    let mut piece = vec![0; 256 * 1024];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hex(hash.finalize())),
            n => hash.update(&piece[..n]),
        }
    }
}
