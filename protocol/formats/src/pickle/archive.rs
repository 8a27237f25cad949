//! What torch.save has written since 1.6: a zip archive of `data.pkl` and one stored entry a storage. Only what is needed of zip is
//! read, by places alone: the directory at the end, and of each entry that a tensor names its local header. Packed entries are
//! refused, since tensors are mapped where they lie.

use std::collections::HashMap;

use super::source::Source;
use super::tensors::{Place, named};
use super::{MAX_ENTRIES, MAX_PICKLE, PickleProblem, machine};
use crate::safetensors::Header;

/// The longest directory, in bytes.
const MAX_DIRECTORY: u64 = 16 << 20;
/// The record at the end, with the longest comment.
const MAX_TAIL: u64 = 22 + 65_535;

/// An entry as the directory has it.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Where its local header begins.
    header: u64,
    bytes: u64,
    packed: bool,
}

/// The tensors of an archive.
pub fn index(file: &dyn Source) -> Result<Header, PickleProblem> {
    let entries = directory(file)?;
    let mut pickles = entries
        .keys()
        .filter(|name| name.ends_with("/data.pkl") && name.matches('/').count() == 1);
    let (Some(pickle), None) = (pickles.next(), pickles.next()) else {
        let what = "a zip archive without one data.pkl in one folder";
        return Err(PickleProblem::NotTorch { what });
    };
    let root = pickle.trim_end_matches("data.pkl");
    if let Some(order) = entries.get(&format!("{root}byteorder")) {
        let place = place(file, "byteorder", order)?;
        if file.read(place.begin, place.bytes.min(16))?.as_ref() != b"little" {
            return Err(PickleProblem::archive("its numbers are big-endian, which is not read"));
        }
    }
    let at = place(file, pickle, &entries[pickle])?;
    if at.bytes > MAX_PICKLE {
        return Err(PickleProblem::TooMuch {
            what: "a pickle of more than 16 MB beside its tensors",
        });
    }
    let bytes = file.read(at.begin, at.bytes)?;
    let made = machine::run(&bytes)?;
    let header = named(&made, &mut |key, _| {
        let name = format!("{root}data/{key}");
        let entry = entries
            .get(&name)
            .ok_or_else(|| PickleProblem::archive(format!("it has no entry {}", shown(&name))))?;
        place(file, &name, entry)
    })?;
    apart(&entries)?;
    Ok(header)
}

/// Every entry by its name.
fn directory(file: &dyn Source) -> Result<HashMap<String, Entry>, PickleProblem> {
    let (at, bytes, count) = end(file)?;
    if bytes > MAX_DIRECTORY || count > MAX_ENTRIES {
        return Err(PickleProblem::TooMuch {
            what: "an archive of more than 70,000 entries",
        });
    }
    let all = file.read(at, bytes)?;
    let mut rest = all.as_ref();
    let mut entries = HashMap::new();
    for _ in 0..count {
        let (name, entry, left) =
            read(rest).ok_or_else(|| PickleProblem::archive("its directory does not end where it should"))?;
        if entries.insert(name.clone(), entry).is_some() {
            return Err(PickleProblem::archive(format!("it has {} twice", shown(&name))));
        }
        rest = left;
    }
    Ok(entries)
}

/// Where the directory is, its bytes, and how many entries it has.
fn end(file: &dyn Source) -> Result<(u64, u64, u64), PickleProblem> {
    let len = file.size();
    let begin = len.saturating_sub(MAX_TAIL);
    let tail = file.read(begin, len - begin)?;
    let found = tail.windows(4).rposition(|four| four == b"PK\x05\x06");
    let (found, record) = found
        .and_then(|found| Some((found, tail.get(found..found + 22)?)))
        .ok_or(PickleProblem::Cut)?;
    let small = (
        u64::from(u32_at(record, 16)),
        u64::from(u32_at(record, 12)),
        u64::from(u16_at(record, 10)),
    );
    let large = [small.0, small.1].contains(&u64::from(u32::MAX)) || small.2 == u64::from(u16::MAX);
    if !large {
        return Ok(small);
    }
    // The larger record: its place stands right before.
    let locator = found
        .checked_sub(20)
        .and_then(|at| tail.get(at..at + 20))
        .filter(|locator| locator.starts_with(b"PK\x06\x07"))
        .ok_or(PickleProblem::Cut)?;
    let record = file.read(u64_at(locator, 8), 56)?;
    match record.starts_with(b"PK\x06\x06") {
        true => Ok((u64_at(&record, 48), u64_at(&record, 40), u64_at(&record, 32))),
        false => Err(PickleProblem::Cut),
    }
}

