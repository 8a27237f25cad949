//! Disks that are full or read-only, and folders that somebody takes away: one clear line, nothing lost, and the queue goes on
//! by itself when the cause is gone.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Home, Mount, Ran, Watched, is_alive, wait_until};

/// A file size limit of the daemon and its workers stands in for a full disk: any user can set one.
#[test]
fn a_disk_with_no_room_for_the_picture_fails_the_job_and_nothing_else() {
    let home = Home::new();
    // The tables are made before: they are no picture.
    home.run("daemon start").ok();
    home.run("daemon stop").ok();
    let script = format!(
        "trap '' XFSZ; ulimit -f 1000; exec '{}' daemon start",
        env!("CARGO_BIN_EXE_darkroom")
    );
    let started = Command::new("sh")
        .args(["-c", &script])
        .env("DARKROOM_HOME", home.path())
        .output();
    Ran::of(started.unwrap()).ok();
    let daemon = home.daemon_pid().unwrap();
    let ran = home.generate("x -W 512 -H 512 --cfg 1 -o big.png");
    ran.refused(1, &[".png"]);
    assert!(!home.at("big.png").exists());
    let job = &home.jobs()[0];
    assert_eq!(
        (&job["state"], &job["failure"]["kind"]),
        (&"failed".into(), &"disk".into()),
        "{job:#}"
    );
    assert!(home.pictures().is_empty() && home.staged().is_empty());
    home.still_works(daemon);
}

/// Where a file system of two megabytes can be mounted, the disk is really full.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_holds_the_queue_until_there_is_room() {
    let home = Home::new();
    std::fs::create_dir(home.at("data")).unwrap();
    let Some(small) = Mount::new(&home.at("data"), &["-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs"]) else {
        // Only root mounts; the test above covers the rest.
        return;
    };
    let (daemon, worker) = home.warm();
    let line = "generate fox --steps 200 -W 64 -H 64 --batch 2 --events";
    let mut watched = Watched::start(home.command(line.split(' ')));
    watched.until_phase("denoise");
    let filler = home.at("data/filler");
    let _ = std::fs::write(&filler, vec![1; 4 << 20]);
    watched.until(|kind| {
        kind["notice"]
            .as_str()
            .is_some_and(|text| text.contains("the disk is full"))
    });
    let refused = home.generate("apple --detach");
    if refused.code != 0 {
        refused.refused(1, &["the disk is full", "free some space"]);
    }
    std::fs::remove_file(filler).unwrap();
    let (ran, events) = watched.finish();
    ran.ok();
    let notices = events
        .iter()
        .filter(|event| event["kind"]["notice"].is_string())
        .count();
    assert_eq!(notices, 1, "it is told once: {events:#?}");
    home.generate("fine").ok();
    home.everything_once();
    assert_eq!((home.daemon_pid(), home.worker_pid()), (Some(daemon), Some(worker)));
    home.run("daemon stop").ok();
    drop(small);
}

#[test]
fn pictures_that_cannot_be_written_wait_until_they_can() {
    let home = Home::new();
    let (daemon, worker) = home.warm();
    home.generate("first").ok();
    let closed = ReadOnly::new(&home.at("data"));
    let mut watched = Watched::start(home.command("generate fox --seed 3 --steps 2 -W 16 -H 16 --events".split(' ')));
    watched.until(|kind| {
        kind["notice"]
            .as_str()
            .is_some_and(|text| text.contains("DARKROOM_HOME"))
    });
    drop(closed);
    watched.finish().0.ok();
    home.everything_once();
    assert_eq!((home.daemon_pid(), home.worker_pid()), (Some(daemon), Some(worker)));
}

#[test]
fn a_data_folder_that_cannot_be_written_is_named_at_the_start() {
    let home = Home::new();
    home.generate("first").ok();
    home.run("daemon stop").ok();
    let closed = ReadOnly::new(&home.at("data"));
    let ran = home.generate("second");
    ran.refused(3, &["did not start", "/data/"]);
    let reason = ran.stderr.to_lowercase();
    assert!(reason.contains("read-only") || reason.contains("denied"), "{ran:#?}");
    drop(closed);
    home.generate("second").ok();
    home.everything_once();
}

#[test]
fn a_daemon_on_a_read_only_disk_can_be_stopped() {
    let home = Home::new();
    let (daemon, _) = home.warm();
    let closed = ReadOnly::new(&home.at("data"));
    let stopped = home.run("daemon stop").ok();
    assert!(stopped.stderr.contains("has ended"), "{stopped:#?}");
    assert!(!is_alive(daemon));
    let stopped = home.run("daemon stop").ok();
    assert!(stopped.stderr.contains("No daemon is running"), "{stopped:#?}");
    home.run("queue").ok();
    drop(closed);
    home.generate("second").ok();
}

