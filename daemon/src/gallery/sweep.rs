use std::fs;

use super::Gallery;
use crate::{Error, Result};

impl Gallery {
    /// Empties the staging folder, at start-up: what is there belongs to no running worker. Returns how many files went.
    ///
    /// # Errors
    /// [`Error::Io`] naming the first thing that could not be removed.
    pub fn sweep_staging(&self) -> Result<u64> {
        let read = |e| Error::io("read", &self.staging, e);
        let mut removed = 0;
        for entry in fs::read_dir(&self.staging).map_err(read)? {
            let entry = entry.map_err(read)?;
            let path = entry.path();
            let folder = entry.file_type().map_err(read)?.is_dir();
            let gone = if folder {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            gone.map_err(|e| Error::io("remove", &path, e))?;
            removed += 1;
        }
        Ok(removed)
    }
}
