//! `darkroom tui`, and `darkroom` alone on a terminal: the terminal client. It is left with a word about the jobs that go on.

use std::io::IsTerminal as _;

use clap::{Arg, ArgAction, ArgMatches, Command};
use darkroom_protocol::paths::Paths;

use crate::{Error, Result, block_on, say};

pub fn command() -> Command {
    Command::new("tui")
        .about("Open the terminal client; `darkroom` alone does that too")
        .arg(
            Arg::new("plain")
                .long("plain")
                .action(ArgAction::SetTrue)
                .help("Read and write plain lines, for screen readers and pipes; /help says what can be typed"),
        )
}

/// Whether somebody sits there to use it.
pub fn is_wanted() -> bool {
    let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal() && !dumb
}

pub fn run(matches: &ArgMatches) -> Result<()> {
    let paths = Paths::from_env()?;
    // `darkroom` alone has no such flag.
    let is_asked = matches.try_get_one("plain").ok().flatten().copied().unwrap_or(false);
    if is_asked || darkroom_tui::plain::is_wanted(&paths) {
        return block_on(async {
            darkroom_tui::plain::run(&paths)
                .await
                .map_err(|e| Error::Failed(e.to_string()))
        });
    }
    let queued = block_on(async {
        darkroom_tui::app::run(&paths)
            .await
            .map_err(|e| Error::Failed(e.to_string()))
    })?;
    match queued {
        0 => {}
        1 => say::note("One job goes on; `darkroom queue` tells how far it is."),
        n => say::note(&format!("{n} jobs go on; `darkroom queue` tells how far they are.")),
    }
    Ok(())
}
