//! A safetensors header, checked: every tensor lies in the file, has the bytes that its shape needs, and they follow each other
//! without overlap or hole. The daemon reads headers from the beginning of a file (`catalog/folder.rs`, and `single/file.rs`
//! here), the engine out of the mapped file (`weights/files.rs`). The JSON is streamed in `raw.rs`; the words for what is wrong
//! are in `problem.rs`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use darkroom_protocol::files;
use serde::de::DeserializeSeed as _;

use super::raw::{Dimensions, HeaderSeed, RawEntry, Tables};
use super::{Dtype, HeaderProblem, MAX_HEADER, MAX_RANK};
use crate::{Error, Result, pickle};

/// Bytes of the little-endian length that every safetensors file starts with.
const LENGTH: usize = 8;

/// One stored tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// How its elements are encoded.
    pub dtype: Dtype,
    /// Its dimensions, outermost first; empty for a scalar. The product fits 64 bits.
    pub shape: Vec<u64>,
    /// Its bytes, counted from the start of the file; inside the file and exactly as long as shape and dtype need.
    pub range: Range<u64>,
}

impl Entry {
    /// The number of elements.
    pub fn elements(&self) -> u64 {
        self.shape.iter().product()
    }

    /// The number of bytes.
    pub fn bytes(&self) -> u64 {
        self.range.end - self.range.start
    }
}

/// A checked header: the tensors fill the rest of the file, one after the other, without overlap or hole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The tensors by name.
    pub tensors: BTreeMap<String, Entry>,
    /// The `__metadata__` map, empty when there is none.
    pub metadata: BTreeMap<String, String>,
}

impl Header {
    /// The header of a file of `file_len` bytes that starts with `prefix`.
    ///
    /// `prefix` holds at least the header (a whole mapped file will do; [`Header::prefix_len`] says how much is needed).
    /// Memory is bounded by the limits of this module, whatever the header's bytes are.
    ///
    /// # Errors
    /// [`HeaderProblem`] for everything that the format forbids, for a name twice, and for the limits of this module.
    pub fn parse(prefix: &[u8], file_len: u64) -> Result<Self, HeaderProblem> {
        let data = Self::prefix_len(prefix, file_len)?;
        let json = usize::try_from(data)
            .ok()
            .and_then(|end| prefix.get(LENGTH..end))
            .ok_or(HeaderProblem::ShortPrefix {
                needed: data,
                given: prefix.len(),
            })?;
        if json.first() != Some(&b'{') {
            return Err(HeaderProblem::Json("it does not start with '{'".to_owned()));
        }
        let Tables { mut tensors, metadata } = stream(json)?;
        place(&mut tensors, data, file_len)?;
        Ok(Self { tensors, metadata })
    }

    /// How many bytes from the start of the file [`Header::parse`] needs: the length word and the header.
    ///
    /// # Errors
    /// [`HeaderProblem`] when `first` or the file is shorter than a length word, or the length is over the format's limit or
    /// the file's end.
    pub fn prefix_len(first: &[u8], file_len: u64) -> Result<u64, HeaderProblem> {
        let word = first.first_chunk::<LENGTH>().filter(|_| file_len >= LENGTH as u64);
        let word = word.ok_or(HeaderProblem::TooShort { len: file_len })?;
        if word == b"version " {
            return Err(HeaderProblem::LfsPointer);
        }
        let claimed = u64::from_le_bytes(*word);
        if claimed > MAX_HEADER {
            return Err(HeaderProblem::OverLimit { claimed });
        }
        if claimed > file_len - LENGTH as u64 {
            return Err(HeaderProblem::OverFile { claimed, len: file_len });
        }
        Ok(LENGTH as u64 + claimed)
    }

