use std::fs;
use std::path::{Path, PathBuf};

use darkroom_protocol::id;

use super::make_private;
use crate::Result;

/// The folder into which one worker process puts its pictures. It goes with this value and whatever is in it: what a dead
/// process left half-written disturbs nobody, and neither does one that outlives its daemon for a moment.
#[derive(Debug)]
pub struct Tray(PathBuf);

impl Tray {
    pub(super) fn new(staging: &Path) -> Result<Self> {
        let folder = staging.join(id::fresh().simple().to_string());
        make_private(&folder)?;
        Ok(Self(folder))
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Tray {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!("{} cannot be removed: {error}", crate::error::shown(&self.0));
        }
    }
}
