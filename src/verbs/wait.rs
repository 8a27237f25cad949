//! `darkroom wait JOB…`: watches jobs to their end. Its exit code is the first one's that did not get done.

use std::io::IsTerminal;

use clap::{Arg, ArgAction, ArgMatches, Command};
use darkroom_protocol::paths::Paths;
use darkroom_protocol::{Job, Task};

use super::queue::{ids, jobs_argument};
use super::{ask_for_previews, json_flag, preview_flag};
use crate::output::{self, Delivery, Made, Report, Target, Wanted};
use crate::progress::Display;
use crate::watch::{Interrupts, OnInterrupt, Watch, any};
use crate::{Error, Result, block_on, say, start};

/// The most jobs that are waited for where none is named.
const MOST: u32 = 1000;

pub fn command() -> Command {
    Command::new("wait")
        .about("Wait for jobs, print their pictures' paths and exit as they ended; Ctrl-C leaves them running")
        .arg(jobs_argument().required_unless_present_any(["all", "any"]))
        .arg(
            Arg::new("all")
                .long("all")
                .action(ArgAction::SetTrue)
                .conflicts_with("any")
                .help("For every one; without JOB for every job that waits or runs now"),
        )
        .arg(
            Arg::new("any")
                .long("any")
                .action(ArgAction::SetTrue)
                .help("Only for the first of them that ends; without JOB of all that wait or run now"),
        )
        .arg(json_flag("Print a JSON object a picture").conflicts_with("events"))
        .arg(
            Arg::new("events")
                .long("events")
                .action(ArgAction::SetTrue)
                .help("Print a JSON object an event"),
        )
        .arg(preview_flag())
        .arg(
            Arg::new("quiet")
                .short('q')
                .long("quiet")
                .action(ArgAction::SetTrue)
                .help("No progress"),
        )
        .arg(
            Arg::new("output")
                .short('o')
                .long("output")
                .value_name("PATH")
                .help("Write the pictures here too, as in generate; also those of jobs that have ended"),
        )
        .arg(
            Arg::new("force")
                .long("force")
                .action(ArgAction::SetTrue)
                .requires("output")
                .help("With -o: replace files that are there, read-only ones too"),
        )
}

pub fn run(matches: &ArgMatches) -> Result<()> {
    let jobs = ids(matches);
    let report = if matches.get_flag("json") {
        Report::Json
    } else if matches.get_flag("events") {
        Report::Events
    } else {
        Report::Paths
    };
    block_on(async {
        let paths = crate::host::paths()?;
        let mut display = Display::new(matches.get_flag("quiet"));
        if matches.get_flag("preview") {
            ask_for_previews(report, &mut display);
        }
        let jobs = meant(&paths, jobs).await?;
        let jobs = if matches.get_flag("any") {
            any::first(&paths, &jobs).await?.into_iter().collect()
        } else {
            jobs
        };
        if jobs.is_empty() {
            display.notice("No job waits or runs.");
        }
        let mut failed = None;
        for job in &jobs {
            match wait(&paths, job, (matches, report), &mut display).await {
                Ok(()) => {}
                Err(e @ (Error::Left(_) | Error::BrokenPipe)) => return Err(e),
                Err(e) if jobs.len() == 1 => return Err(e),
                Err(e) => {
                    say::error(&e);
                    failed.get_or_insert(e.code());
                }
            }
        }
        failed.map_or(Ok(()), |code| Err(Error::Said(code)))
    })
}

/// The jobs' whole ids, so that `@last` means one job to the end; every job that waits or runs where none was named.
async fn meant(paths: &Paths, names: Vec<String>) -> Result<Vec<String>> {
    let client = start::kept_before(paths).await?;
    if names.is_empty() {
        let jobs = client.line(MOST).await?;
        return Ok(jobs.iter().map(|job| job.id.to_string()).collect());
    }
    let mut ids = Vec::new();
    for name in names {
        // What names no job is told when its turn comes, so that the others are waited for.
        let found = client.job(&name).await;
        ids.push(found.map_or(name, |job| job.id.to_string()));
    }
    Ok(ids)
}

async fn wait(paths: &Paths, job: &str, (matches, report): (&ArgMatches, Report), display: &mut Display) -> Result<()> {
    let mut client = start::kept_before(paths).await?;
    let mut job = client.job(job).await?;
    if !client.is_daemon() && !job.state.is_final() {
        // What is done is told from what is kept; the rest needs somebody who does it.
        display.warn(&format!(
            "No daemon is running, and job {} waits: one is started.",
            job.id.short()
        ));
        client = start::ensure(paths).await?;
        job = client.job(&job.id.to_string()).await?;
    }
    let Task::Image(task) = &job.task;
    let model = task.what.model.clone();
    let delivery = delivery(matches, report, &job)?;
    delivery.check()?;
    // Where it says another place, that is where the person looks.
    let by_daemon = job.output.is_some() && delivery.target == Target::Gallery;
    let interrupts = (Interrupts::new()?, OnInterrupt::Leave);
    let watch = Watch::new(paths, client, (job.id, model), &delivery, display, interrupts);
    watch.brought_by_daemon(by_daemon).subscribe_and_follow().await
}

/// Where the pictures of `job` go: this command brings them, beside what the job itself says.
fn delivery(matches: &ArgMatches, report: Report, job: &Job) -> Result<Delivery> {
    let Task::Image(task) = &job.task;
    let (target, _) = output::plan(Wanted {
        output: matches.get_one::<String>("output").map(String::as_str),
        batch: task.pictures(),
        made: Made::Already(task.what.format),
        force: matches.get_flag("force"),
    })?;
    let report = match (&target, report) {
        (Target::Stdout, Report::Paths) => Report::Nothing,
        (Target::Stdout, _) => {
            let what = "-o - puts the picture on standard output: leave out --json and --events.";
            return Err(Error::Usage(what.to_owned()));
        }
        (_, report) => report,
    };
    if target == Target::Stdout && std::io::stdout().is_terminal() {
        let what = "-o - would put a picture's bytes on the terminal: redirect it, or name a file.";
        return Err(Error::Usage(what.to_owned()));
    }
    Ok(Delivery {
        target,
        batch: task.pictures(),
        report,
        show: None,
    })
}
