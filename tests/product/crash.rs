//! Processes that die: every job that was acknowledged ends done, every picture is there once.

use rstest::rstest;
use serde_json::json;

use crate::support::{Home, Ran, Watched, is_alive, kill, wait_until};

#[test]
fn a_killed_worker_costs_time_and_nothing_else() {
    let home = Home::new();
    let (daemon, worker) = home.warm();
    let mut watched = Watched::start(home.command("generate fox --seed 4 --steps 60 -W 32 -H 32 --events".split(' ')));
    watched.until(|kind| kind["progress"]["phase"] == "denoise" && kind["progress"]["step"].as_u64() >= Some(5));
    kill(worker, "KILL");
    let (ran, events) = watched.finish();
    ran.ok();
    let states: Vec<_> = events
        .iter()
        .filter_map(|e| e["kind"]["state"]["state"].as_str())
        .collect();
    assert_eq!(states, ["queued", "running", "queued", "running", "done"]);
    assert_eq!(home.jobs()[0]["attempts"], 2);
    home.everything_once();
    assert_ne!(home.worker_pid(), Some(worker));
    assert_eq!(home.daemon_pid(), Some(daemon));
}

#[test]
fn a_killed_daemon_leaves_no_orphan_and_the_batch_is_finished() {
    let home = Home::new();
    let (daemon, worker) = home.warm();
    let args = "generate fox --seed 4 --steps 30 -W 32 -H 32 --batch 10 --events";
    let mut watched = Watched::start(home.command(args.split(' ')));
    let job = watched.until(|kind| kind["picture"]["index"] == 2);
    kill(daemon, "KILL");
    wait_until("the orphan's end", || !is_alive(worker));
    let (ran, events) = watched.finish();
    let ran = ran.ok();
    assert!(ran.stderr.contains("is kept"), "{ran:#?}");
    let told: Vec<u64> = events
        .iter()
        .filter_map(|e| e["kind"]["picture"]["index"].as_u64())
        .collect();
    assert_eq!(told, (0..10).collect::<Vec<_>>(), "each is told once");
    assert_ne!(home.daemon_pid(), Some(daemon));
    home.everything_once();
    let seeds: Vec<_> = home.jobs()[0]["pictures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["seed"].clone())
        .collect();
    assert_eq!(seeds, (4..14).map(|n| json!(n)).collect::<Vec<_>>());
    home.run(&format!("wait {job}")).ok();
}

/// A picture is the same whether or not its batch was interrupted.
#[test]
fn what_was_interrupted_comes_out_the_same() {
    let home = Home::new();
    let line = "generate fox --seed 4 --steps 20 -W 32 -H 32 --batch 10";
    home.run(&format!("{line} -o whole.png")).ok();
    home.run("daemon stop").ok();
    // The ninth is the first of the second group: what is said of the eight before has long left the worker, and no more than two are
    // left to be made, so that the point is met once.
    home.start_armed("7:9");
    home.run(&format!("{line} -o broken.png")).ok();
    assert_eq!(home.jobs()[0]["attempts"], 2);
    for index in 0..10 {
        let read = |name: &str| std::fs::read(home.at(format!("{name}-{index}.png"))).unwrap();
        assert!(read("whole") == read("broken"), "picture {index}");
    }
}

/// Where a process dies, how often that point is passed first, and jobs before the one that meets it.
#[rstest]
#[case("1", 0)]
#[case("2", 0)]
#[case("3", 0)]
#[case("4:2", 1)]
#[case("5:2", 1)]
#[case("6:3", 1)]
#[case("7:3", 0)]
#[case("8:2", 0)]
#[case("9:2", 0)]
#[case("10:2", 0)]
#[case("11", 0)]
fn a_death_at_any_point_loses_nothing(#[case] failpoint: &str, #[case] before: usize) {
    let home = Home::new();
    home.start_armed(failpoint);
    let daemon = home.daemon_pid().unwrap();
    for _ in 0..before {
        home.generate("apple").ok();
    }
    // The second attempt passes each point less often than it takes to die.
    let ran = home
        .run("generate fox --seed 1 --steps 2 -W 16 -H 16 --batch 3 -o fox.png")
        .ok();
    assert_eq!(ran.stdout, "fox-0.png\nfox-1.png\nfox-2.png\n");
    let jobs = home.jobs();
    assert_eq!(jobs.len(), before + 1, "{jobs:#?}");
    home.everything_once();
    let point: u32 = failpoint.split(':').next().unwrap().parse().unwrap();
    let worker_dies = (4..=7).contains(&point);
    assert_eq!(home.daemon_pid() == Some(daemon), worker_dies, "the point was reached");
    if worker_dies {
        assert_eq!(jobs[0]["attempts"], 2, "the point was reached");
    }
}

#[test]
fn a_cancel_that_was_stored_outlives_the_daemon() {
    let home = Home::new();
    home.start_armed("12");
    let daemon = home.daemon_pid().unwrap();
    let mut watched = Watched::start(home.command("generate fox --steps 1000 --events".split(' ')));
    let job = watched.until_phase("denoise");
    let asked = home.run(&format!("cancel {job}"));
    assert!(asked.code == 0 || asked.code == 3, "{asked:#?}");
    watched.finish().0.refused(130, &["was cancelled"]);
    assert_ne!(home.daemon_pid(), Some(daemon), "the point was reached");
    assert_eq!(home.jobs()[0]["state"], "cancelled");
    assert!(home.pictures().is_empty() && home.staged().is_empty());
}

#[test]
fn a_task_that_brings_its_worker_down_twice_fails_alone() {
    let home = Home::new();
    home.start_armed("6");
    let daemon = home.daemon_pid();
    home.generate("fox").refused(1, &["twice", "log"]);
    let job = &home.jobs()[0];
    assert_eq!(
        (&job["state"], &job["failure"]["kind"]),
        (&"failed".into(), &"crash".into())
    );
    assert_eq!(home.daemon_pid(), daemon);
}

#[test]
fn a_socket_that_was_removed_is_made_again() {
    let home = Home::new();
    let (daemon, _) = home.warm();
    std::fs::remove_file(home.socket()).unwrap();
    home.run("status")
        .refused(3, &[&format!("A daemon (pid {daemon}) runs"), "few seconds"]);
    home.generate("fox").ok();
    assert_eq!(home.daemon_pid(), Some(daemon), "the same daemon answers");
}

#[test]
fn a_database_that_is_damaged_is_named_and_left_alone() {
    let home = Home::new();
    home.generate("fox").ok();
    home.run("daemon stop").ok();
    let database = home.at("data/darkroom.db");
    for ending in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(home.at(format!("data/darkroom.db{ending}")));
    }
    let garbage = vec![b'x'; 8192];
    std::fs::write(&database, &garbage).unwrap();
    let ran = home.generate("fox");
    ran.refused(3, &["did not start"]);
    assert!(ran.stderr.contains("darkroom.db"), "{ran:#?}");
    assert_eq!(std::fs::read(&database).unwrap(), garbage, "nothing is done to it");
    assert_eq!(home.pictures().len(), 1);
    std::fs::remove_file(&database).unwrap();
    home.generate("fox").ok();
}

#[test]
fn what_a_dead_daemon_left_does_not_stop_the_next() {
    let home = Home::new();
    let (daemon, worker) = home.warm();
    std::fs::write(home.at("data/staging/left.png"), "half").unwrap();
    kill(daemon, "KILL");
    wait_until("the end of both", || !is_alive(daemon) && !is_alive(worker));
    assert!(home.socket().exists(), "a corpse");
    home.run("status").refused(3, &["No daemon is running"]);
    let started = home.command(["daemon", "start"]).output().unwrap();
    Ran::of(started).ok();
    home.generate("fox").ok();
    home.everything_once();
}
