use std::path::Path;

use darkroom_protocol::ImageTask;

use crate::Cancel;

/// A task and what it needs to run.
#[derive(Clone)]
pub struct Work<'a> {
    /// What to do.
    pub task: &'a ImageTask,
    /// The job's id: file names begin with it.
    pub job: String,
    /// Where finished pictures go.
    pub staging: &'a Path,
    /// Pictures that exist already.
    pub skip: &'a [u32],
    /// Raised to end the work.
    pub cancel: &'a Cancel,
}

impl<'a> Work<'a> {
    /// The same with another task.
    pub fn of<'b>(&'b self, task: &'b ImageTask) -> Work<'b>
    where
        'a: 'b,
    {
        Work { task, ..self.clone() }
    }
}
