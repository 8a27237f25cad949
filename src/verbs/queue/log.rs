//! `queue log`: what a worker said while it ran a job, then what became of the job. It stands in the table of `mod.rs`. The log
//! comes through the daemon, or from what is kept where none runs; `logs --job` reads the file itself (`verbs/logs`).

use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};
use darkroom_client::Client;
use darkroom_protocol::text::{escape_block, escape_line};
use darkroom_protocol::{Job, Task, time};

use super::job_argument;
use crate::{Result, block_on, say, start};

/// A log that is followed is looked at so often.
const PAUSE: Duration = Duration::from_millis(200);

/// `darkroom queue log JOB`.
pub fn command() -> Command {
    Command::new("log")
        .about("Print what a job's worker said while it ran, and what became of the job")
        .arg(job_argument("The job's id or the beginning of it; @last, @2, @running"))
        .arg(
            Arg::new("follow")
                .short('f')
                .long("follow")
                .action(ArgAction::SetTrue)
                .help("Go on until the job has ended"),
        )
}

/// Prints it.
pub fn run(matches: &ArgMatches) -> Result<()> {
    let job = matches.get_one::<String>("job").map_or("", String::as_str);
    let follow = matches.get_flag("follow");
    block_on(async {
        let client = start::kept_before(&crate::host::paths()?).await?;
        let job = client.job(job).await?;
        let id = job.id.to_string();
        let mut end = job.state.is_final();
        let mut offset = print(&client, &id, 0).await?;
        while follow && !end && client.is_daemon() {
            tokio::time::sleep(PAUSE).await;
            // What it said last is printed after its end is known.
            end = client.job(&id).await?.state.is_final();
            offset = print(&client, &id, offset).await?;
        }
        if end {
            let job = client.job(&id).await?;
            return course(&job).iter().try_for_each(|line| say::data(line));
        }
        if offset == 0 {
            let short = job.id.short();
            say::note(&format!("Job {short} is {} and has no log.", job.state.name()));
        }
        Ok(())
    })
}

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

/// What happened to a job that has ended, a line a moment: what it was, when it began, its pictures, how it ended.
fn course(job: &Job) -> Vec<String> {
    let line = |ms: u64, what: String| format!("{} {}", time::shown(time::of_millis(ms)), escape_line(&what));
    let mut lines = vec![line(job.created_ms, format!("accepted: {}", what(job)))];
    if let Some(ms) = job.started_ms {
        let again = match job.attempts {
            0 | 1 => String::new(),
            n => format!(", for the {} time", nth(n)),
        };
        lines.push(line(ms, format!("began{again}")));
    }
    let end = job.finished_ms.unwrap_or(job.created_ms);
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

/// Prints the log from `offset` to its end; where that is.
async fn print(client: &Client, job: &str, mut offset: u64) -> Result<u64> {
    loop {
        let piece = client.log(job, offset).await?;
        if piece.bytes.is_empty() {
            return Ok(offset);
        }
        offset += piece.bytes.len() as u64;
        say::bytes(escape_block(&String::from_utf8_lossy(&piece.bytes)).as_bytes())?;
    }
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
