use std::fmt::Write as _;

use darkroom_protocol::{Job, JobState};
use unicode_width::UnicodeWidthStr as _;

use crate::say;

/// Width of a prompt, and of why a job failed, where no terminal sets it.
const PROMPT: usize = 48;
/// However narrow the terminal is, so much is shown of them.
const LEAST: usize = 8;

/// A line a job: id, how it stands, age, pictures, prompt. Those that wait are numbered in the order in which they run. A terminal's
/// `columns` are filled and not exceeded.
pub fn rows(jobs: &[Job], now_ms: u64, columns: Option<usize>) -> Vec<String> {
    let mut number = 0;
    let line = |job: &Job| {
        let stands = match (job.state, job.held) {
            (JobState::Queued, true) => "held".to_owned(),
            (JobState::Queued, false) => {
                number += 1;
                format!("waiting {number}")
            }
            (other, _) => other.name().to_owned(),
        };
        row(job, &stands, now_ms, columns)
    };
    jobs.iter().map(line).collect()
}

fn row(job: &Job, stands: &str, now_ms: u64, columns: Option<usize>) -> String {
    let since = job.finished_ms.or(job.started_ms).unwrap_or(job.created_ms);
    let age = age(now_ms.saturating_sub(since) / 1000);
    let batch = job.request.batch.unwrap_or(1);
    let pictures = format!("{}/{batch}", job.pictures.len());
    let mut line = format!("{}  {stands:<12}  {age:>6}  {pictures:>5}  ", job.id.short());
    let priority = match job.priority {
        0 => String::new(),
        _ if job.state.is_final() => String::new(),
        priority => format!("  [priority {priority}]"),
    };
    // The mark of what is cut takes a column of its own.
    let room = columns.map(|columns| columns.saturating_sub(line.len() + priority.len() + 1));
    let prompt = job.request.prompt.as_deref().unwrap_or_default();
    let width = match &job.failure {
        None => room.unwrap_or(PROMPT),
        Some(_) => room.map_or(PROMPT, |room| room / 3),
    };
    let _ = write!(line, "{}{priority}", say::brief(prompt, width.max(LEAST)));
    if let Some(failure) = &job.failure {
        let left = columns.map(|columns| columns.saturating_sub(line.width() + "  (…)".width()));
        let width = left.map_or(PROMPT, |left| left.max(LEAST));
        let _ = write!(line, "  ({})", say::brief(&failure.message, width));
    }
    line.trim_end().to_owned()
}

fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_protocol::{
        Conditioning, Dtype, Failure, FailureKind, Format, GenerateRequest, ImageTask, JobId, ModelSource, Quant,
        Sampler, Schedule, Task,
    };

    fn job() -> Job {
        let prompt = "a fox\n\x1b[2J in the snow, with a very long description of everything";
        let task = ImageTask {
            model: "emoji".into(),
            source: ModelSource::Embedded("emoji".into()),
            prompt: Conditioning::plain(prompt),
            negative: Conditioning::plain(""),
            width: 64,
            height: 64,
            steps: 20,
            cfg_scale: 5.0,
            sampler: Sampler::Ddim,
            schedule: Schedule::Auto,
            seed: 1,
            batch: 4,
            micro_batch: 4,
            device: "cpu".into(),
            dtype: Dtype::F32,
            threads: 0,
            format: Format::Png,
            quant: Quant::None,
            vae_tiling: false,
            offload: false,
            two_passes: false,
        };
        Job {
            id: "01990000-0000-7000-8000-000000000000".parse::<JobId>().unwrap(),
            state: JobState::Running,
            request: GenerateRequest {
                prompt: Some(prompt.into()),
                batch: Some(4),
                ..GenerateRequest::default()
            },
            task: Task::Image(task),
            created_ms: 1000,
            started_ms: None,
            finished_ms: None,
            attempts: 1,
            failure: None,
            pictures: vec![],
            priority: 0,
            held: false,
            position: None,
        }
    }

    fn table(jobs: &[Job], now_ms: u64) -> String {
        rows(jobs, now_ms, None).join("\n")
    }

    #[test]
    fn a_terminal_is_filled_and_not_exceeded() {
        let mut wide = job();
        wide.request.prompt = Some("日本語の長い文章".repeat(40));
        let urgent = Job {
            priority: 100,
            state: JobState::Queued,
            ..wide.clone()
        };
        let failed = Job {
            state: JobState::Failed,
            failure: Some(Failure {
                kind: FailureKind::Crash,
                message: "The worker was killed by a signal. ".repeat(20),
            }),
            ..wide.clone()
        };
        for columns in [80, 100, 200] {
            for line in rows(&[wide.clone(), urgent.clone(), failed.clone()], 91_000, Some(columns)) {
                let width = line.width();
                assert!((columns - 2..=columns).contains(&width), "{width} of {columns}: {line}");
            }
        }
        for line in rows(&[wide, failed], 91_000, Some(60)) {
            assert!(line.width() <= 68, "{line}");
        }
    }

    #[test]
    fn running_then_waiting_in_order_then_ended() {
        let running = job();
        let waiting = Job {
            state: JobState::Queued,
            position: Some(1),
            ..job()
        };
        let urgent = Job {
            priority: 5,
            ..waiting.clone()
        };
        let held = Job {
            held: true,
            position: None,
            ..waiting.clone()
        };
        let mut failed = Job {
            state: JobState::Failed,
            started_ms: Some(2000),
            finished_ms: Some(3000),
            failure: Some(Failure {
                kind: FailureKind::Disk,
                message: "the disk is full".into(),
            }),
            ..waiting.clone()
        };
        failed.request.prompt = None;
        insta::assert_snapshot!(table(&[running, urgent, held, waiting, failed], 91_000), @r"
        gggggggg  running        1 min    0/4  a fox\n\u{1b}[2J in the snow, with a very long d…
        gggggggg  waiting 1      1 min    0/4  a fox\n\u{1b}[2J in the snow, with a very long d…  [priority 5]
        gggggggg  held           1 min    0/4  a fox\n\u{1b}[2J in the snow, with a very long d…
        gggggggg  waiting 2      1 min    0/4  a fox\n\u{1b}[2J in the snow, with a very long d…
        gggggggg  failed         1 min    0/4    (the disk is full)
        ");
    }
}