    /// The header of the file at `path`, which must be a regular file; of one of PyTorch's own what it would say. Only the header is
    /// read.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Header`] and [`Error::Pickle`], all with the path.
    pub fn read(path: &Path) -> Result<Self> {
        let io = |source| Error::io(path, source);
        let mut file = files::open(path).map_err(io)?;
        let len = file.metadata().map_err(io)?.len();
        let named = |problem: HeaderProblem| problem.in_file(path.display());
        let mut prefix = Vec::new();
        file.by_ref().take(LENGTH as u64).read_to_end(&mut prefix).map_err(io)?;
        if pickle::is_pickle(&prefix) {
            return pickle::read(path);
        }
        let needed = Self::prefix_len(&prefix, len).map_err(named)?;
        // The file has so many, and they are few: no vector that doubles.
        prefix.reserve_exact((needed as usize).saturating_sub(prefix.len()));
        file.take(needed - LENGTH as u64).read_to_end(&mut prefix).map_err(io)?;
        Self::parse(&prefix, len).map_err(named)
    }

    /// Bytes of all tensors together.
    pub fn bytes(&self) -> u64 {
        self.tensors.values().map(Entry::bytes).sum()
    }
}

/// The tables that the header's JSON spells, its entries checked one by one.
fn stream(json: &[u8]) -> Result<Tables, HeaderProblem> {
    let problem = RefCell::new(None);
    let mut from = serde_json::Deserializer::from_slice(json);
    let read = HeaderSeed { problem: &problem }.deserialize(&mut from);
    let read = read.and_then(|tables| from.end().map(|()| tables));
    read.map_err(|error| problem.take().unwrap_or_else(|| HeaderProblem::Json(brief(&error))))
}

/// What serde says. It repeats whatever text it did not expect, however long.
fn brief(error: &serde_json::Error) -> String {
    error.to_string().chars().take(300).collect()
}

/// What one entry says of itself, checked; its range still counts from the end of the header.
pub(super) fn checked(name: &str, raw: RawEntry) -> Result<Entry, HeaderProblem> {
    let name = || name.to_owned();
    let RawEntry {
        dtype,
        shape: Dimensions { sizes: shape, rank },
        data_offsets: (begin, end),
    } = raw;
    let Ok(dtype) = dtype.0.parse::<Dtype>() else {
        return Err(HeaderProblem::UnknownDtype {
            name: name(),
            dtype: dtype.0,
        });
    };
    if rank > MAX_RANK {
        return Err(HeaderProblem::Rank { name: name(), rank });
    }
    let elements = shape.iter().try_fold(1u64, |product, n| product.checked_mul(*n));
    let Some(needed) = elements.and_then(|n| dtype.bytes(n)) else {
        return Err(HeaderProblem::Shape {
            name: name(),
            shape,
            dtype,
        });
    };
    let Some(given) = end.checked_sub(begin) else {
        return Err(HeaderProblem::Backwards {
            name: name(),
            begin,
            end,
        });
    };
    if given != needed {
        return Err(HeaderProblem::Size {
            name: name(),
            shape,
            dtype,
            needed,
            given,
        });
    }
    Ok(Entry {
        dtype,
        shape,
        range: begin..end,
    })
}

/// Checks that the tensors fill the file from `data` on, and makes their ranges count from its start.
fn place(tensors: &mut BTreeMap<String, Entry>, data: u64, file_len: u64) -> Result<(), HeaderProblem> {
    let mut in_order: Vec<_> = tensors
        .iter_mut()
        .map(|(name, entry)| (name, &mut entry.range))
        .collect();
    in_order.sort_by_key(|(_, range)| (range.start, range.end));
    let mut previous = 0;
    for (name, range) in in_order {
        let begin = range.start;
        if begin < previous {
            return Err(HeaderProblem::Overlap {
                name: name.clone(),
                begin,
                previous,
            });
        }
        if begin > previous {
            return Err(HeaderProblem::Hole {
                name: name.clone(),
                begin,
                previous,
            });
        }
        previous = range.end;
        let end = data.checked_add(range.end).filter(|end| *end <= file_len);
        let Some(end) = end else {
            return Err(HeaderProblem::Truncated {
                name: name.clone(),
                needed: data.saturating_add(range.end),
                len: file_len,
            });
        };
        *range = data + begin..end;
    }
    let needed = data + previous;
    if needed < file_len {
        return Err(HeaderProblem::Trailing { needed, len: file_len });
    }
    Ok(())
}
