//! Ending a job, wherever it is: it is cancelled, and the worker stays warm.

use serde_json::{Value, json};

use crate::support::{Home, Model, Watched, kill, short, wait_until};

/// The last phase that the events tell of.
fn last_phase(events: &[Value]) -> &str {
    events
        .iter()
        .rev()
        .find_map(|e| e["kind"]["progress"]["phase"].as_str())
        .unwrap()
}

/// Cancels a job once it is in `phase`, where its worker stands still until then.
#[track_caller]
fn cancel_at(home: &Home, phase: &str, line: &str) {
    let mut rpc = home.rpc();
    // A connection that has said nothing is closed after a while, one that has lasts.
    rpc.call("status", &json!({}));
    home.hold(phase);
    let mut watched = Watched::start(home.command(format!("generate {line} --events").split(' ')));
    let job = watched.until_phase(phase);
    let answer = rpc.call("cancel", &json!({ "job": job }));
    assert_eq!(answer["result"]["state"], "cancelling", "{answer}");
    let (ran, events) = watched.finish();
    ran.refused(130, &["was cancelled"]);
    assert_eq!(
        events.last().unwrap()["kind"]["state"]["state"],
        "cancelled",
        "{events:#?}"
    );
    assert_eq!(last_phase(&events), phase);
    assert_eq!(home.jobs()[0]["state"], "cancelled");
    home.hold("");
}

#[test]
fn in_every_phase_the_job_ends_and_the_worker_stays() {
    let home = Home::new();
    let (daemon, worker) = home.warm();
    let model = Model::new(home.path(), "deep");
    model.deepen(128);
    let deep = format!("fox -m {} --steps 5 -W 16 -H 16", model.path());
    for _ in 0..2 {
        cancel_at(&home, "load", &deep);
    }
    cancel_at(&home, "encode", &deep);
    cancel_at(&home, "denoise", "fox --steps 1000 -W 64 -H 64");
    cancel_at(&home, "decode", "fox --steps 1 --cfg 1 -W 512 -H 512");
    assert_eq!(home.worker_pid(), Some(worker), "the worker is the same");
    assert!(home.pictures().is_empty());
    home.still_works(daemon);
    home.generate(&format!("fox -m {}", model.path())).ok();
    assert_eq!(home.worker_pid(), Some(worker), "the worker is the same");
}

#[test]
fn another_command_cancels_at_a_step_and_pictures_so_far_stay() {
    let home = Home::new();
    let (_, worker) = home.warm();
    // The second eight are not made before the cancel is there.
    home.hold("denoise:8:2");
    let args = "generate fox --steps 40 -W 32 -H 32 --batch 24 --events".split(' ');
    let mut watched = Watched::start(home.command(args));
    let job = watched.until(|kind| kind["picture"]["index"] == 7);
    watched.until(|kind| kind["progress"]["image"] == 8 && kind["progress"]["step"] == 2);
    let told = home.run(&format!("cancel {}", short(&job))).ok();
    assert!(
        told.stdout.is_empty() || told.stdout.contains(&short(&job)),
        "{told:#?}"
    );
    let (ran, events) = watched.finish();
    ran.refused(130, &["was cancelled"]);
    assert_eq!(events.last().unwrap()["kind"]["state"]["state"], "cancelled");
    assert_eq!(home.jobs()[0]["pictures"].as_array().unwrap().len(), 8);
    assert_eq!((home.pictures().len(), home.staged().len()), (8, 0));
    assert_eq!(home.worker_pid(), Some(worker));
    home.run(&format!("wait {job}")).refused(130, &["was cancelled"]);
}

#[test]
fn a_waiting_job_is_cancelled_at_once() {
    let home = Home::new();
    let mut first = Watched::start(home.command("generate fox --steps 1000 --events".split(' ')));
    first.until_phase("denoise");
    let job = home.generate("apple --detach").ok().line().to_owned();
    home.run(&format!("cancel {job}")).ok();
    home.run(&format!("wait {job}")).refused(130, &["was cancelled"]);
    assert_eq!(home.run("status --json").ok().json()[0]["queued"], 0);
    first.signal("INT");
    first.finish().0.refused(130, &["was cancelled"]);
}

#[test]
fn ctrl_c_cancels_and_a_second_one_stops_waiting() {
    let home = Home::new();
    let (_, worker) = home.warm();
    let args = || "generate fox --steps 1000 --events".split(' ');
    let mut watched = Watched::start(home.command(args()));
    watched.until_phase("denoise");
    watched.signal("INT");
    let (ran, events) = watched.finish();
    ran.refused(130, &["was cancelled"]);
    assert_eq!(events.last().unwrap()["kind"]["state"]["state"], "cancelled");

    let mut watched = Watched::start(home.command(args()));
    let job = watched.until_phase("denoise");
    // A worker that stands still cannot hear; the daemon gives it some seconds.
    kill(worker, "STOP");
    watched.signal("INT");
    wait_until("the cancel to be stored", || {
        home.jobs()[0]["state"] == "cancelling"
            && home.rpc().call("cancel", &json!({"job": job}))["result"]["state"] == "cancelling"
    });
    watched.signal("INT");
    let (ran, _) = watched.finish();
    kill(worker, "CONT");
    ran.refused(130, &["is being cancelled"]);
    wait_until("the job's end", || home.jobs()[0]["state"] == "cancelled");
    assert_eq!(home.worker_pid(), Some(worker));
}

#[test]
fn a_worker_that_does_not_hear_is_ended_and_the_job_is_cancelled() {
    let home = Home::new();
    let (daemon, worker) = home.warm();
    let mut watched = Watched::start(home.command("generate fox --steps 1000 --events".split(' ')));
    watched.until_phase("denoise");
    kill(worker, "STOP");
    watched.signal("INT");
    let (ran, _) = watched.finish();
    ran.refused(130, &["was cancelled"]);
    wait_until("a new worker", || home.worker_pid().is_some_and(|pid| pid != worker));
    home.still_works(daemon);
}

#[test]
fn leaving_a_wait_leaves_the_job() {
    let home = Home::new();
    let job = home
        .generate("fox --detach --steps 150 -W 64 -H 64")
        .ok()
        .line()
        .to_owned();
    let mut watched = Watched::start(home.command(["wait", &job, "--events"]));
    watched.until_phase("denoise");
    watched.signal("INT");
    watched.finish().0.refused(130, &["goes on", "darkroom wait"]);
    home.run(&format!("wait {job}")).ok();
    home.everything_once();
}
