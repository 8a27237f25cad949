use clap::{Arg, ArgAction, ArgMatches, Command};
use darkroom_protocol::JobState;
use darkroom_protocol::paths::Paths;
use serde_json::json;

use crate::verbs::json_flag;
use crate::{Result, block_on, say, start};

/// `darkroom queue clear`.
pub fn command() -> Command {
    let ends = JobState::ALL.into_iter().filter(|state| state.is_final());
    let only = ends.map(|state| {
        let help = format!("Only those that are {}", state.name());
        Arg::new(state.name())
            .long(state.name())
            .action(ArgAction::SetTrue)
            .help(help)
    });
    Command::new("clear")
        .about("Take jobs that have ended off the list; their pictures stay")
        .args(only)
        .arg(json_flag("Print a JSON object"))
}

/// Takes them off.
pub fn run(matches: &ArgMatches) -> Result<()> {
    let ends = JobState::ALL.into_iter().filter(|state| state.is_final());
    let states = ends.filter(|state| matches.get_flag(state.name())).collect();
    block_on(async {
        let jobs = start::ensure(&Paths::from_env()?).await?.clear(states).await?;
        if matches.get_flag("json") {
            return say::json(&json!({ "jobs": jobs }));
        }
        say::note(&match jobs {
            0 => "There is nothing to clear.".to_owned(),
            1 => "One job is off the list; its pictures stay.".to_owned(),
            n => format!("{n} jobs are off the list; their pictures stay."),
        });
        Ok(())
    })
}
