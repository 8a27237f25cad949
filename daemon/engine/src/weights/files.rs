//! The files of one component (safetensors, or PyTorch's own), mapped: which tensor of the layers is where in them. [`super::origin`] makes tensors of
//! that; nothing is read here but headers.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use darkroom_formats::pickle;
use darkroom_formats::safetensors::{Dtype, Entry, Header};
use darkroom_protocol::text::escape_line;
use memmap2::Mmap;

use super::pieces::Piece;
use super::source::Source;
use crate::torch::Bytes;
use crate::{Error, Result};

/// The safetensors files of one component: which tensor is where.
#[derive(Debug)]
pub struct TensorFiles {
    files: Vec<Bytes>,
    places: HashMap<String, Vec<Place>>,
}

/// Where a layers' tensor is, or a part of it.
#[derive(Debug)]
pub struct Place {
    file: usize,
    /// What the file calls the tensor that holds it.
    pub key: String,
    /// Its number format.
    pub dtype: Dtype,
    /// Its dimensions as the file has them, of these rows alone.
    pub shape: Vec<u64>,
    /// Its bytes in the file.
    pub range: Range<usize>,
    /// Whether its two axes change places.
    pub turned: bool,
    /// The nth of so many, one below the other.
    pub place: (usize, usize),
}

impl TensorFiles {
    /// Maps the files called `names` and reads their headers; `pieces` says what the tensor is for the layers that a file has as a key.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Model`] with what is wrong with a header, or with the parts of a tensor.
    pub fn open(source: &Source, names: &[String], pieces: &dyn Fn(&str, &str) -> Vec<Piece>) -> Result<Self> {
        let mut all = Self {
            files: Vec::new(),
            places: HashMap::new(),
        };
        for name in names {
            let bytes = source.bytes(name)?;
            let header = header(source, name, &bytes)?;
            for (key, entry) in header.tensors {
                for mut piece in pieces(name, &key) {
                    if is_factor(&key, &entry) {
                        // A tensor's rows share the factor of all.
                        (piece.rows, piece.turned) = (super::pieces::Rows::All, false);
                    }
                    let place = place(all.files.len(), &key, &entry, &piece);
                    let place = place.ok_or_else(|| misfit(source, name, &key, &entry, &piece.name))?;
                    all.put(piece.name, place, source, (names, name))?;
                }
            }
            all.files.push(bytes);
        }
        all.places
            .values_mut()
            .for_each(|places| places.sort_by_key(|place| place.place.0));
        Ok(all)
    }

    fn put(&mut self, tensor: String, place: Place, source: &Source, (names, name): (&[String], &str)) -> Result<()> {
        let known = self.places.entry(tensor).or_default();
        if let Some(first) = known
            .iter()
            .find(|known| known.place == place.place || known.place.1 != place.place.1)
        {
            return Err(twice(source, &names[first.file], name, &place.key));
        }
        known.push(place);
        Ok(())
    }

    /// Gives the memory of mapped files back to the system, until they are read again.
    pub fn rest(&self) {
        self.files.iter().for_each(Bytes::rest);
    }

    /// Every tensor: its name and where its parts are.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Place])> {
        self.places
            .iter()
            .map(|(name, places)| (name.as_str(), places.as_slice()))
    }

    /// Where the parts of the tensor called `name` are, the first at the top; `None` where it is not there, or not all of it.
    pub fn find(&self, name: &str) -> Option<&[Place]> {
        let places = self.places.get(name)?;
        let whole = places.first().is_some_and(|first| first.place.1 == places.len());
        whole.then_some(places)
    }

    /// The file that holds a part.
    pub fn bytes(&self, place: &Place) -> &Bytes {
        &self.files[place.file]
    }
}

impl Place {
    /// Its dimensions as the layers have them.
    pub fn size(&self) -> Vec<i64> {
        let mut size: Vec<i64> = self.shape.iter().map(|n| *n as i64).collect();
        if self.turned {
            size.reverse();
        }
        size
    }
}

/// Whether it is the one number that 8-bit weights are multiplied by, or what goes into their layer.
fn is_factor(key: &str, entry: &Entry) -> bool {
    let ends = [".scale_weight", ".weight_scale", ".scale_input", ".input_scale"];
    entry.elements() == 1 && ends.iter().any(|end| key.ends_with(end))
}

/// `None` where the tensor has not the rows or axes that the piece is made of.
fn place(file: usize, key: &str, entry: &Entry, piece: &Piece) -> Option<Place> {
    let mut shape = entry.shape.clone();
    let (mut begin, mut end) = (entry.range.start, entry.range.end);
    if let Some(all) = shape.first_mut() {
        let rows = piece.rows.of(*all)?;
        let row = (end - begin) / (*all).max(1);
        // Rows that are no whole bytes are of no format that is cut.
        let cut = rows != (0..*all);
        if cut && row * *all != end - begin {
            return None;
        }
        if cut {
            (begin, end) = (begin + row * rows.start, begin + row * rows.end);
            *all = rows.end - rows.start;
        }
    } else if piece.rows != super::pieces::Rows::All {
        return None;
    }
    if piece.turned && shape.len() != 2 {
        return None;
    }
    Some(Place {
        file,
        key: key.to_owned(),
        dtype: entry.dtype,
        shape,
        range: begin as usize..end as usize,
        turned: piece.turned,
        place: piece.place,
    })
}

fn misfit(source: &Source, name: &str, key: &str, entry: &Entry, wanted: &str) -> Error {
    use darkroom_formats::folder::Files;
    Error::Model {
        path: source.called(name).into(),
        what: format!(
            "tensor {} is {:?}, from which {} cannot be made: the file is of another model.",
            escape_line(key),
            entry.shape,
            escape_line(wanted)
        ),
    }
}

fn twice(source: &Source, first: &str, second: &str, key: &str) -> Error {
    use darkroom_formats::folder::Files;
    Error::Model {
        path: source.called(second).into(),
        what: format!(
            "tensor {} is in {first} too: the shards are not of one model; download them again.",
            escape_line(key)
        ),
    }
}

fn header(source: &Source, name: &str, bytes: &Bytes) -> Result<Header> {
    use darkroom_formats::folder::Files;
    let all = bytes.as_slice();
    let bad = |what: String| Error::Model {
        path: source.called(name).into(),
        what,
    };
    if pickle::is_pickle(all) {
        return pickle::index(&all).map_err(|e| bad(e.to_string()));
    }
    let first = all.get(..8).ok_or_else(|| {
        bad(format!(
            "it has {} bytes, a safetensors file has at least 8.",
            all.len()
        ))
    })?;
    let len = Header::prefix_len(first, all.len() as u64).map_err(|e| bad(e.to_string()))?;
    Header::parse(&all[..len as usize], all.len() as u64).map_err(|e| bad(e.to_string()))
}

/// Maps a file into memory.
///
/// # Errors
/// [`Error::Io`].
#[allow(unsafe_code)]
pub fn map(path: &Path) -> Result<Bytes> {
    let io = |source| Error::Io {
        path: path.to_path_buf(),
        source,
    };
    let file = darkroom_protocol::files::open(path).map_err(io)?;
    // SAFETY: the mapping is private and read-only, and its length is that of the open file. Another process may still write
    // into the file: then weights change, which no code here depends on for soundness, since tensors hold plain numbers.
    // Or truncate it: then touching the lost pages is SIGBUS, which ends this worker and nothing else; the daemon sees it.
    let map = unsafe { Mmap::map(&file) }.map_err(io)?;
    Ok(Bytes::mapped(map))
}
