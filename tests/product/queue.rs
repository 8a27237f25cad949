//! What people do to the queue: its order, pauses, retries, the list.

use serde_json::Value;

use crate::support::{Home, Watched, short};

/// A home whose queue is paused, with so many small jobs in it, called `job 0`, `job 1`, …
fn paused(jobs: usize) -> (Home, Vec<String>) {
    let home = Home::new();
    home.run("queue pause").ok();
    let ids = (0..jobs).map(|n| submit(&home, &format!("job {n}"), &[])).collect();
    (home, ids)
}

/// Submits a small job and leaves it to the daemon; its id.
#[track_caller]
fn submit(home: &Home, prompt: &str, more: &[&str]) -> String {
    let mut args = vec!["generate", prompt, "--detach", "-W", "16", "-H", "16", "--steps", "1"];
    args.extend(more);
    home.run_args(args).ok().line().to_owned()
}

/// The prompts of the jobs that are listed, in that order, with how each stands.
#[track_caller]
fn listed(home: &Home) -> Vec<(String, String)> {
    let jobs = home.run("queue --json").ok().json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    jobs.iter()
        .map(|job| (text(&job["request"]["prompt"]), text(&job["state"])))
        .collect()
}

#[track_caller]
fn prompts(home: &Home) -> Vec<String> {
    listed(home).into_iter().map(|(prompt, _)| prompt).collect()
}

#[test]
fn jobs_run_in_the_order_that_people_give_them() {
    let (home, ids) = paused(5);
    let urgent = submit(&home, "urgent", &["--priority", "5"]);
    assert_eq!(prompts(&home), ["urgent", "job 0", "job 1", "job 2", "job 3", "job 4"]);
    let told = home.run(&format!("queue move {} {} --first", ids[3], ids[4])).ok();
    assert!(
        told.stderr
            .contains(&format!("Job {} is next (priority 5).", short(&ids[3]))),
        "{told:#?}"
    );
    home.run(&format!("queue move {} --after {}", ids[0], ids[2])).ok();
    home.run(&format!("queue priority -1 {}", ids[1])).ok();
    let held = home.run(&format!("queue pause {} --json", ids[2])).ok().json();
    assert_eq!((&held[0]["held"], &held[0]["position"]), (&true.into(), &Value::Null));
    assert_eq!(prompts(&home), ["job 3", "job 4", "urgent", "job 2", "job 0", "job 1"]);
    let table = home.run("queue").ok();
    let lines: Vec<&str> = table.stdout.lines().collect();
    assert!(
        lines[0].contains("waiting 1") && lines[0].contains("[priority 5]"),
        "{table:#?}"
    );
    assert!(
        lines[3].contains("held") && lines[4].contains("waiting 4"),
        "{table:#?}"
    );
    assert!(table.stderr.contains("The queue is paused"), "{table:#?}");

    home.run("queue resume").ok();
    let all = format!("wait {} {} {} {} {urgent}", ids[0], ids[1], ids[3], ids[4]);
    assert_eq!(home.run(&all).ok().stdout.lines().count(), 5);
    assert_eq!(listed(&home)[0], ("job 2".to_owned(), "queued".to_owned()));
    home.run(&format!("queue resume {}", ids[2])).ok();
    home.run(&format!("wait {}", ids[2])).ok();
    let mut jobs = home.jobs();
    jobs.sort_by_key(|job| job["started_ms"].as_u64().unwrap());
    let ran: Vec<&str> = jobs
        .iter()
        .map(|job| job["request"]["prompt"].as_str().unwrap())
        .collect();
    assert_eq!(ran, ["job 3", "job 4", "urgent", "job 0", "job 1", "job 2"]);
    home.everything_once();
}

#[test]
fn pauses_holds_and_places_outlast_the_daemon() {
    let (home, ids) = paused(3);
    home.run(&format!("queue move {} --first", ids[2])).ok();
    home.run(&format!("queue pause {}", ids[0])).ok();
    home.run("daemon stop").ok();
    home.run("daemon start").ok();
    let status = home.run("status").ok().stdout;
    assert!(
        status.contains("3 waiting, 1 of them held back") && status.contains("the queue is paused"),
        "{status}"
    );
    assert_eq!(prompts(&home), ["job 2", "job 0", "job 1"]);
    let told = home.generate("late --detach").ok();
    assert!(
        told.stderr
            .contains("The queue is paused: `darkroom queue resume` lets it go on."),
        "{told:#?}"
    );
    home.run("queue resume").ok();
    home.run(&format!("wait {} {} {}", ids[1], ids[2], told.line())).ok();
    assert_eq!(prompts(&home)[0], "job 0");
    home.run(&format!("queue resume {}", ids[0])).ok();
    home.run(&format!("wait {}", ids[0])).ok();
    home.everything_once();
}

