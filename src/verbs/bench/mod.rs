//! `darkroom bench`: how fast and how lean a model is here. It runs in a worker of its own, without daemon and queue.

mod order;
mod report;

use std::ffi::OsStr;
use std::time::{Duration, SystemTime};

use clap::{Arg, ArgMatches, Command};
use darkroom_daemon::workers::Program;
use darkroom_protocol::bench::{BenchOrder, BenchOutcome, BenchReport};
use darkroom_protocol::params::TABLE;
use darkroom_protocol::paths::Paths;

use super::{generate, json_flag};
use crate::{Error, Result, block_on, say, worker};

/// The rows of the parameter table that it takes; width and height are `--size`.
const ROWS: [&str; 7] = ["model", "steps", "batch", "device", "dtype", "quant", "threads"];
/// A benchmark that takes a day is stuck.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

pub fn command() -> Command {
    Command::new("bench")
        .about("Measure how fast a model makes pictures on this machine")
        .long_about(
            "Measure how fast a model makes pictures on this machine. It runs in a worker of its own, without the daemon \
             and its queue: stop other work first. One prompt, one seed; the pictures are thrown away.",
        )
        .args(TABLE.iter().filter(|row| ROWS.contains(&row.name)).map(generate::flag))
        .arg(
            Arg::new("size")
                .long("size")
                .value_name("WxH")
                .help("Width and height in pixels, for instance 512x768 [default: the model's]"),
        )
        .arg(json_flag("Print it as a JSON object: milliseconds and bytes"))
}

pub fn run(matches: &ArgMatches) -> Result<()> {
    let request = order::request(matches, &ROWS)?;
    let paths = Paths::from_env()?;
    let (task, notice) = order::task(&paths, &request)?;
    if let Some(notice) = notice.filter(|_| !matches.get_flag("json") && generate::hint_is_due(&paths)) {
        say::note(&notice);
    }
    let staging = tempfile::tempdir().map_err(|e| Error::Failed(format!("No temporary folder can be made: {e}.")))?;
    let order = BenchOrder {
        task,
        staging: staging.path().to_string_lossy().into_owned(),
        started: 0.0,
    };
    let report = measure(order)?;
    report.notices.iter().for_each(|line| say::note(line));
    if matches.get_flag("json") {
        say::json(&report)
    } else {
        say::bytes(report::table(&report).as_bytes())
    }
}

/// Has the order worked off by a new worker.
fn measure(mut order: BenchOrder) -> Result<BenchReport> {
    let program = Program::locate()?;
    let shown = say::shown(&program.path);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    order.started = now.unwrap_or_default().as_secs_f64();
    let json = serde_json::to_string(&order).map_err(|e| Error::Failed(format!("No order could be made: {e}.")))?;
    let args = [OsStr::new("--bench"), OsStr::new(&json)];
    let answer = block_on(async { worker::ask(&program, &args, PATIENCE).await.map_err(Error::Failed) })?;
    if !answer.status.success() {
        return Err(Error::Failed(format!(
            "The worker {shown} ended early ({}): {}. If memory was short, choose a smaller size or batch; `darkroom doctor` checks \
             the installation.",
            answer.status,
            answer.complaint.trim().trim_end_matches('.')
        )));
    }
    match serde_json::from_str(&answer.line) {
        Ok(BenchOutcome::Done(report)) => Ok(*report),
        Ok(BenchOutcome::Failed(failure)) => Err(Error::Job(failure)),
        Err(e) => Err(Error::Failed(format!(
            "The worker {shown} is of another build ({e}): install both programs together with `cargo xtask install`."
        ))),
    }
}
