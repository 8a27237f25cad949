//! Unpacks the wanted entries of a wheel into libtorch's folder and shows how far it is. `mod.rs` calls it for each wheel. Which
//! entries are wanted, and where they go, is decided in `keep.rs`; the wheel's hash was checked in `fetch.rs`.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use zip::ZipArchive;
use zip::read::ZipFile;

use super::backend::Backend;
use super::keep;
use super::wheels::Wheel;
use crate::failure::{Failure, Result};
use crate::say::{self, Progress};

/// Unpacks what `backend` needs of the wheel `file` into `tree`. The checksums inside the wheel are checked as well.
///
/// # Errors
/// When the wheel cannot be read or `tree` cannot be written.
pub fn wheel(wheel: &Wheel, file: &Path, tree: &Path, backend: Backend) -> Result<()> {
    let damaged = |error: &dyn std::fmt::Display| {
        Failure::new(format!(
            "{} cannot be unpacked ({error}): delete it and run this again.",
            file.display()
        ))
    };
    let open = File::open(file).map_err(|error| Failure::file("open", file, &error))?;
    let mut archive = ZipArchive::new(open).map_err(|error| damaged(&error))?;
    let mut wanted = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|error| damaged(&error))?;
        let name = entry.name().map_err(|error| damaged(&error))?;
        if let Some(destination) = keep::destination(&name, wheel.name, backend) {
            wanted.push((index, destination, entry.size()));
        }
    }
    let total = wanted.iter().map(|(.., bytes)| bytes).sum();
    let mut progress = Progress::start(format!("unpacking {}", wheel.name), total);
    let mut done = 0;
    for (index, destination, _) in &wanted {
        let mut entry = archive.by_index(*index).map_err(|error| damaged(&error))?;
        let path = tree.join(destination);
        write(&mut entry, &path, &mut |bytes| {
            done += bytes;
            progress.at(done);
        })?;
    }
    progress.finish(&format!("{} files, {}", wanted.len(), say::size(total)));
    Ok(())
}

fn write<R: Read>(entry: &mut ZipFile<'_, R>, path: &Path, wrote: &mut dyn FnMut(u64)) -> Result<()> {
    let cannot = |error| Failure::file("write", path, &error);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(cannot)?;
    }
    let mut out = File::create(path).map_err(cannot)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = entry
            .read(&mut buffer)
            .map_err(|error| Failure::file("unpack", path, &error))?;
        if count == 0 {
            return Ok(());
        }
        out.write_all(&buffer[..count]).map_err(cannot)?;
        wrote(count as u64);
    }
}
