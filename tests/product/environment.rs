//! Faults of the environment are no job's fault: what was taken away is made again, or the line waits and everybody is told what is
//! short; no queue is burnt, and it goes on by itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{Home, Mount, Watched, wait_until};

/// So many small jobs, left to the daemon.
fn submit(home: &Home, jobs: usize) -> Vec<String> {
    (0..jobs)
        .map(|n| home.generate(&format!("job{n} --detach")).ok().line().to_owned())
        .collect()
}

fn states(home: &Home) -> Vec<Value> {
    home.jobs().iter().map(|job| job["state"].clone()).collect()
}

/// What `status` says is short.
fn short(home: &Home) -> String {
    home.status().unwrap()["short"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_tray_that_is_taken_away_is_made_again_before_the_next_job() {
    let home = Home::new();
    let (daemon, worker) = home.warm();
    for _ in 0..2 {
        home.take_away("data/staging");
        home.generate("fox").ok();
    }
    home.everything_once();
    assert!(home.jobs().iter().all(|job| job["attempts"] == 1));
    assert_eq!((home.daemon_pid(), home.worker_pid()), (Some(daemon), Some(worker)));
}

#[test]
fn a_tray_that_is_taken_away_from_a_running_job_costs_time_and_nothing_else() {
    let home = Home::new();
    let (daemon, worker) = home.warm();
    home.hold("denoise:0:1");
    let mut watched = Watched::start(home.command("generate fox --steps 2 -W 16 -H 16 --events".split(' ')));
    watched.until_phase("denoise");
    let waiting = submit(&home, 2);
    home.take_away("data/staging");
    home.hold("");
    let (ran, events) = watched.finish();
    ran.ok();
    assert!(
        events.iter().any(|event| event["kind"]["notice"]
            .as_str()
            .is_some_and(|text| text.contains("taken away"))),
        "{events:#?}"
    );
    home.run(&format!("wait {}", waiting.join(" "))).ok();
    home.everything_once();
    assert_eq!((home.daemon_pid(), home.worker_pid()), (Some(daemon), Some(worker)));
}

/// Something lies where a folder of the daemon should be: every watcher, `status` and `doctor` say so, nothing fails, and all goes
/// on once it is moved away.
#[rstest]
#[case::staging("data/staging")]
#[case::pictures("data/pictures")]
#[case::day("data/pictures/DAY")]
fn a_file_where_a_folder_should_be_holds_the_line(#[case] place: &str) {
    let home = Home::new();
    let (daemon, worker) = home.warm();
    home.generate("first").ok();
    let day = fs::read_dir(home.at("data/pictures"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .file_name();
    let place = home.at(place.replace("DAY", day.to_str().unwrap()));
    let aside = home.at("aside");
    fs::rename(&place, &aside).unwrap();
    fs::write(&place, "in the way").unwrap();

    let mut watched = Watched::start(home.command("generate fox --steps 1 -W 16 -H 16 --events".split(' ')));
    watched.until(|kind| kind["notice"].as_str().is_some_and(is_waiting));
    let others = submit(&home, 2);
    // Who comes later is told as well.
    let mut late = Watched::start(home.command(["wait", &others[0], "--events"]));
    late.until(|kind| kind["notice"].as_str().is_some_and(is_waiting));
    wait_until("the status to say what is short", || {
        short(&home).contains("move that away")
    });
    let doctor = home.run("doctor");
    assert!(doctor.stdout.contains("move"), "{doctor:#?}");
    assert!(
        states(&home).iter().all(|state| state != "failed"),
        "{:#?}",
        home.jobs()
    );

    fs::remove_file(&place).unwrap();
    fs::rename(&aside, &place).unwrap();
    watched.finish().0.ok();
    late.finish().0.ok();
    home.run(&format!("wait {}", others.join(" "))).ok();
    home.everything_once();
    wait_until("the status to say no more", || short(&home).is_empty());
    assert_eq!((home.daemon_pid(), home.worker_pid()), (Some(daemon), Some(worker)));
}

fn is_waiting(notice: &str) -> bool {
    notice.contains("The queue waits and goes on by itself.")
}

/// Where a file system with few inodes can be mounted, they are used up.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_without_inodes_is_called_that_and_waited_for() {
    let home = Home::new();
    fs::create_dir(home.at("data")).unwrap();
    let options = ["-t", "tmpfs", "-o", "size=64m,nr_inodes=64,mode=700", "tmpfs"];
    let Some(few) = Mount::new(&home.at("data"), &options) else {
        // Only root mounts.
        return;
    };
    home.warm();
    home.generate("first").ok();
    let filler = home.at("data/filler");
    fs::create_dir(&filler).unwrap();
    let full = (0..100)
        .take_while(|n| fs::write(filler.join(n.to_string()), "").is_ok())
        .count();
    assert!(full < 100);
    let mut watched = Watched::start(home.command("generate fox --steps 1 -W 16 -H 16 --events".split(' ')));
    watched.until(|kind| {
        kind["notice"]
            .as_str()
            .is_some_and(|text| text.contains("no inodes left") && is_waiting(text))
    });
    assert!(short(&home).contains("no inodes left"));
    let doctor = home.run("doctor");
    assert!(doctor.stdout.contains("inodes are used up"), "{doctor:#?}");
    fs::remove_dir_all(&filler).unwrap();
    watched.finish().0.ok();
    home.everything_once();
    home.run("daemon stop").ok();
    drop(few);
}

/// Sets a row's times back by so many days.
fn age(home: &Home, job: &str, days: i64) {
    let database = rusqlite::Connection::open(home.at("data/darkroom.db")).unwrap();
    let changed = database.execute(
        "UPDATE jobs SET cleared_ms = cleared_ms - ?1 WHERE id = ?2 AND cleared = 1",
        (days * 86_400_000, job.replace('-', "")),
    );
    assert_eq!(changed.unwrap(), 1);
}

fn log(home: &Home, job: &str) -> PathBuf {
    home.at("state/jobs").join(format!("{job}.log"))
}

fn age_file(path: &Path, days: u64) {
    let file = fs::OpenOptions::new().append(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(days * 86_400))
        .unwrap();
}

#[test]
fn old_logs_and_rows_that_were_cleared_go_and_pictures_stay() {
    let home = Home::new();
    home.settings("threads = 1\nkeep_logs = '7d'\nkeep_cleared = '20d'\n");
    let jobs: Vec<String> = (0..4)
        .map(|n| {
            home.generate(&format!("job{n} --json")).ok().json()[0]["job"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    home.run("queue clear").ok();
    // One more that is not cleared, but has an old log.
    let kept = home.generate("kept --json").ok().json()[0]["job"]
        .as_str()
        .unwrap()
        .to_owned();
    home.run("daemon stop").ok();
    let pictures = home.pictures();
    age(&home, &jobs[0], 21);
    age(&home, &jobs[1], 19);
    age_file(&log(&home, &jobs[2]), 8);
    age_file(&log(&home, &kept), 8);
    home.run("daemon start").ok();
    wait_until("what is old to go", || {
        !log(&home, &jobs[0]).exists() && !log(&home, &jobs[2]).exists() && !log(&home, &kept).exists()
    });
    let mut rpc = home.rpc();
    let mut is_known = |job: &str| rpc.call("job", &json!({ "job": job }))["result"]["id"] == job;
    assert!(!is_known(&jobs[0]));
    assert!(jobs[1..].iter().chain([&kept]).all(|job| is_known(job)));
    assert!(log(&home, &jobs[1]).exists() && log(&home, &jobs[3]).exists());
    assert_eq!(home.pictures(), pictures);
}
