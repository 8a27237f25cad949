//! The last line of a job that went well: how many pictures, how long it took, the seed, and how to see them.

use darkroom_protocol::{Job, Task};

use crate::output::Report;
use crate::say;

/// `2 pictures in 18 s, seed 7; darkroom show @last`, for those who do not read JSON. The job is the last one only where this
/// command has submitted it.
pub(super) fn line(job: &Job, is_last: bool, report: Report) -> Option<String> {
    if matches!(report, Report::Json | Report::Events) || job.pictures.is_empty() {
        return None;
    }
    let pictures = match job.pictures.len() {
        1 => "1 picture".to_owned(),
        n => format!("{n} pictures"),
    };
    let took = match (job.started_ms, job.finished_ms) {
        (Some(from), Some(to)) => format!(" in {}", say::took(to.saturating_sub(from))),
        _ => String::new(),
    };
    let Task::Image(task) = &job.task;
    let seed = task.sampling.seed;
    let name = if is_last { "@last".to_owned() } else { job.id.short() };
    Some(format!("{pictures}{took}, seed {seed}; darkroom show {name}"))
}
