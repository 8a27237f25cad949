//! `darkroom wait JOB`: watches a job to its end. Its exit code is the job's.

use clap::{Arg, ArgAction, ArgMatches, Command};
use darkroom_protocol::Task;
use darkroom_protocol::paths::Paths;

use super::{job_argument, json_flag};
use crate::output::{Delivery, Report};
use crate::progress::Display;
use crate::watch::{Interrupts, OnInterrupt, Watch};
use crate::{Result, block_on, start};

pub fn command() -> Command {
    Command::new("wait")
        .about("Wait for a job, print its pictures' paths and exit as it ended; Ctrl-C leaves it running")
        .arg(job_argument())
        .arg(json_flag("Print a JSON object a picture").conflicts_with("events"))
        .arg(
            Arg::new("events")
                .long("events")
                .action(ArgAction::SetTrue)
                .help("Print a JSON object an event"),
        )
        .arg(
            Arg::new("quiet")
                .short('q')
                .long("quiet")
                .action(ArgAction::SetTrue)
                .help("No progress"),
        )
}

pub fn run(matches: &ArgMatches) -> Result<()> {
    let job = matches.get_one::<String>("job").map_or("", String::as_str);
    let report = if matches.get_flag("json") {
        Report::Json
    } else if matches.get_flag("events") {
        Report::Events
    } else {
        Report::Paths
    };
    block_on(async {
        let paths = Paths::from_env()?;
        let mut client = start::ensure(&paths).await?;
        let job = client.job(job).await?;
        let model = match job.task {
            Task::Image(task) => task.model,
            other => other.kind().to_owned(),
        };
        let delivery = Delivery::gallery(report);
        let mut display = Display::new(matches.get_flag("quiet"));
        let interrupts = (Interrupts::new()?, OnInterrupt::Leave);
        let watch = Watch::new(&paths, client, (job.id, model), &delivery, &mut display, interrupts);
        watch.subscribe_and_follow().await
    })
}