/// Where a file system of half a megabyte can be mounted, the disk is really full.
#[cfg(target_os = "linux")]
#[test]
fn a_start_on_a_full_disk_says_why() {
    let home = Home::empty();
    let Some(small) = Mount::new(home.path(), &["-t", "tmpfs", "-o", "size=512k,mode=700", "tmpfs"]) else {
        return;
    };
    let filler = home.at("filler");
    let _ = std::fs::write(&filler, vec![1; 1 << 20]);
    let ran = home.run("daemon start");
    ran.told(3, &["The daemon did not start", "the disk is full", "free some space"]);
    std::fs::remove_file(filler).unwrap();
    home.run("daemon start").ok();
    home.run("daemon stop").ok();
    drop(small);
}

/// Whatever of its folders is taken away, the daemon ends or mends it, and two never share a database.
#[test]
fn a_state_folder_that_is_taken_away_ends_the_daemon_and_the_next_goes_on() {
    let home = Home::new();
    let (daemon, _) = home.warm();
    let line = "fox --detach --steps 300 --batch 2";
    let job = home.generate(line).ok().line().to_owned();
    home.take_away("state");
    wait_until("the end of the daemon without a lock", || !is_alive(daemon));
    home.run(&format!("wait {job}")).ok();
    home.generate("apple").ok();
    assert_ne!(home.daemon_pid(), Some(daemon));
    home.everything_once();
}

#[test]
fn homes_that_share_their_data_have_one_daemon() {
    let home = Home::new();
    let (daemon, _) = home.warm();
    let other = Home::new();
    std::os::unix::fs::symlink(home.at("data"), other.at("data")).unwrap();
    other.generate("fox").ok();
    assert_eq!(other.daemon_pid(), Some(daemon));
    assert_eq!(home.jobs().len(), 1);
    home.still_works(daemon);
}

/// A folder in which nothing can be written until this is dropped: for root a read-only mount over it, for others its mode.
struct ReadOnly {
    folders: Vec<PathBuf>,
    _mount: Option<Mount>,
}

impl ReadOnly {
    fn new(folder: &Path) -> Self {
        let text = folder.to_str().unwrap();
        if let Some(mount) = Mount::new(folder, &["--bind", text]) {
            let mode = Command::new("mount").args(["-o", "remount,bind,ro", text]).output();
            assert!(mode.unwrap().status.success());
            return Self {
                folders: vec![],
                _mount: Some(mount),
            };
        }
        let folders = vec![folder.to_owned(), folder.join("pictures"), folder.join("staging")];
        folders.iter().for_each(|folder| chmod(folder, "500"));
        Self { folders, _mount: None }
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        self.folders.iter().for_each(|folder| chmod(folder, "700"));
    }
}

fn chmod(folder: &Path, mode: &str) {
    for entry in std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().is_dir())
    {
        assert!(
            Command::new("chmod")
                .arg(mode)
                .arg(entry.path())
                .status()
                .unwrap()
                .success()
        );
    }
    assert!(Command::new("chmod").arg(mode).arg(folder).status().unwrap().success());
}

/// A disk that takes a picture slowly holds up nobody but its own job.
#[test]
fn others_are_served_while_a_picture_is_being_kept() {
    let home = Home::new();
    home.warm();
    home.hold("keep:0");
    let slow = home.generate("fox --detach").ok().line().to_owned();
    let staged = home.at("data/staging");
    let is_staged = || {
        let trays = std::fs::read_dir(&staged).into_iter().flatten().flatten();
        trays
            .filter_map(|tray| std::fs::read_dir(tray.path()).ok())
            .flatten()
            .flatten()
            .any(|file| file.path().extension().is_some_and(|end| end == "png"))
    };
    wait_until("the picture to be staged", is_staged);
    let other = home.generate("apple --detach").ok().line().to_owned();
    // Each is answered when it has been followed by the one who gives out work.
    home.run(&format!("cancel {other}")).ok();
    home.run("models unload --all --no-wait").ok();
    assert_eq!(home.status().unwrap()["running"].as_array().unwrap().len(), 1);
    home.hold("");
    home.run(&format!("wait {slow}")).ok();
    let state = |id: &str| {
        home.jobs()
            .into_iter()
            .find(|job| job["id"] == id || job["short"] == id)
            .unwrap()["state"]
            .clone()
    };
    assert_eq!((state(&slow), state(&other)), ("done".into(), "cancelled".into()));
}

/// A disk that takes a commit slowly keeps nobody from looking at what is kept.
#[test]
fn the_queue_is_told_while_a_commit_waits_for_the_disk() {
    let home = Home::new();
    home.warm();
    home.generate("apple").ok();
    home.hold("commit");
    let submit = home.command("generate fox --detach".split(' ')).spawn().unwrap();
    wait_until("the commit to be held", || {
        let database = rusqlite::Connection::open(home.at("data/darkroom.db")).unwrap();
        database.busy_timeout(std::time::Duration::ZERO).unwrap();
        // Only one changes it at a time.
        database.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_err()
    });
    let jobs = home.jobs();
    assert_eq!(jobs.len(), 1, "{jobs:#?}");
    home.run(&format!("queue log {}", jobs[0]["id"].as_str().unwrap())).ok();
    home.hold("");
    Ran::of(submit.wait_with_output().unwrap()).ok();
    assert_eq!(home.jobs().len(), 2);
}
