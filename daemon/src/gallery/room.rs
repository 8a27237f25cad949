use std::fs::{self, File};
use std::io::{self, Write as _};

use super::Gallery;
use crate::{Error, Result};

/// Written at a time, in bytes.
const PIECE: u64 = 64 * 1024;

impl Gallery {
    /// Whether a file of so many bytes fits into the staging folder now: one is written and removed. So quotas and read-only
    /// file systems count too.
    ///
    /// # Errors
    /// [`Error::Io`] with what the system said.
    pub fn try_room(&self, bytes: u64) -> Result<()> {
        let path = self.staging.join("room");
        let written = File::create(&path).and_then(|file| fill(file, bytes));
        // What could not be made need not be removed.
        let _ = fs::remove_file(&path);
        written.map_err(|e| Error::io("save pictures in", &self.staging, e))
    }
}

fn fill(mut file: File, bytes: u64) -> io::Result<()> {
    let piece = [0; PIECE as usize];
    let mut left = bytes;
    while left > 0 {
        let count = left.min(PIECE);
        file.write_all(&piece[..count as usize])?;
        left -= count;
    }
    file.sync_data()
}
