//! What daemons that died left behind, removed at the start: half-made files, and pictures that have no row.

use std::fs;
use std::path::{Path, PathBuf};

use darkroom_protocol::{JobId, Picture, Task};

use super::{Gallery, name};
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

    /// Removes the files of a job that are none of its recorded `pictures`, at start-up: its daemon died after it had moved them. Whether the job runs
    /// again or not, none is left that nobody knows of.
    ///
    /// # Errors
    /// [`Error::Io`] naming the first file that could not be removed.
    pub fn sweep_unrecorded(&self, job: JobId, task: &Task, pictures: &[Picture]) -> Result<u64> {
        let Task::Image(task) = task;
        let missing: Vec<u32> = (0..task.size.batch)
            .filter(|index| !recorded(pictures, *index))
            .collect();
        let mut removed = 0;
        if missing.is_empty() {
            return Ok(removed);
        }
        // The clock may have stood anywhere: each day may be the one.
        for day in read(&self.pictures)?.iter().filter(|path| path.is_dir()) {
            for path in read(day)?.iter().filter(|path| name::is_of(path, job, &missing)) {
                match fs::remove_file(path) {
                    Ok(()) => removed += 1,
                    Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                    Err(e) => return Err(Error::io("remove", path, e)),
                }
            }
        }
        Ok(removed)
    }
}

fn read(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    entries.map_err(|e| Error::io("read", folder, e))
}

fn recorded(pictures: &[Picture], index: u32) -> bool {
    pictures.iter().any(|picture| picture.index == index)
}
