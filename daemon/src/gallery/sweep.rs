use std::fs;

use darkroom_protocol::{Format, JobId, Picture, Task};

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

    /// Removes the files of a job that are none of its recorded `pictures`, at start-up: its daemon died after it had moved them. Whether the job runs
    /// again or not, none is left that nobody knows of.
    ///
    /// # Errors
    /// [`Error::Io`] naming the first file that could not be removed.
    pub fn sweep_unrecorded(&self, job: JobId, task: &Task, pictures: &[Picture]) -> Result<u64> {
        let Task::Image(task) = task else { return Ok(0) };
        let mut removed = 0;
        for index in (0..task.batch).filter(|index| !recorded(pictures, *index)) {
            removed += u64::from(self.forget(job, index, task.format)?);
        }
        Ok(removed)
    }

    fn forget(&self, job: JobId, index: u32, format: Format) -> Result<bool> {
        let path = self.path(job, index, format);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(Error::io("remove", &path, e)),
        }
    }
}

fn recorded(pictures: &[Picture], index: u32) -> bool {
    pictures.iter().any(|picture| picture.index == index)
}
