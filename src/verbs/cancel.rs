//! `darkroom cancel JOB…`: ends jobs. Never starts a daemon.

use clap::{Arg, ArgAction, ArgMatches, Command};
use darkroom_client::Client;
use darkroom_protocol::{JobId, JobState};
use serde_json::json;

use super::json_flag;
use super::queue::{each, ids, jobs_argument};
use crate::{Result, block_on, say, start};

pub fn command() -> Command {
    let switch =
        |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    Command::new("cancel")
        .aliases(["rm", "stop", "kill"])
        .about("End jobs; pictures so far stay, and the worker keeps its models in memory")
        .arg(jobs_argument().required_unless_present("all"))
        .arg(switch("all", "Every job that waits or runs").conflicts_with_all(["job", "after-picture"]))
        .arg(switch(
            "after-picture",
            "Let a running job finish the picture that it is making",
        ))
        .arg(json_flag("Print a JSON object a job"))
}

pub fn run(matches: &ArgMatches) -> Result<()> {
    let flag = |name| matches.get_flag(name);
    let (json, after_picture) = (flag("json"), flag("after-picture"));
    block_on(async {
        let client = start::kept_before(&crate::host::paths()?).await?;
        if flag("all") {
            return all(&client, json).await;
        }
        each(&client, &ids(matches), async |client, job| {
            let (job, state) = client.cancel(job, after_picture).await?;
            if json {
                return say::json(&json!({ "job": job, "state": state }));
            }
            say::note(&words(job, state, after_picture));
            Ok(())
        })
        .await
    })
}

async fn all(client: &Client, json: bool) -> Result<()> {
    let (waiting, running) = client.cancel_all().await?;
    if json {
        return say::json(&json!({ "waiting": waiting, "running": running }));
    }
    say::note(&match (waiting, running) {
        (0, 0) => "No job waits or runs.".to_owned(),
        (waiting, 0) => format!("{} cancelled.", jobs(waiting)),
        (0, running) => format!("{} being cancelled.", jobs(running)),
        (waiting, running) => format!("{} cancelled, {running} more being cancelled.", jobs(waiting)),
    });
    Ok(())
}

fn jobs(count: u64) -> String {
    match count {
        1 => "One job is".to_owned(),
        n => format!("{n} jobs are"),
    }
}

fn words(job: JobId, state: JobState, after_picture: bool) -> String {
    let short = job.short();
    match state {
        JobState::Cancelled => format!("Job {short} is cancelled."),
        JobState::Running | JobState::Cancelling | JobState::Queued if after_picture => {
            format!("Job {short} ends after the picture that it is making.")
        }
        JobState::Running | JobState::Cancelling | JobState::Queued => format!("Job {short} is being cancelled."),
        JobState::Done | JobState::Failed => format!("Job {short} had ended already: {}.", state.name()),
    }
}