#[test]
fn retry_makes_only_what_is_missing() {
    let home = Home::new();
    home.hold("denoise:8:2");
    let mut watched =
        Watched::start(home.command("generate fox --steps 40 -W 32 -H 32 --batch 10 --events".split(' ')));
    let job = watched.until(|kind| kind["picture"]["index"] == 7);
    home.run(&format!("cancel {job}")).ok();
    watched.finish().0.refused(130, &["was cancelled"]);
    home.hold("");
    let made = home.jobs()[0]["pictures"].clone();
    let files: Vec<_> = home
        .pictures()
        .iter()
        .map(|p| std::fs::metadata(p).unwrap().modified().unwrap())
        .collect();
    assert_eq!(files.len(), 8);
    home.run("queue clear").ok();
    assert!(home.jobs().is_empty());

    home.run(&format!("queue retry {}", &job[..13])).ok();
    assert_eq!(home.run(&format!("wait {job}")).ok().stdout.lines().count(), 10);
    let jobs = home.jobs();
    assert_eq!(jobs[0]["attempts"], 1);
    assert_eq!(
        jobs[0]["pictures"].as_array().unwrap()[..8],
        made.as_array().unwrap()[..]
    );
    let again: Vec<_> = home
        .pictures()
        .iter()
        .map(|p| std::fs::metadata(p).unwrap().modified().unwrap())
        .collect();
    assert_eq!(again[..8], files[..]);
    home.everything_once();
    home.run(&format!("queue retry {job}"))
        .refused(2, &["is done", "darkroom generate"]);
}

#[test]
fn many_are_cancelled_cleared_and_waited_for_at_once() {
    let (home, ids) = paused(6);
    let told = home.run(&format!("queue cancel {} {}", ids[0], ids[1])).ok();
    assert_eq!(told.stderr.matches("is cancelled.").count(), 2, "{told:#?}");
    let some = home.run(&format!("cancel ffffff {} --json", ids[2]));
    some.refused(2, &["There is no job ffffff"]);
    assert_eq!(some.json()[0]["state"], "cancelled");
    let told = home.run("cancel --all").ok();
    assert!(told.stderr.contains("3 jobs are cancelled."), "{told:#?}");
    assert!(home.run("cancel --all").ok().stderr.contains("No job waits or runs."));
    home.run("cancel").refused(2, &["<JOB>"]);
    let waited = home.run(&format!("wait {} {}", ids[0], ids[5]));
    assert_eq!(
        (waited.code, waited.stderr.matches("was cancelled").count()),
        (130, 2),
        "{waited:#?}"
    );
    assert_eq!(home.run("queue clear --failed --json").ok().json()[0]["jobs"], 0);
    assert!(
        home.run("queue clear")
            .ok()
            .stderr
            .contains("6 jobs are off the list; their pictures stay.")
    );
    assert!(
        home.run("queue")
            .ok()
            .stderr
            .contains("The queue is empty: `darkroom generate` fills it.")
    );
    assert!(
        home.run("queue clear")
            .ok()
            .stderr
            .contains("There is nothing to clear.")
    );
    home.run(&format!("queue move {} --first", ids[0]))
        .refused(2, &["is cancelled", "darkroom queue retry"]);
    home.run("queue move x").refused(2, &["--first"]);
    home.run("queue priority 101 x").refused(2, &["101"]);
}

#[test]
fn the_log_of_a_job_is_what_its_worker_said() {
    let home = Home::new();
    let job = submit(&home, "fox", &[]);
    let followed = home.run(&format!("queue log {job} -f")).ok();
    home.run(&format!("wait {job}")).ok();
    let log = home.run(&format!("queue log {}", short(&job))).ok();
    assert_eq!(followed.stdout, log.stdout);
    home.run("queue pause").ok();
    let waiting = submit(&home, "later", &[]);
    let none = home.run(&format!("queue log {waiting}")).ok();
    assert!(
        none.stdout.is_empty() && none.stderr.contains("is queued and has no log."),
        "{none:#?}"
    );
}

#[test]
fn a_job_is_named_as_people_name_it() {
    let (home, ids) = paused(3);
    let shown = |name: &str| home.run(&format!("queue priority 1 {name} --json")).ok().json()[0]["job"].clone();
    for id in &ids {
        let short = short(id);
        assert!(
            short.len() <= 8 && short.bytes().all(|b| b.is_ascii_alphanumeric()),
            "{short}"
        );
        let all = [
            short.as_str(),
            &short.to_uppercase(),
            id,
            &id.replace('-', ""),
            &id[..13],
        ];
        assert!(all.into_iter().all(|name| shown(name) == id.as_str()));
    }
    assert_eq!(
        (shown("@last"), shown("@1")),
        (ids[2].as_str().into(), ids[2].as_str().into())
    );
    assert_eq!(
        (shown("@2"), shown("@3")),
        (ids[1].as_str().into(), ids[0].as_str().into())
    );
    home.run("queue priority 1 @4").refused(2, &["There is no job @4"]);
    home.run("queue priority 1 @newest").refused(2, &["@last", "@running"]);
    home.run("cancel @running").refused(2, &["No job runs now"]);
    home.run("queue move @last --before @3").ok();
    let asked = home.rpc().call("job", &serde_json::json!({ "job": "@last" }));
    assert_eq!(asked["result"]["id"], ids[2].as_str());
    home.run("queue resume").ok();
    home.run("wait @last @2 @3").ok();
    let log = home.run("logs --job @last").ok();
    assert_eq!(
        log.stdout,
        home.run(&format!("logs --job {}", short(&ids[2]))).ok().stdout
    );
}
