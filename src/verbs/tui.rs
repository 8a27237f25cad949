//! `darkroom tui`, and `darkroom` alone on a terminal: the terminal client. It is left with a word about the jobs that go on.

use std::io::IsTerminal as _;

use clap::{Arg, ArgAction, ArgMatches, Command};
use darkroom_client::Client;
use darkroom_protocol::Error as Wire;
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
    let mut paths = crate::host::paths()?;
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
        let first = match &paths.host {
            None => None,
            Some(_) => greeted(&paths).await?,
        };
        // From now on nobody can be asked for a password: the terminal is taken.
        if let Some(host) = &mut paths.host {
            host.may_ask = false;
        }
        darkroom_tui::app::run(&paths, first)
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

/// The daemon of another machine. One that is away for now is looked for by the client, which works without.
async fn greeted(paths: &Paths) -> Result<Option<Client>> {
    match Client::connect(paths).await {
        Ok(client) => Ok(Some(client)),
        Err(Wire::Elsewhere { is_passing: true, .. }) => Ok(None),
        Err(e) => Err(e.into()),
    }
}
