//! `queue clear`: takes ended jobs off the list, and asks before it takes more than fifty. It stands in the table of `mod.rs`.
//! The rows are changed in `daemon/src/store/clear.rs`; pictures and waiting jobs are left alone.

use std::io::{BufRead as _, IsTerminal, Write as _};

use clap::{Arg, ArgAction, ArgMatches, Command};
use darkroom_protocol::JobState;
use serde_json::json;

use crate::verbs::json_flag;
use crate::{Error, Result, block_on, say, start};

/// As many jobs as a list shows: more are not cleared without a question.
const PAGE: u64 = 50;

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
        .about("Take jobs that have ended off the list; their pictures stay, and so do jobs that wait or run")
        .args(only)
        .arg(
            Arg::new("yes")
                .short('y')
                .long("yes")
                .action(ArgAction::SetTrue)
                .help(format!("Do not ask before more than {PAGE} leave the list")),
        )
        .arg(json_flag("Print a JSON object"))
}

/// Takes them off.
pub fn run(matches: &ArgMatches) -> Result<()> {
    let ends = JobState::ALL.into_iter().filter(|state| state.is_final());
    let states: Vec<JobState> = ends.filter(|state| matches.get_flag(state.name())).collect();
    let json = matches.get_flag("json");
    block_on(async {
        let client = start::kept_before(&crate::host::paths()?).await?;
        if !matches.get_flag("yes") {
            let (jobs, _) = client.clear(states.clone(), true).await?;
            if jobs > PAGE && !agreed(jobs)? {
                say::note("Nothing was cleared.");
                return Err(Error::Said(1));
            }
        }
        let (jobs, kept) = client.clear(states, false).await?;
        if json {
            return say::json(&json!({ "jobs": jobs, "kept": kept }));
        }
        say::note(&words(jobs, kept));
        Ok(())
    })
}

/// Asks the person.
///
/// # Errors
/// [`Error::Usage`] where nobody can be asked.
fn agreed(jobs: u64) -> Result<bool> {
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return Err(Error::Usage(format!(
            "{jobs} jobs would leave the list, and there is no terminal to ask on: add --yes."
        )));
    }
    let _ = write!(
        std::io::stderr(),
        "Take {jobs} ended jobs off the list? Their pictures stay. [y/N] "
    );
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.map_err(|e| Error::Failed(format!("The answer cannot be read: {e}.")))?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

fn words(jobs: u64, kept: u64) -> String {
    let cleared = match jobs {
        0 => "There is nothing to clear".to_owned(),
        1 => "One job is off the list; its pictures stay".to_owned(),
        n => format!("{n} jobs are off the list; their pictures stay"),
    };
    match kept {
        0 => format!("{cleared}."),
        1 => format!("{cleared}. One other job stays on it."),
        n => format!("{cleared}. {n} other jobs stay on it."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(0, 0, "There is nothing to clear.")]
    #[case(1, 0, "One job is off the list; its pictures stay.")]
    #[case(7, 2, "7 jobs are off the list; their pictures stay. 2 other jobs stay on it.")]
    fn what_stays_is_said(#[case] jobs: u64, #[case] kept: u64, #[case] expected: &str) {
        assert_eq!(words(jobs, kept), expected);
    }
}
