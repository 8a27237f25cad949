//! `queue pause` and `queue resume`, of the whole queue or of single jobs. Both stand in the table of `mod.rs`. The daemon's
//! store remembers what is paused (`store/pause.rs`), and its `dispatch/` starts nothing meanwhile. How a single job stands then
//! is said by `placed.rs`.

use clap::{ArgMatches, Command};
use darkroom_client::Client;
use darkroom_protocol::Request;
use serde_json::json;

use super::each::{each, ids, jobs_argument};
use super::placed;
use crate::verbs::json_flag;
use crate::{Result, block_on, say, start};

/// `darkroom queue pause [JOB…]`.
pub fn command() -> Command {
    Command::new("pause")
        .about("Start no waiting job from now on, also after a restart; with jobs, hold these back. What runs goes on")
        .arg(jobs_argument())
        .arg(json_flag("Print a JSON object"))
}

/// `darkroom queue resume [JOB…]`.
pub fn resume_command() -> Command {
    Command::new("resume")
        .about("Start waiting jobs again; with jobs, let these go that were held back")
        .arg(jobs_argument())
        .arg(json_flag("Print a JSON object"))
}

/// Pauses.
pub fn run(matches: &ArgMatches) -> Result<()> {
    set(matches, true)
}

/// Lets go on.
pub fn run_resume(matches: &ArgMatches) -> Result<()> {
    set(matches, false)
}

fn set(matches: &ArgMatches, pause: bool) -> Result<()> {
    let json = matches.get_flag("json");
    let jobs = ids(matches);
    block_on(async {
        let client = start::kept(&crate::host::paths()?).await?;
        if jobs.is_empty() {
            let paused = client.pause_queue(pause).await?;
            tell(paused, json)?;
            note(&client, json);
            return Ok(());
        }
        each(&client, &jobs, async |client, job| {
            let job = Some(job.to_owned());
            let request = if pause {
                Request::Pause { job }
            } else {
                Request::Resume { job }
            };
            let (job, change) = client.place(request).await?;
            placed::tell(job, &change, json)
        })
        .await?;
        note(&client, json);
        Ok(())
    })
}

/// Jobs that may go on do not where no daemon runs.
fn note(client: &Client, json: bool) {
    if !json {
        start::note_if_none(client);
    }
}

fn tell(paused: bool, json: bool) -> Result<()> {
    if json {
        return say::json(&json!({ "paused": paused }));
    }
    say::note(if paused {
        "The queue is paused; what runs goes on. `darkroom queue resume` starts waiting jobs again."
    } else {
        "The queue goes on."
    });
    Ok(())
}
