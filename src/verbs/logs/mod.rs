//! `darkroom logs`: what the daemon, its workers and its jobs wrote. Reads files; only `--filter` needs a daemon.

mod follow;
mod source;

use clap::{Arg, ArgAction, ArgMatches, Command};
use darkroom_protocol::paths::Paths;
use darkroom_protocol::{JobName, log};

use super::json_flag;
use crate::{Error, Result, block_on, say, start};
use follow::Follower;

pub fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    Command::new("logs")
        .about("Print the end of the log: the daemon's, a worker's or a job's")
        .arg(flag("follow", "Go on printing what is added").short('f'))
        .arg(
            Arg::new("lines")
                .short('l')
                .short_alias('n')
                .long("lines")
                .value_name("N")
                .default_value("50")
                .value_parser(clap::value_parser!(u64))
                .help("So many lines"),
        )
        .arg(flag("worker", "What workers wrote between jobs").conflicts_with("job"))
        .arg(
            Arg::new("job")
                .long("job")
                .value_name("JOB")
                .help("What the worker wrote for this job: its id or the beginning of it, @last, @2, @running"),
        )
        .arg(
            Arg::new("filter")
                .long("filter")
                .value_name("FILTER")
                .num_args(0..=1)
                .default_missing_value("")
                .conflicts_with_all(["worker", "job"])
                .help("Say what is logged; or set it while the daemon runs: debug, or daemon::dispatch=debug,daemon::store=trace"),
        )
        .arg(json_flag("Print a JSON object a line"))
}

pub fn run(matches: &ArgMatches) -> Result<()> {
    let paths = Paths::from_env()?;
    if let Some(text) = matches.get_one::<String>("filter") {
        filter(&paths, text)?;
        if !matches.get_flag("follow") {
            return Ok(());
        }
    }
    let job = matches
        .get_one::<String>("job")
        .map(|name| named(&paths, name))
        .transpose()?;
    let source = source::find(&paths, matches.get_flag("worker"), job.as_deref())?;
    let lines = matches.get_one("lines").copied().unwrap_or(50);
    let json = matches.get_flag("json");
    Follower::open(&source, lines)?.print(matches.get_flag("follow"), |text| {
        if json {
            say::json(&log::parse(text))
        } else {
            say::data(&darkroom_protocol::text::escape_line(text))
        }
    })
}

/// The job that `@last` and the like mean, as the daemon knows it where one runs; other names as they are. Without a daemon
/// `@last` is the last job that has a log.
fn named(paths: &Paths, name: &str) -> Result<String> {
    if !name.trim().starts_with('@') {
        return Ok(name.to_owned());
    }
    block_on(async {
        match start::find(paths).await? {
            Some(client) => Ok(client.job(name).await?.id.to_string()),
            None if JobName::parse(name) == Some(JobName::Running) => Err(Error::Usage(
                "No daemon runs, so no job does: `darkroom logs --job @last` prints the last one's.".to_owned(),
            )),
            None => Ok(name.to_owned()),
        }
    })
}

/// Sets what is logged, or says it.
fn filter(paths: &Paths, text: &str) -> Result<()> {
    let set = Some(text.to_owned()).filter(|text| !text.is_empty());
    let changed = set.is_some();
    let filter = block_on(async { Ok(start::existing(paths).await?.log_filter(set).await?) })?;
    say::data(&filter)?;
    if changed {
        say::note("The daemon logs this until it ends; DARKROOM_LOG says what it logs from its start.");
    }
    Ok(())
}
