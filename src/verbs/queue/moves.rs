//! `queue move`: gives waiting jobs another place. It stands in the table of `mod.rs`. The order in which several jobs are moved
//! is worked out here; places themselves are drawn in `daemon/src/store/place.rs`, and `placed.rs` says how a job stands then.

use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command};
use darkroom_protocol::Request;
use darkroom_protocol::message::client::Place;

use super::each::{each, ids, jobs_argument};
use super::placed;
use crate::verbs::json_flag;
use crate::{Result, block_on, start};

/// `darkroom queue move JOB… --first|--last|--before JOB|--after JOB`.
pub fn command() -> Command {
    let end = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    let beside = |name: &'static str, help: &'static str| Arg::new(name).long(name).value_name("OTHER").help(help);
    Command::new("move")
        .about("Give waiting jobs another place; they take the priority that they need to stand there")
        .arg(jobs_argument().required(true))
        .arg(end("first", "Before all others"))
        .arg(end("last", "After all others"))
        .arg(beside("before", "Before that job"))
        .arg(beside("after", "After that job"))
        .group(
            ArgGroup::new("place")
                .args(["first", "last", "before", "after"])
                .required(true),
        )
        .arg(json_flag("Print a JSON object a job"))
}

/// Moves them. Several keep the order in which they were given.
pub fn run(matches: &ArgMatches) -> Result<()> {
    let json = matches.get_flag("json");
    let (jobs, place) = plan(matches);
    block_on(async {
        let client = start::kept_before(&crate::host::paths()?).await?;
        each(&client, &jobs, async |client, job| {
            let (job, place) = (job.to_owned(), place.clone());
            let (job, change) = client.place(Request::Move { job, place }).await?;
            placed::tell(job, &change, json)
        })
        .await?;
        if !json {
            start::note_if_none(&client);
        }
        Ok(())
    })
}

/// The jobs in the order in which they are moved, so that they end up in the order that was given.
fn plan(matches: &ArgMatches) -> (Vec<String>, Place) {
    let mut jobs = ids(matches);
    let other = |name| matches.get_one::<String>(name).cloned();
    let place = match (other("before"), other("after"), matches.get_flag("first")) {
        (Some(other), ..) => Place::Before(other),
        (_, Some(other), _) => Place::After(other),
        (_, _, true) => Place::First,
        _ => Place::Last,
    };
    if matches!(place, Place::First | Place::After(_)) {
        jobs.reverse();
    }
    (jobs, place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(&["--first"], &["b", "a"], Place::First)]
    #[case(&["--last"], &["a", "b"], Place::Last)]
    #[case(&["--before", "c"], &["a", "b"], Place::Before("c".into()))]
    #[case(&["--after", "c"], &["b", "a"], Place::After("c".into()))]
    fn several_keep_their_order(#[case] place: &[&str], #[case] jobs: &[&str], #[case] expected: Place) {
        let args = ["move", "a", "b"].iter().chain(place);
        let matches = command().try_get_matches_from(args).unwrap();
        assert_eq!(
            plan(&matches),
            (jobs.iter().map(|j| (*j).to_owned()).collect(), expected)
        );
    }

    #[rstest]
    #[case(&["move", "a"])]
    #[case(&["move", "a", "--first", "--last"])]
    #[case(&["move", "--first"])]
    fn one_place_and_a_job_are_needed(#[case] args: &[&str]) {
        assert!(command().try_get_matches_from(args).is_err());
    }
}
