//! `darkroom daemon …`: the process that keeps the queue.

mod install;
mod process;
mod run;
mod start;
mod stop;

use clap::{Arg, ArgAction, ArgMatches, Command};
use darkroom_daemon::settings::Settings;
use darkroom_protocol::paths::Paths;

use super::{logs, status};
use crate::Result;

pub use install::installed;

pub fn command() -> Command {
    Command::new("daemon")
        .about("Start, stop and watch the daemon")
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .subcommand(run::command())
        .subcommand(Command::new("start").about("Start the daemon, unless it runs already"))
        .subcommand(
            Command::new("stop")
                .about("End the daemon; running jobs return to the queue")
                .arg(force()),
        )
        .subcommand(
            Command::new("restart")
                .about("End the daemon and start it again; jobs are kept")
                .arg(force()),
        )
        .subcommand(status::command())
        .subcommand(logs::command())
        .subcommand(install::command())
        .subcommand(install::uninstall_command())
}

pub fn run(matches: &ArgMatches) -> Result<()> {
    match matches.subcommand() {
        Some(("run", matches)) => run::run(matches),
        Some(("start", _)) => start::run(),
        Some(("stop", matches)) => stop::run(matches.get_flag("force")),
        Some(("restart", matches)) => restart(matches.get_flag("force")),
        Some(("logs", matches)) => logs::run(matches),
        Some(("install", matches)) => install::run(matches),
        Some(("uninstall", _)) => install::uninstall(),
        Some((_, matches)) => status::run(matches),
        None => Ok(()),
    }
}

/// Ends the daemon and starts another; not where that one would refuse its settings.
fn restart(force: bool) -> Result<()> {
    Settings::load(&Paths::from_env()?.config_file())?;
    stop::end(force)?;
    start::run()
}

fn force() -> Arg {
    Arg::new("force")
        .short('f')
        .long("force")
        .action(ArgAction::SetTrue)
        .help("Kill it when it does not end by itself")
}
