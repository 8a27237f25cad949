//! `darkroom queue`: the jobs.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Arg, ArgAction, ArgMatches, Command};
use darkroom_protocol::paths::Paths;
use darkroom_protocol::{Job, JobState};

use super::json_flag;
use crate::{Result, block_on, say, start};

/// Width of a prompt in the table.
const PROMPT: usize = 48;

pub fn command() -> Command {
    Command::new("queue")
        .about("List jobs, newest first: those waiting and running, or all")
        .arg(
            Arg::new("all")
                .short('a')
                .long("all")
                .action(ArgAction::SetTrue)
                .help("Ended jobs too"),
        )
        .arg(
            Arg::new("limit")
                .short('n')
                .long("limit")
                .value_name("N")
                .default_value("50")
                .value_parser(clap::value_parser!(u32).range(1..=1000))
                .help("At most so many"),
        )
        .arg(json_flag("Print a JSON object a job"))
}

pub fn run(matches: &ArgMatches) -> Result<()> {
    let states = if matches.get_flag("all") {
        vec![]
    } else {
        vec![JobState::Queued, JobState::Running]
    };
    let limit = matches.get_one("limit").copied().unwrap_or(50);
    block_on(async {
        let jobs = start::ensure(&Paths::from_env()?).await?.queue(states, limit).await?;
        if matches.get_flag("json") {
            return jobs.iter().try_for_each(say::json);
        }
        if jobs.is_empty() {
            say::note(if matches.get_flag("all") {
                "There are no jobs yet."
            } else {
                "No jobs are waiting or running; `darkroom queue --all` lists the others."
            });
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now_ms = now.map_or(0, |d| d.as_millis() as u64);
        jobs.iter().try_for_each(|job| say::data(&row(job, now_ms)))
    })
}

fn row(job: &Job, now_ms: u64) -> String {
    let age = now_ms.saturating_sub(job.created_ms) / 1000;
    let age = match age {
        0..60 => format!("{age} s"),
        60..3600 => format!("{} min", age / 60),
        3600..86_400 => format!("{} h", age / 3600),
        _ => format!("{} d", age / 86_400),
    };
    let batch = job.request.batch.unwrap_or(1);
    let pictures = format!("{}/{batch}", job.pictures.len());
    let prompt = say::brief(job.request.prompt.as_deref().unwrap_or_default(), PROMPT);
    let line = format!(
        "{}  {:<9}  {age:>6}  {pictures:>5}  {prompt}",
        job.id.short(),
        job.state.name()
    );
    match &job.failure {
        Some(failure) => format!("{line}  ({})", say::brief(&failure.message, PROMPT)),
        None => line.trim_end().to_owned(),
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
        }
    }

    #[test]
    fn rows() {
        let mut job = job();
        insta::assert_snapshot!(row(&job, 91_000), @r"01990000-0000  running     1 min    0/4  a fox\n\u{1b}[2J in the snow, with a very long d…");
        job.state = JobState::Failed;
        job.request.prompt = None;
        job.failure = Some(Failure {
            kind: FailureKind::Disk,
            message: "the disk is full".into(),
        });
        insta::assert_snapshot!(row(&job, 3_601_000), @"01990000-0000  failed        1 h    0/4    (the disk is full)");
    }
}
