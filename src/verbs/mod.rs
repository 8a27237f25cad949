//! One file a verb: its flags and what it does.

mod bench;
mod cancel;
mod daemon;
mod docs;
mod doctor;
pub mod generate;
pub mod habits;
mod history;
mod logs;
mod metrics;
mod models;
mod pull;
mod queue;
mod show;
mod status;
mod stdio;
pub mod tui;
mod wait;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::output::Report;
use crate::progress::Display;
use crate::{Error, Result};

/// A verb of the command line.
pub struct Verb {
    /// As it is typed.
    pub name: &'static str,
    /// Its flags and help.
    pub command: fn() -> Command,
    /// What it does.
    pub run: fn(&ArgMatches) -> Result<()>,
}

/// Does what was typed below the verb `above`: one of `below`, or, where none was named, `alone`.
fn run_below(above: &str, below: &[Verb], alone: fn(&ArgMatches) -> Result<()>, matches: &ArgMatches) -> Result<()> {
    let Some((name, inner)) = matches.subcommand() else {
        return alone(matches);
    };
    match below.iter().find(|verb| verb.name == name) {
        Some(verb) => (verb.run)(inner),
        None => Err(Error::Usage(format!("There is no verb {above} {name}."))),
    }
}

macro_rules! verbs {
    ($($name:ident),*) => {
        /// Every verb, in the order of the help.
        pub const VERBS: &[Verb] = &[$(Verb {
            name: stringify!($name),
            command: $name::command,
            run: $name::run,
        }),*];
    };
}

verbs!(
    generate, history, show, queue, wait, cancel, models, pull, status, bench, doctor, daemon, logs, metrics, tui,
    stdio, docs
);

/// `--json`, with what it prints.
fn json_flag(help: &'static str) -> Arg {
    Arg::new("json").long("json").action(ArgAction::SetTrue).help(help)
}

/// `--preview`; [`ask_for_previews`] does what it says.
fn preview_flag() -> Arg {
    Arg::new("preview")
        .long("preview")
        .action(ArgAction::SetTrue)
        .conflicts_with("quiet")
        .help("Show the picture in the making above the progress; with --events, print it too, as base64")
}

/// With `--events` previews are for the program that reads them, else for the person.
fn ask_for_previews(report: Report, display: &mut Display) {
    match report {
        Report::Events => display.pass_previews(),
        Report::Paths | Report::Json | Report::Nothing => display.draw_previews(),
    }
}
