use clap::{ArgMatches, Command};
use darkroom_protocol::Request;

use super::each::{each, ids, jobs_argument};
use super::placed;
use crate::verbs::json_flag;
use crate::{Result, block_on, start};

/// `darkroom queue retry JOB…`.
pub fn command() -> Command {
    Command::new("retry")
        .about("Put failed or cancelled jobs into the queue again; pictures that they have are not made again")
        .arg(jobs_argument().required(true))
        .arg(json_flag("Print a JSON object a job"))
}

/// Puts them.
pub fn run(matches: &ArgMatches) -> Result<()> {
    let json = matches.get_flag("json");
    block_on(async {
        let client = start::kept_before(&crate::host::paths()?).await?;
        each(&client, &ids(matches), async |client, job| {
            let job = job.to_owned();
            let (job, change) = client.place(Request::Retry { job }).await?;
            placed::tell(job, &change, json)
        })
        .await?;
        if !json {
            start::note_if_none(&client);
        }
        Ok(())
    })
}
