//! `darkroom doctor`: what this installation has, what it lacks, and what to do about it. Never starts a daemon.

mod checks;
mod place;
mod report;
mod running;
mod terminal;
mod worker;

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};
use darkroom_client::Client;
use darkroom_protocol::message::worker::Ready;
use darkroom_protocol::paths::Paths;
use darkroom_tui::graphics::{self, Found};

use super::json_flag;
use crate::{Error, Result, block_on, say, start};

pub fn command() -> Command {
    Command::new("doctor")
        .about("Check the installation: libtorch, devices, folders, terminal; exit 1 when something is missing")
        .arg(
            Arg::new("terminal")
                .long("terminal")
                .action(ArgAction::SetTrue)
                .help("Check the terminal alone: what it was asked and answered, and what follows from that"),
        )
        .arg(json_flag("Print it as a JSON object"))
}

/// What was found.
struct Findings {
    paths: Paths,
    /// The worker's file, when there is one, and what it says of itself.
    worker: Option<String>,
    ready: Option<Ready>,
    /// The daemon's words for itself.
    daemon: String,
    /// Where it listens, or would.
    socket: PathBuf,
    terminal: Found,
    /// Its service, logs and disk.
    place: place::Place,
    /// What is missing, each with its remedy.
    problems: Vec<String>,
}

pub fn run(matches: &ArgMatches) -> Result<()> {
    let paths = Paths::from_env()?;
    if matches.get_flag("terminal") {
        return terminal::run(&paths, matches.get_flag("json"));
    }
    let terminal = graphics::detect();
    let findings = block_on(examine(paths, terminal))?;
    if matches.get_flag("json") {
        say::json(&report::json(&findings))?;
    } else {
        say::bytes(report::table(&findings).as_bytes())?;
    }
    if findings.problems.is_empty() {
        Ok(())
    } else {
        Err(Error::Said(1))
    }
}

async fn examine(paths: Paths, terminal: Found) -> Result<Findings> {
    let mut problems = checks::folders(&paths);
    let place = place::look(&paths, &mut problems);
    let (daemon, socket) = daemon(&paths, &mut problems).await;
    let mut findings = Findings {
        place,
        daemon,
        socket,
        paths,
        worker: None,
        ready: None,
        terminal,
        problems,
    };
    match darkroom_daemon::workers::Program::locate() {
        Err(e) => findings.problems.push(e.to_string()),
        Ok(program) => {
            findings.worker = Some(program.path.to_string_lossy().into_owned());
            match worker::describe(&program).await {
                Ok(ready) => {
                    findings.problems.extend(checks::ready(&ready));
                    findings.ready = Some(ready);
                }
                Err(problem) => findings.problems.push(problem),
            }
        }
    }
    Ok(findings)
}

async fn daemon(paths: &Paths, problems: &mut Vec<String>) -> (String, PathBuf) {
    let socket = paths.socket();
    match start::find(paths).await {
        Ok(Some(client)) => {
            problems.extend(running::inherited(client.daemon().pid));
            // A daemon that does not tell is told of by what else is wrong.
            problems.extend(client.status().await.ok().and_then(|status| status.short));
            (in_words(&client), client.socket())
        }
        Ok(None) => ("not running; it starts with the first job".to_owned(), socket),
        Err(e) => {
            problems.push(e.to_string());
            ("cannot be talked to".to_owned(), socket)
        }
    }
}

fn in_words(client: &Client) -> String {
    let hello = client.daemon();
    format!("{}, pid {}, {}", hello.build, hello.pid, client.socket().display())
}
