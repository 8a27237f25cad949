//! `queue priority`: gives waiting jobs another priority. It stands in the table of `mod.rs`, and `placed.rs` says how each job
//! stands then. The range is that of the parameter table, as for `generate --priority`; the order of the line is the store's.

use clap::{Arg, ArgMatches, Command};
use darkroom_protocol::Request;
use darkroom_protocol::params::{MAX_PRIORITY, MIN_PRIORITY};

use super::each::{each, ids, jobs_argument};
use super::placed;
use crate::verbs::json_flag;
use crate::{Result, block_on, start};

/// `darkroom queue priority N JOB…`.
pub fn command() -> Command {
    let range = i64::from(MIN_PRIORITY)..=i64::from(MAX_PRIORITY);
    Command::new("priority")
        .about("Give waiting jobs another priority: higher runs first")
        .arg(
            Arg::new("priority")
                .value_name("N")
                .required(true)
                .allow_negative_numbers(true)
                .value_parser(clap::value_parser!(i32).range(range))
                .help("From -100 to 100; jobs have 0 unless they were given another"),
        )
        .arg(jobs_argument().required(true))
        .arg(json_flag("Print a JSON object a job"))
}

/// Gives it.
pub fn run(matches: &ArgMatches) -> Result<()> {
    let priority = matches.get_one("priority").copied().unwrap_or(0);
    let json = matches.get_flag("json");
    block_on(async {
        let client = start::kept_before(&crate::host::paths()?).await?;
        each(&client, &ids(matches), async |client, job| {
            let job = job.to_owned();
            let (job, change) = client.place(Request::Priority { job, priority }).await?;
            placed::tell(job, &change, json)
        })
        .await?;
        if !json {
            start::note_if_none(&client);
        }
        Ok(())
    })
}
