//! One job's standing in the queue after a change, in words or as JSON. `moves.rs`, `pause.rs`, `priority.rs` and `retry.rs`
//! print it for each job. The whole list is printed by `row.rs`; what a person reads who waits for a job is in `watch/follow.rs`.

use darkroom_protocol::JobId;
use darkroom_protocol::event::QueueChange;
use serde_json::json;

use crate::{Result, say};

/// Says how a job stands in the queue now: in words, or as a JSON object.
///
/// # Errors
/// As [`say::json`].
pub fn tell(job: JobId, change: &QueueChange, as_json: bool) -> Result<()> {
    if as_json {
        let QueueChange {
            priority,
            held,
            position,
        } = change;
        return say::json(&json!({ "job": job, "priority": priority, "held": held, "position": position }));
    }
    say::note(&words(job, change));
    Ok(())
}

fn words(job: JobId, change: &QueueChange) -> String {
    let short = job.short();
    let priority = match change.priority {
        0 => String::new(),
        other => format!(" (priority {other})"),
    };
    match (change.held, change.position) {
        (true, _) => format!("Job {short} is held back{priority}: `darkroom queue resume {short}` lets it go."),
        (false, Some(0) | None) => format!("Job {short} is next{priority}."),
        (false, Some(1)) => format!("Job {short} waits{priority}: one job is before it."),
        (false, Some(before)) => format!("Job {short} waits{priority}: {before} jobs are before it."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(0, false, Some(0), "Job gggggggg is next.")]
    #[case(5, false, Some(1), "Job gggggggg waits (priority 5): one job is before it.")]
    #[case(-2, false, Some(9), "Job gggggggg waits (priority -2): 9 jobs are before it.")]
    #[case(
        0,
        true,
        None,
        "Job gggggggg is held back: `darkroom queue resume gggggggg` lets it go."
    )]
    fn in_words(#[case] priority: i32, #[case] held: bool, #[case] position: Option<u32>, #[case] expected: &str) {
        let job = "01990000-0000-7000-8000-000000000000".parse().unwrap();
        let change = QueueChange {
            priority,
            held,
            position,
        };
        assert_eq!(words(job, &change), expected);
    }
}
