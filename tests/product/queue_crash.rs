//! The daemon dies right after a change of the queue was stored: the change holds, and every job is made once.

use rstest::rstest;
use serde_json::Value;

use crate::support::Home;

/// A paused queue of three small jobs whose daemon dies at `failpoint`.
fn armed(failpoint: &str) -> (Home, Vec<String>) {
    let home = Home::new();
    home.run("queue pause").ok();
    let small = "--detach -W 16 -H 16 --steps 1";
    let ids: Vec<String> = (0..3)
        .map(|n| home.generate(&format!("job{n} {small}")).ok().line().to_owned())
        .collect();
    home.run(&format!("cancel {}", ids[2])).ok();
    home.run("daemon stop").ok();
    home.start_armed(failpoint);
    (home, ids)
}

/// Runs `line` against a daemon that dies of it before it answers.
#[track_caller]
fn dies(home: &Home, line: &str) {
    let daemon = home.daemon_pid().unwrap();
    let ran = home.run(line);
    assert_eq!(ran.code, 3, "{ran:#?}");
    home.run("daemon start").ok();
    assert_ne!(home.daemon_pid(), Some(daemon), "the point was reached");
}

/// What is in line.
fn line(home: &Home) -> Vec<Value> {
    let jobs = home.run("queue --json").ok().json();
    jobs.into_iter().filter(|job| job["state"] == "queued").collect()
}

#[rstest]
#[case("move {1} --first", &["job1", "job0"])]
#[case("move {0} --after {1}", &["job1", "job0"])]
#[case("priority 9 {1}", &["job1", "job0"])]
fn a_place_that_was_stored_holds(#[case] what: &str, #[case] expected: &[&str]) {
    let (home, ids) = armed("13");
    let what = what.replace("{0}", &ids[0]).replace("{1}", &ids[1]);
    dies(&home, &format!("queue {what}"));
    let prompts: Vec<_> = line(&home).iter().map(|job| job["request"]["prompt"].clone()).collect();
    assert_eq!(prompts, expected);
    finish(&home, &ids[..2]);
}

#[test]
fn a_hold_that_was_stored_holds() {
    let (home, ids) = armed("13");
    dies(&home, &format!("queue pause {}", ids[0]));
    home.run("queue resume").ok();
    home.run(&format!("wait {}", ids[1])).ok();
    assert_eq!((line(&home).len(), &line(&home)[0]["held"]), (1, &Value::Bool(true)));
    home.run(&format!("queue resume {}", ids[0])).ok();
    finish(&home, &ids[..1]);
}

#[test]
fn a_resumption_that_was_stored_holds() {
    let (home, ids) = armed("14");
    dies(&home, "queue resume");
    home.run(&format!("wait {} {}", ids[0], ids[1])).ok();
    finish(&home, &[]);
}

#[test]
fn a_retry_that_was_stored_holds() {
    let (home, ids) = armed("15");
    dies(&home, &format!("queue retry {}", ids[2]));
    assert_eq!(line(&home).len(), 3);
    finish(&home, &ids);
}

#[test]
fn what_was_cleared_stays_cleared() {
    let (home, ids) = armed("16");
    dies(&home, "queue clear");
    assert_eq!(home.jobs().len(), 2);
    finish(&home, &ids[..2]);
}

#[test]
fn a_cancel_of_all_that_was_stored_holds() {
    let (home, _) = armed("17");
    dies(&home, "cancel --all");
    let states: Vec<_> = home.jobs().iter().map(|job| job["state"].clone()).collect();
    assert_eq!(states, ["cancelled", "cancelled", "cancelled"]);
    assert!(home.pictures().is_empty());
}

#[test]
fn what_was_not_committed_did_not_happen() {
    // The first commit is the one that puts interrupted jobs back.
    let (home, ids) = armed("18:2");
    dies(&home, &format!("queue move {} --first", ids[1]));
    let prompts: Vec<_> = line(&home).iter().map(|job| job["request"]["prompt"].clone()).collect();
    assert_eq!(prompts, ["job0", "job1"]);
    finish(&home, &ids[..2]);
}

/// Lets the queue go on; the jobs are done, once.
#[track_caller]
fn finish(home: &Home, ids: &[String]) {
    home.run("queue resume").ok();
    if !ids.is_empty() {
        home.run(&format!("wait {}", ids.join(" "))).ok();
    }
    home.run("queue clear --cancelled").ok();
    home.everything_once();
}