/// The first entry of what is left of a directory, and what is left after it.
fn read(rest: &[u8]) -> Option<(String, Entry, &[u8])> {
    let fixed = rest.get(..46).filter(|fixed| fixed.starts_with(b"PK\x01\x02"))?;
    let [name, extra, comment] = [28, 30, 32].map(|at| usize::from(u16_at(fixed, at)));
    let (packed, unpacked, header) = (u32_at(fixed, 20), u32_at(fixed, 24), u32_at(fixed, 42));
    let text = rest.get(46..46 + name)?;
    let more = rest.get(46 + name..46 + name + extra)?;
    // What does not fit 32 bits stands there, in this order, and only what does not.
    let mut wide = sixty_four(more).unwrap_or_default().chunks_exact(8);
    let mut full = |short: u32| match short {
        u32::MAX => wide.next().map(|eight| u64_at(eight, 0)),
        short => Some(short.into()),
    };
    let (unpacked, packed, header) = (full(unpacked)?, full(packed)?, full(header)?);
    let encrypted = u16_at(fixed, 8) & 1 != 0;
    let entry = Entry {
        header,
        bytes: unpacked,
        packed: u16_at(fixed, 10) != 0 || packed != unpacked || encrypted,
    };
    let left = rest.get(46 + name + extra + comment..)?;
    Some((String::from_utf8(text.to_vec()).ok()?, entry, left))
}

/// The zip64 field among an entry's extra ones.
fn sixty_four(mut extra: &[u8]) -> Option<&[u8]> {
    loop {
        let head = extra.get(..4)?;
        let (kind, len) = (u16_at(head, 0), usize::from(u16_at(head, 2)));
        let body = extra.get(4..4 + len)?;
        if kind == 1 {
            return Some(body);
        }
        extra = extra.get(4 + len..)?;
    }
}

/// Where the bytes of an entry are.
fn place(file: &dyn Source, name: &str, entry: &Entry) -> Result<Place, PickleProblem> {
    if entry.packed {
        return Err(PickleProblem::archive(format!(
            "its entry {} is packed or encrypted, as PyTorch writes none",
            shown(name)
        )));
    }
    let local = file.read(entry.header, 30)?;
    if !local.starts_with(b"PK\x03\x04") {
        return Err(PickleProblem::archive(format!(
            "its entry {} is not where it says",
            shown(name)
        )));
    }
    let before = 30 + u64::from(u16_at(&local, 26)) + u64::from(u16_at(&local, 28));
    let begin = entry.header.checked_add(before).ok_or(PickleProblem::Cut)?;
    let end = begin.checked_add(entry.bytes).filter(|end| *end <= file.size());
    end.ok_or(PickleProblem::Cut)?;
    Ok(Place {
        begin,
        bytes: entry.bytes,
    })
}

/// Whether no entry begins inside another: headers and bytes follow each other in what torch writes.
fn apart(entries: &HashMap<String, Entry>) -> Result<(), PickleProblem> {
    let mut all: Vec<(&Entry, &String)> = entries.iter().map(|(name, entry)| (entry, name)).collect();
    all.sort_by_key(|(entry, _)| entry.header);
    for pair in all.windows(2) {
        let (first, second) = (pair[0].0, pair[1].0);
        if first.header.saturating_add(30).saturating_add(first.bytes) > second.header {
            return Err(PickleProblem::archive(format!(
                "its entry {} lies inside another",
                shown(pair[1].1)
            )));
        }
    }
    Ok(())
}

fn shown(name: &str) -> String {
    crate::shown::Shown(name).to_string()
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .map_or(0, |two| u16::from_le_bytes(*two))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .map_or(0, |four| u32::from_le_bytes(*four))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .map_or(0, |eight| u64::from_le_bytes(*eight))
}
