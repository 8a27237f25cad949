//! `darkroom cancel JOB`: ends a job. Never starts a daemon.

use clap::{ArgMatches, Command};
use darkroom_protocol::JobState;
use darkroom_protocol::paths::Paths;

use super::job_argument;
use crate::{Result, block_on, say, start};

pub fn command() -> Command {
    Command::new("cancel")
        .about("End a job; the worker keeps its models in memory")
        .arg(job_argument())
}

pub fn run(matches: &ArgMatches) -> Result<()> {
    let job = matches.get_one::<String>("job").map_or("", String::as_str);
    block_on(async {
        let (id, state) = start::existing(&Paths::from_env()?).await?.cancel(job, false).await?;
        let short = id.short();
        say::note(&match state {
            JobState::Cancelled => format!("Job {short} is cancelled."),
            JobState::Running | JobState::Queued => format!("Job {short} is being cancelled."),
            JobState::Done | JobState::Failed => format!("Job {short} had ended already: {}.", state.name()),
        });
        Ok(())
    })
}
