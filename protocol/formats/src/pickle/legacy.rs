//! What torch.save wrote before 1.6: five pickles, a magic number, a version, the machine that wrote it, the object, the keys of its
//! storages, and then the storages in that order, each after the number of its elements.

use std::collections::HashMap;

use super::machine::{Made, Value, run};
use super::source::Source;
use super::tensors::{Place, bytes_of, named, storages};
use super::{MAX_PICKLE, PickleProblem};
use crate::safetensors::Header;

/// The first pickle's number, 0x1950a86a20f9469cfc6c, as it is written: longer than 64 bits.
const MAGIC: [u8; 14] = [
    0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19,
];
const VERSION: i64 = 1001;

/// The tensors of such a file.
pub fn index(file: &dyn Source) -> Result<Header, PickleProblem> {
    // Storages follow at once: of a large file this is more than the pickles, of a small one all of it.
    let head = file.read(0, file.size().min(MAX_PICKLE))?;
    if !head.starts_with(&MAGIC) {
        let what = "a plain pickle";
        return Err(PickleProblem::NotTorch { what });
    }
    let mut at = 0;
    let mut next = || -> Result<Made<'_>, PickleProblem> {
        let made = run(head.get(at..).unwrap_or_default())?;
        at += made.end;
        Ok(made)
    };
    next()?;
    let version = next()?;
    if version.get(version.root) != &Value::Int(VERSION) {
        let what = "a checkpoint of another version than 1001";
        return Err(PickleProblem::NotTorch { what });
    }
    little(&next()?)?;
    let object = next()?;
    let keys = next()?;
    let Value::List(list) = keys.get(keys.root) else {
        return Err(PickleProblem::archive("it does not name its storages"));
    };
    let sizes = storages(&object);
    let mut places = HashMap::new();
    let mut begin = at as u64;
    for key in list {
        let key = keys
            .text(*key)
            .ok_or_else(|| PickleProblem::archive("a storage has no name"))?;
        // One that no tensor has is nowhere described.
        let (dtype, count) = *sizes
            .get(key)
            .ok_or_else(|| PickleProblem::archive("it has a storage that it does not describe"))?;
        let word = file.read(begin, 8)?;
        let written = word.first_chunk().map_or(0, |eight| u64::from_le_bytes(*eight));
        let bytes = bytes_of(dtype, count).ok_or(PickleProblem::Cut)?;
        if written != count {
            return Err(PickleProblem::archive("a storage has not as many numbers as it says"));
        }
        begin += 8;
        let place = Place { begin, bytes };
        begin = begin
            .checked_add(bytes)
            .filter(|end| *end <= file.size())
            .ok_or(PickleProblem::Cut)?;
        if places.insert(key.to_owned(), place).is_some() {
            return Err(PickleProblem::archive("it has a storage twice"));
        }
    }
    named(&object, &mut |key, _| {
        places
            .get(key)
            .copied()
            .ok_or_else(|| PickleProblem::archive("a storage is not in the file"))
    })
}

/// Whether the machine that wrote the file put the low byte first.
fn little(system: &Made<'_>) -> Result<(), PickleProblem> {
    let Value::Dict(items) = system.get(system.root) else {
        return Err(PickleProblem::archive("it does not say which machine wrote it"));
    };
    let says = items.iter().find(|(key, _)| system.text(*key) == Some("little_endian"));
    match says.map(|(_, value)| system.get(*value)) {
        Some(Value::Int(1)) => Ok(()),
        _ => Err(PickleProblem::archive("its numbers are big-endian, which is not read")),
    }
}
