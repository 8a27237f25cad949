//! What happened to a job, as moments with words: `darkroom queue log` prints them behind what the job's worker said, the terminal
//! client shows them below the job. Made of the job alone; nothing here asks or prints.

use darkroom_protocol::{Job, Task};

/// `2nd`, `11th`, `23rd`.
fn nth(n: u32) -> String {
    let end = match (n % 100, n % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{n}{end}")
}

/// A moment of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds since 1970.
    pub ms: u64,
    /// What happened, in words; not escaped.
    pub what: String,
}

/// What has happened to a job so far: what it is, when it began, its pictures, how it ended.
pub fn course(job: &Job) -> Vec<Moment> {
    let line = |ms: u64, what: String| Moment { ms, what };
    let mut lines = vec![line(job.created_ms, format!("accepted: {}", what(job)))];
    if let Some(ms) = job.started_ms {
        let again = match job.attempts {
            0 | 1 => String::new(),
            n => format!(", for the {} time", nth(n)),
        };
        lines.push(line(ms, format!("began{again}")));
    }
    let end = job.finished_ms.or(job.started_ms).unwrap_or(job.created_ms);
    for picture in &job.pictures {
        let took = picture.elapsed_ms as f64 / 1000.0;
        lines.push(line(
            end,
            format!(
                "picture {}: {} (seed {}, {took:.1} s)",
                picture.index, picture.path, picture.seed
            ),
        ));
    }
    if !job.state.is_final() {
        return lines;
    }
    let took = job
        .started_ms
        .map(|start| format!(" after {:.1} s", end.saturating_sub(start) as f64 / 1000.0));
    let why = job.failure.as_ref().map(|failure| format!(": {}", failure.message));
    let (took, why) = (took.unwrap_or_default(), why.unwrap_or_default());
    lines.push(line(end, format!("{}{took}{why}", job.state.name())));
    lines
}

/// A task in a line.
fn what(job: &Job) -> String {
    let Task::Image(image) = &job.task;
    format!(
        "{}, {}×{}, {}{} steps, CFG {}, {}, seed {}, {}, on {}",
        image.what.model,
        image.size.width,
        image.size.height,
        match image.inputs.init_image {
            Some(_) => format!("from a picture, {} of ", image.steps_run()),
            None => String::new(),
        },
        image.sampling.steps,
        image.guidance.cfg_scale,
        image.sampler_label(),
        image.sampling.seed,
        if image.pictures() == 1 {
            "one picture".to_owned()
        } else {
            format!("{} pictures", image.pictures())
        },
        if image.compute.device.is_empty() {
            "the best device"
        } else {
            &image.compute.device
        },
    )
}

#[cfg(test)]
mod tests {
    use super::nth;

    #[test]
    fn times_are_counted() {
        let said = [2, 3, 4, 11, 12, 13, 21, 22, 23, 112].map(nth);
        assert_eq!(
            said,
            [
                "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "23rd", "112th"
            ]
        );
    }
}
