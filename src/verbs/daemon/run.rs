use std::io::IsTerminal;

use clap::{Arg, ArgAction, ArgMatches, Command};
use darkroom_daemon::RunOptions;
use darkroom_protocol::paths::Paths;

use crate::Result;

pub fn command() -> Command {
    Command::new("run")
        .about("Be the daemon, in the foreground, with the log on standard error too; for service managers")
        .arg(
            Arg::new("background")
                .long("background")
                .action(ArgAction::SetTrue)
                .hide(true),
        )
}

pub fn run(matches: &ArgMatches) -> Result<()> {
    let background = matches.get_flag("background");
    if background {
        // Out of the terminal's session, so that neither its end nor its Ctrl-C reaches the daemon. It fails only for the
        // leader of a session, who has none to leave.
        let _ = rustix::process::setsid();
    }
    let options = RunOptions {
        foreground: !background,
        detached: background,
        terminal: std::io::stdin().is_terminal(),
        ..RunOptions::new(Paths::from_env()?)
    };
    Ok(darkroom_daemon::run(options)?)
}
