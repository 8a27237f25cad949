//! `darkroom queue`: the jobs, and what a person may do to those that wait.

mod clear;
mod each;
mod list;
mod log;
mod moves;
mod pause;
mod placed;
mod priority;
mod retry;
mod row;
mod watch;

use clap::{Arg, ArgMatches, Command};

use super::{Verb, run_below};
use crate::Result;

pub use each::{each, ids, jobs_argument};
pub use row::{batch, percent};

/// What may be said after `queue`.
const VERBS: &[Verb] = &[
    Verb {
        name: "list",
        command: list::command,
        run: list::run,
    },
    Verb {
        name: "cancel",
        command: super::cancel::command,
        run: super::cancel::run,
    },
    Verb {
        name: "clear",
        command: clear::command,
        run: clear::run,
    },
    Verb {
        name: "pause",
        command: pause::command,
        run: pause::run,
    },
    Verb {
        name: "resume",
        command: pause::resume_command,
        run: pause::run_resume,
    },
    Verb {
        name: "move",
        command: moves::command,
        run: moves::run,
    },
    Verb {
        name: "retry",
        command: retry::command,
        run: retry::run,
    },
    Verb {
        name: "priority",
        command: priority::command,
        run: priority::run,
    },
    Verb {
        name: "log",
        command: log::command,
        run: log::run,
    },
];

pub fn command() -> Command {
    let queue = Command::new("queue")
        .about("List the jobs: those that run, those that wait in the order in which they will run, the last that ended")
        .long_about(
            "List the jobs: those that run, those that wait in the order in which they will run, and the last that ended. With a \
             verb: change the queue. A job is named by its id or the beginning of it, or by @last, @2 (the second newest) or @running.",
        )
        .args(list::arguments())
        .args_conflicts_with_subcommands(true);
    VERBS
        .iter()
        .fold(queue, |queue, verb| queue.subcommand((verb.command)()))
}

pub fn run(matches: &ArgMatches) -> Result<()> {
    run_below("queue", VERBS, list::run, matches)
}

/// The one job's id.
fn job_argument(help: &'static str) -> Arg {
    Arg::new("job").value_name("JOB").required(true).help(help)
}
