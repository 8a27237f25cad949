use std::path::Path;

use crate::Cancel;

/// What a task needs to run, beside itself: the task as it is now is [`super::Relief`]'s, as a shortage of memory changes it.
#[derive(Clone)]
pub struct Work<'a> {
    /// The job's id: file names begin with it.
    pub job: String,
    /// Where finished pictures go.
    pub staging: &'a Path,
    /// Where the pictures that a task begins with are, each a file named by its SHA-256.
    pub inputs: &'a Path,
    /// Pictures that exist already.
    pub skip: &'a [u32],
    /// Raised to end the work.
    pub cancel: &'a Cancel,
}
