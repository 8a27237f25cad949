//! How pictures are called: `2026-11-29/153012-red-apple-kxqwzmpr-0.png` is picture 0 of a job whose prompt begins with "red
//! apple", made that day at 15:30:12 local time. Names of one day sort by time. Names of earlier releases,
//! `2026-11-29/01981c2f-3a41-0.png`, are left as they are: a row says where each picture is.

use std::path::Path;

use darkroom_protocol::sampler::Named as _;
use darkroom_protocol::{Format, JobId, Task};

use crate::clock::Moment;
use crate::slug::slug;

/// The name of a picture that is made at that moment, in its day's folder. `prompt` is how it is called among other things.
pub(super) fn name(made: &Moment, prompt: &str, job: JobId, index: u32, format: Format) -> String {
    format!("{}-{prompt}{}.{}", made.time, mark(job, index), format.name())
}

/// What a prompt makes of a name.
pub(super) fn prompt(task: &Task) -> String {
    let Task::Image(task) = task;
    slug(&task.what.prompt, "picture")
}

/// What tells the files of one picture from all others, before the extension: the job's short id, which no other job
/// has, and its index.
fn mark(job: JobId, index: u32) -> String {
    format!("-{}-{index}", job.short())
}

/// What earlier releases called it.
fn old(job: JobId, index: u32) -> String {
    format!("{}-{index}", job.stamp())
}

/// Whether a file is one of these pictures of a job.
pub(super) fn is_of(path: &Path, job: JobId, indices: &[u32]) -> bool {
    let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else {
        return false;
    };
    let index = stem.rsplit('-').next().and_then(|index| index.parse().ok());
    index
        .is_some_and(|index| indices.contains(&index) && (stem.ends_with(&mark(job, index)) || stem == old(job, index)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::task;

    #[test]
    fn a_name_says_when_what_and_which() {
        let job = "019816c5-5000-7000-8000-0123456789ab".parse().unwrap();
        let made = Moment {
            date: "2026-11-29".to_owned(),
            time: "153012".to_owned(),
        };
        let prompt = prompt(&task("A red apple!"));
        let name = name(&made, &prompt, job, 3, Format::Jpg);
        assert_eq!(name, format!("153012-a-red-apple-{}-3.jpg", job.short()));
        let of = |name: &str, indices: &[u32]| is_of(Path::new(name), job, indices);
        assert!(of(&name, &[1, 3]) && of("019816c5-5000-3.png", &[3]));
        assert!(!of(&name, &[1, 2]) && !of("153012-a-red-apple-gggggggg-3.jpg", &[3]));
        assert!(!of("x-019816c5-5000-3.png", &[3]) && !of("notes.txt", &[3]));
    }
}
