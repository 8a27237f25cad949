use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Arg, ArgAction, ArgMatches, Command};
use darkroom_protocol::client::Client;
use darkroom_protocol::message::client::Status;
use darkroom_protocol::paths::Paths;
use darkroom_protocol::{Job, JobState};

use super::row::rows;
use crate::verbs::json_flag;
use crate::{Result, block_on, say, start};

/// Ended jobs that are listed unless all are asked for.
const ENDED: u32 = 5;

/// `darkroom queue list`.
pub fn command() -> Command {
    Command::new("list")
        .about("The same as `darkroom queue`")
        .args(arguments())
}

/// Its flags, which `darkroom queue` alone takes too.
pub fn arguments() -> [Arg; 3] {
    [
        Arg::new("all")
            .short('a')
            .long("all")
            .action(ArgAction::SetTrue)
            .help("All ended jobs, not only the last"),
        Arg::new("limit")
            .short('n')
            .long("limit")
            .value_name("N")
            .default_value("50")
            .value_parser(clap::value_parser!(u32).range(1..=1000))
            .help("At most so many that wait, and with --all so many that ended"),
        json_flag("Print a JSON object a job"),
    ]
}

/// Lists them.
pub fn run(matches: &ArgMatches) -> Result<()> {
    let limit = matches.get_one("limit").copied().unwrap_or(50);
    let ended = if matches.get_flag("all") {
        limit
    } else {
        ENDED.min(limit)
    };
    block_on(async {
        let mut client = start::ensure(&Paths::from_env()?).await?;
        let jobs = jobs(&mut client, limit, ended).await?;
        if matches.get_flag("json") {
            return jobs.iter().try_for_each(say::json);
        }
        let status = client.status().await?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now_ms = now.map_or(0, |d| d.as_millis() as u64);
        rows(&jobs, now_ms, say::columns())
            .iter()
            .try_for_each(|row| say::data(row))?;
        notes(&jobs, &status).iter().for_each(|note| say::note(note));
        Ok(())
    })
}

/// Those in line, then the last that ended. One that ends in between is listed once.
async fn jobs(client: &mut Client, limit: u32, ended: u32) -> Result<Vec<Job>> {
    let mut jobs = client.line(limit).await?;
    let ends = JobState::ALL.into_iter().filter(|state| state.is_final()).collect();
    let last = client.queue(ends, ended).await?;
    jobs.retain(|job| last.iter().all(|end| end.id != job.id));
    jobs.extend(last);
    Ok(jobs)
}

/// What the list does not say.
fn notes(jobs: &[Job], status: &Status) -> Vec<String> {
    let mut notes = Vec::new();
    let listed = jobs.iter().filter(|job| job.state == JobState::Queued).count() as u64;
    if status.queued > listed {
        notes.push(format!("{} more wait: -n lists more.", status.queued - listed));
    }
    if jobs.is_empty() {
        notes.push("The queue is empty: `darkroom generate` fills it.".to_owned());
    }
    if status.paused {
        notes.push("The queue is paused: `darkroom queue resume` lets it go on.".to_owned());
    }
    notes
}
