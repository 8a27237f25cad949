//! `queue log`: what a worker said while it ran a job, then what became of the job. It stands in the table of `mod.rs`. The log
//! comes through the daemon, or from what is kept where none runs; `logs --job` reads the file itself (`verbs/logs`).

use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};
use darkroom_client::{Client, course};
use darkroom_protocol::log::Cursor;
use darkroom_protocol::message::log::{LogLook, LogOf};
use darkroom_protocol::text::escape_line;
use darkroom_protocol::time;

use super::job_argument;
use crate::{Result, block_on, say, start};

/// A log that is followed is looked at so often.
const PAUSE: Duration = Duration::from_millis(200);

/// `darkroom queue log JOB`.
pub fn command() -> Command {
    Command::new("log")
        .about("Print what a job's worker said while it ran, and what became of the job")
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
        let client = start::kept_before(&crate::host::paths()?).await?;
        let job = client.job(job).await?;
        let id = job.id.to_string();
        let mut end = job.state.is_final();
        let mut log = Printed::nothing();
        print(&client, &id, &mut log).await?;
        while follow && !end && client.is_daemon() {
            tokio::time::sleep(PAUSE).await;
            // What it said last is printed after its end is known.
            end = client.job(&id).await?.state.is_final();
            print(&client, &id, &mut log).await?;
        }
        log.finish()?;
        if end {
            let job = client.job(&id).await?;
            return course(&job).iter().try_for_each(|moment| {
                let at = time::shown(time::of_millis(moment.ms));
                say::data(&format!("{at} {}", escape_line(&moment.what)))
            });
        }
        if !log.is_any {
            let short = job.id.short();
            say::note(&format!("Job {short} is {} and has no log.", job.state.name()));
        }
        Ok(())
    })
}

/// Prints the log from a place to its end, of which the last line may be unwritten: where that is, and whether there was anything.
async fn print(client: &Client, job: &str, log: &mut Printed) -> Result<()> {
    loop {
        let mut look = LogLook::newest(LogOf::Job(job.to_owned()), 0);
        look.after = Some(log.until.clone());
        let page = client.log(look).await?;
        for line in &page.lines {
            log.is_any = true;
            say::data(&escape_line(line))?;
        }
        log.until = page.newer;
        log.unfinished = page.unfinished;
        if !page.more {
            return Ok(());
        }
    }
}

/// How far the log is printed.
struct Printed {
    until: String,
    /// The beginning of a line whose end has not come: printed when nothing comes any more.
    unfinished: String,
    is_any: bool,
}

impl Printed {
    fn nothing() -> Self {
        Self {
            until: Cursor::Start.to_string(),
            unfinished: String::new(),
            is_any: false,
        }
    }

    fn finish(&mut self) -> Result<()> {
        if self.unfinished.is_empty() {
            return Ok(());
        }
        self.is_any = true;
        say::data(&escape_line(&self.unfinished))
    }
}
