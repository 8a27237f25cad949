//! Pictures on disk: `pictures/YYYY-MM-DD/<short id>-<index>.png`, files 0600 in folders 0700.
//!
//! A worker process writes into a [`Tray`] of its own in the staging folder; [`Gallery::adopt`] checks what it reported, syncs the file, moves it to its place
//! and syncs the folder. The caller writes the row after that, so a row never names a file that is not whole. A file's name
//! follows from job and index alone: a job that runs again after a crash overwrites what it had moved, and the store gives no
//! two jobs the same short id.

mod adopt;
mod day;
mod mend;
mod room;
mod sweep;
mod tray;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use darkroom_protocol::paths::Paths;

use crate::{Error, Result};

pub use tray::Tray;

/// The folders of pictures.
#[derive(Clone, Debug)]
pub struct Gallery {
    pictures: PathBuf,
    staging: PathBuf,
}

impl Gallery {
    /// The gallery in the data folder of `paths`; makes its folders where there are none.
    ///
    /// # Errors
    /// [`Error::Io`] when a folder cannot be made, or its path is not UTF-8 and could not be told to clients.
    pub fn open(paths: &Paths) -> Result<Self> {
        let gallery = Self {
            pictures: paths.pictures(),
            staging: paths.staging(),
        };
        for folder in [&gallery.pictures, &gallery.staging] {
            if folder.to_str().is_none() {
                let why = std::io::Error::other("its name is not UTF-8: set DARKROOM_HOME to another folder");
                return Err(Error::io("use", folder, why));
            }
            make_private(folder)?;
        }
        Ok(gallery)
    }

    /// An empty tray for one worker process.
    ///
    /// # Errors
    /// [`Error::Io`] when its folder cannot be made.
    pub fn tray(&self) -> Result<Tray> {
        Tray::new(&self.staging)
    }
}

/// Makes `folder` and its parents, 0700 where they are new.
fn make_private(folder: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|e| Error::io("make the folder", folder, e))
}

#[cfg(test)]
mod tests;
