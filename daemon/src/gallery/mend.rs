//! What somebody took away or put in the way: made again where that is possible, said where it is not.

use std::fs;
use std::path::Path;

use super::{Gallery, Tray, make_private};
use crate::{Error, Result};

impl Gallery {
    /// Makes the folders of pictures and of trays where they are gone.
    ///
    /// # Errors
    /// [`Error::Io`] when one cannot be made: its disk is full or read-only, a file is in its place, …
    pub fn mend(&self) -> Result<()> {
        make_private(&self.pictures)?;
        make_private(&self.staging)
    }

    /// Whether pictures can be taken now: their folders are there (they are made again if not), a file of so many `bytes` fits
    /// among the trays, and one can be made beside the pictures and in the folder `at` below them. So quotas, inodes and
    /// read-only file systems count too.
    ///
    /// # Errors
    /// [`Error::Io`] with what the system said.
    pub fn try_all(&self, bytes: u64, at: Option<&Path>) -> Result<()> {
        self.mend()?;
        self.try_room(bytes)?;
        try_file(&self.pictures)?;
        match at.filter(|folder| folder.starts_with(&self.pictures)) {
            Some(folder) => {
                make_private(folder)?;
                try_file(folder)
            }
            None => Ok(()),
        }
    }
}

impl Tray {
    /// Makes its folder again where it is gone: whether it was.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be made.
    pub fn mend(&self) -> Result<bool> {
        let gone = !self.path().is_dir();
        if gone {
            make_private(self.path())?;
        }
        Ok(gone)
    }
}

/// Whether a file can be made in `folder`: an empty one is made and removed.
fn try_file(folder: &Path) -> Result<()> {
    let path = folder.join(".room");
    let made = fs::File::create(&path);
    // What could not be made need not be removed.
    let _ = fs::remove_file(&path);
    made.map(drop).map_err(|e| Error::io("save pictures in", folder, e))
}
