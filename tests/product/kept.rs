//! What may be asked and changed while no daemon runs: the jobs that are kept.

use crate::support::{Home, is_alive};

/// A home in which three jobs are kept, and no daemon runs: their ids, oldest first.
fn home() -> (Home, Vec<String>) {
    let home = Home::new();
    home.run("queue pause").ok();
    assert!(home.daemon_pid().is_none(), "pausing needs no daemon");
    let jobs =
        ["apple", "fox", "pizza"].map(|prompt| home.generate(&format!("{prompt} --detach")).ok().line().to_owned());
    home.run("daemon stop").ok();
    (home, jobs.to_vec())
}

fn prompts(home: &Home) -> Vec<(String, String)> {
    let jobs = home.run("queue --json --all").ok().json();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    jobs.iter()
        .map(|job| (text(&job["request"]["prompt"]), text(&job["state"])))
        .collect()
}

fn pair(prompt: &str, state: &str) -> (String, String) {
    (prompt.to_owned(), state.to_owned())
}

#[test]
fn looking_starts_no_daemon_and_shows_what_is_kept() {
    let (home, jobs) = home();
    let listed = home.run("queue").ok();
    assert!(
        listed.stdout.contains("apple") && listed.stdout.contains("pizza"),
        "{listed:#?}"
    );
    assert!(listed.stderr.contains("No daemon is running"), "{listed:#?}");
    assert_eq!(
        prompts(&home),
        [pair("apple", "queued"), pair("fox", "queued"), pair("pizza", "queued")]
    );
    home.run(&format!("queue log {}", jobs[0])).ok();
    let models = home.run("models").ok();
    assert!(models.stdout.contains("emoji"), "{models:#?}");
    home.run("status").refused(3, &["No daemon is running"]);
    home.run("models ps").refused(3, &["No daemon is running"]);
    home.run("doctor").ok();
    assert!(home.daemon_pid().is_none() && !home.socket().exists());
}

#[test]
fn kept_jobs_are_changed_without_a_daemon() {
    let (home, jobs) = home();
    home.run(&format!("queue move {} --first", jobs[2])).ok();
    home.run(&format!("queue priority 5 {}", jobs[1])).ok();
    let held = home.run(&format!("queue pause {} --json", jobs[0])).ok().json();
    assert_eq!(held[0]["held"], true);
    home.run(&format!("queue resume {}", jobs[0])).ok();
    assert_eq!(
        prompts(&home),
        [pair("fox", "queued"), pair("pizza", "queued"), pair("apple", "queued")]
    );
    let cancelled = home.run(&format!("cancel {}", jobs[0])).ok();
    assert!(cancelled.stderr.contains("is cancelled"), "{cancelled:#?}");
    home.run(&format!("queue retry {}", jobs[0])).ok();
    home.run("cancel nonesuch").refused(2, &["There is no job nonesuch"]);
    home.run(&format!("cancel {} --json", jobs[1])).ok();
    let waited = home.run(&format!("wait {}", jobs[1]));
    waited.refused(130, &["was cancelled"]);
    home.run("queue clear").ok();
    assert_eq!(prompts(&home), [pair("pizza", "queued"), pair("apple", "queued")]);
    let resumed = home.run("queue resume").ok();
    assert!(resumed.stderr.contains("No daemon is running"), "{resumed:#?}");
    assert!(home.daemon_pid().is_none());
    // Whatever was done holds for the daemon that comes.
    home.run("daemon start").ok();
    home.all_end();
    let daemon = home.daemon_pid().unwrap();
    assert_eq!(prompts(&home).iter().filter(|(_, state)| state == "done").count(), 2);
    home.run("daemon stop").ok();
    assert!(!is_alive(daemon));
    // What is done is told, without a daemon.
    let told = home.run(&format!("wait {}", jobs[2])).ok();
    assert!(told.line().ends_with(".png"), "{told:#?}");
    let all = home.run("cancel --all").ok();
    assert!(all.stderr.contains("No job waits or runs"), "{all:#?}");
    assert!(home.daemon_pid().is_none());
}

#[test]
fn what_a_killed_daemon_left_running_waits_and_can_be_cancelled() {
    let home = Home::new();
    let job = home
        .generate("fox --detach --steps 1000 --batch 2")
        .ok()
        .line()
        .to_owned();
    crate::support::wait_until("it to run", || {
        home.status().is_some_and(|status| status["running"][0] == job.as_str())
    });
    let daemon = home.daemon_pid().unwrap();
    crate::support::kill(daemon, "KILL");
    crate::support::wait_until("its end", || !is_alive(daemon));
    assert_eq!(prompts(&home), [pair("fox", "queued")]);
    home.run("cancel --all").ok();
    assert_eq!(prompts(&home), [pair("fox", "cancelled")]);
    assert!(home.daemon_pid().is_none());
    home.run("daemon start").ok();
    assert_eq!(prompts(&home), [pair("fox", "cancelled")]);
}
