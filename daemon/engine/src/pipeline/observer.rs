use darkroom_protocol::{ImageTask, Progress};

use super::preview::Estimate;

/// Is told what a pipeline does while it does it.
pub trait Observer {
    /// How far it is.
    fn progress(&mut self, progress: Progress);
    /// How a picture looks after a step, for those who make previews of it.
    fn estimate(&mut self, _: &Estimate<'_>) {}
    /// One line for the person.
    fn notice(&mut self, line: &str);
    /// A picture is complete in the staging folder.
    fn saved(&mut self, picture: Saved);
    /// Memory ran out, and the task goes on as this one: pictures saved from now on are made by it.
    fn adjusted(&mut self, _task: &ImageTask) {}
}

/// A complete picture in the staging folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Its place in the task, from 0.
    pub index: u32,
    /// The file's name in the staging folder.
    pub file: String,
    /// SHA-256 of the file, lower-case hexadecimal.
    pub sha256: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// The seed that makes this picture alone.
    pub seed: u64,
    /// Milliseconds since the pictures computed together with it were begun.
    pub elapsed_ms: u64,
}
