//! `darkroom queue`, alone or as `queue list`: a table for people, a JSON object a job for programs. `--watch` is in `watch`.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Arg, ArgAction, ArgMatches, Command};
use darkroom_client::Client;
use darkroom_protocol::message::client::Status;
use darkroom_protocol::{Job, JobState, Task};
use serde::Serialize;

use super::row::{View, duration_ms, rows};
use super::watch;
use crate::style::Style;
use crate::verbs::json_flag;
use crate::{Result, block_on, local, say, start};

/// Ended jobs that are listed unless all are asked for.
const ENDED: u32 = 5;

/// `darkroom queue list`.
pub fn command() -> Command {
    Command::new("list")
        .alias("ls")
        .about("The same as `darkroom queue`")
        .args(arguments())
}

/// Its flags, which `darkroom queue` alone takes too.
pub fn arguments() -> [Arg; 4] {
    [
        Arg::new("all")
            .short('a')
            .long("all")
            .action(ArgAction::SetTrue)
            .help("All ended jobs, not only the last"),
        Arg::new("limit")
            .short('l')
            // As in `tail -n`; with `generate` it is the negative prompt, so it is not shown.
            .short_alias('n')
            .long("limit")
            .value_name("N")
            .default_value("50")
            .value_parser(clap::value_parser!(u32).range(1..=1000))
            .help("At most so many that wait, and with --all so many that ended"),
        Arg::new("watch")
            .short('w')
            .long("watch")
            .action(ArgAction::SetTrue)
            .help("Go on showing it until Ctrl-C: in place on a terminal, else a line whenever a job changes"),
        json_flag("Print a JSON object a job"),
    ]
}

/// How many jobs are listed.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// At most so many that run and wait.
    pub line: u32,
    /// At most so many that have ended.
    pub ended: u32,
}

/// Lists them.
pub fn run(matches: &ArgMatches) -> Result<()> {
    let line = matches.get_one("limit").copied().unwrap_or(50);
    let all = matches.get_flag("all");
    let ended = if all { line } else { ENDED.min(line) };
    let (extent, json) = (Extent { line, ended }, matches.get_flag("json"));
    block_on(async {
        let paths = crate::host::paths()?;
        if matches.get_flag("watch") {
            return watch::watch(&paths, extent, json).await;
        }
        let client = start::kept(&paths).await?;
        let jobs = jobs(&client, extent).await?;
        if json {
            return jobs.iter().try_for_each(|job| say::json(&object(job)));
        }
        let status = client.status().await?;
        table(&jobs).iter().try_for_each(|row| say::data(row))?;
        notes(&jobs, &status).iter().for_each(|note| say::note(note));
        start::note_if_none(&client);
        Ok(())
    })
}

/// The table as this standard output shows it.
pub fn table(jobs: &[Job]) -> Vec<String> {
    let home = local::home();
    let view = View {
        now_ms: now_ms(),
        columns: say::columns(),
        home: home.as_deref(),
        style: Style::of_stdout(),
    };
    rows(jobs, &view)
}

/// Those in line, then the last that ended. One that ends in between is listed once.
///
/// # Errors
/// When the daemon is gone.
pub async fn jobs(client: &Client, extent: Extent) -> Result<Vec<Job>> {
    let mut jobs = client.line(extent.line).await?;
    let last = client.ended(extent.ended).await?;
    jobs.retain(|job| last.iter().all(|end| end.id != job.id));
    jobs.extend(last);
    Ok(jobs)
}

/// A job as `--json` prints it: the job, and what the table says of it.
#[derive(Serialize)]
pub struct Object<'a> {
    #[serde(flatten)]
    job: &'a Job,
    /// The id as people see it.
    short: String,
    model: &'a str,
    prompt: &'a str,
    seed: u64,
    /// Pictures to make.
    batch: u32,
    /// Seconds from its start to its end, or until now.
    duration_s: Option<f64>,
    /// The first picture's file: where it was brought, else in the gallery.
    path: Option<&'a str>,
}

/// See [`Object`].
pub fn object(job: &Job) -> Object<'_> {
    let Task::Image(image) = &job.task;
    Object {
        job,
        short: job.id.short(),
        model: &image.what.model,
        prompt: &image.what.prompt,
        seed: image.sampling.seed,
        batch: image.pictures(),
        duration_s: duration_ms(job, now_ms()).map(|ms| ms as f64 / 1000.0),
        path: job.pictures.first().map(|picture| job.place(picture)),
    }
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |d| d.as_millis() as u64)
}

/// What the list does not say.
pub fn notes(jobs: &[Job], status: &Status) -> Vec<String> {
    let mut notes = Vec::new();
    let listed = jobs.iter().filter(|job| job.state == JobState::Queued).count() as u64;
    if status.queued > listed {
        notes.push(format!("{} more wait: --limit lists more.", status.queued - listed));
    }
    if jobs.is_empty() {
        notes.push("The queue is empty: `darkroom generate` fills it.".to_owned());
    }
    if status.paused {
        notes.push("The queue is paused: `darkroom queue resume` lets it go on.".to_owned());
    }
    notes
}
