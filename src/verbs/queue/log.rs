use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};
use darkroom_protocol::client::Client;
use darkroom_protocol::paths::Paths;
use darkroom_protocol::text::escape_block;

use super::job_argument;
use crate::{Result, block_on, say, start};

/// A log that is followed is looked at so often.
const PAUSE: Duration = Duration::from_millis(200);

/// `darkroom queue log JOB`.
pub fn command() -> Command {
    Command::new("log")
        .about("Print what a job's worker said while it ran")
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
        let mut client = start::kept_before(&Paths::from_env()?).await?;
        let job = client.job(job).await?;
        let id = job.id.to_string();
        let mut end = job.state.is_final();
        let mut offset = print(&mut client, &id, 0).await?;
        while follow && !end && client.is_daemon() {
            tokio::time::sleep(PAUSE).await;
            // What it said last is printed after its end is known.
            end = client.job(&id).await?.state.is_final();
            offset = print(&mut client, &id, offset).await?;
        }
        if offset == 0 {
            let short = job.id.short();
            say::note(&format!("Job {short} is {} and has no log.", job.state.name()));
        }
        Ok(())
    })
}

/// Prints the log from `offset` to its end; where that is.
async fn print(client: &mut Client, job: &str, mut offset: u64) -> Result<u64> {
    loop {
        let piece = client.log(job, offset).await?;
        if piece.bytes.is_empty() {
            return Ok(offset);
        }
        offset += piece.bytes.len() as u64;
        say::bytes(escape_block(&String::from_utf8_lossy(&piece.bytes)).as_bytes())?;
    }
}
