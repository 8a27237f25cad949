//! The daemon as processes see it: one at a time, started only by the verbs that need it, and only by its owner.

use std::os::unix::net::UnixDatagram;
use std::process::Child;

use crate::support::{Home, Ran, is_alive, kill, wait_until};

#[test]
fn ten_clients_race_and_one_daemon_serves_them() {
    let home = Home::new();
    let start = || {
        home.command("generate fox --steps 1 -W 16 -H 16 --json".split(' '))
            .spawn()
            .unwrap()
    };
    let racers: Vec<Child> = (0..10).map(|_| start()).collect();
    for racer in racers {
        Ran::of(racer.wait_with_output().unwrap()).ok();
    }
    let log = std::fs::read_to_string(home.at("state/daemon.log")).unwrap();
    assert_eq!(log.matches("begins pid=").count(), 1, "{log}");
    assert_eq!(home.jobs().len(), 10);
    home.everything_once();
}

#[test]
fn verbs_that_only_look_start_no_daemon() {
    let home = Home::empty();
    home.run("status")
        .refused(3, &["No daemon is running", "darkroom daemon start"]);
    home.run("daemon status").refused(3, &["No daemon is running"]);
    home.run("cancel 0199").refused(3, &["No daemon is running"]);
    let doctor = home.run("doctor").ok();
    assert!(doctor.stdout.contains("not running"), "{doctor:#?}");
    home.run("daemon logs").refused(1, &["no log yet"]);
    let stopped = home.run("daemon stop").ok();
    assert!(stopped.stderr.contains("No daemon is running."), "{stopped:#?}");
    let down = home.run("metrics -o -").ok();
    assert!(down.stdout.ends_with("darkroom_up 0\n"), "{down:#?}");
    assert!(!home.socket().exists() && !home.at("data").exists());
    assert_eq!(
        std::fs::read_dir(home.path()).unwrap().count(),
        0,
        "they leave no trace"
    );
}

#[test]
fn a_service_manager_that_does_not_read_keeps_nobody_waiting() {
    let home = Home::new();
    let place = home.at("notify");
    let _manager = UnixDatagram::bind(&place).unwrap();
    // Each sender may fill its own share; the manager's is full once a new one cannot begin.
    let mut senders = Vec::new();
    loop {
        let sender = UnixDatagram::unbound().unwrap();
        sender.set_nonblocking(true).unwrap();
        if sender.send_to(b"x", &place).is_err() {
            break;
        }
        while sender.send_to(b"x", &place).is_ok() {}
        senders.push(sender);
    }
    let mut command = home.command(["daemon", "run"]);
    let mut daemon = command.env("NOTIFY_SOCKET", &place).spawn().unwrap();
    wait_until("the daemon to answer", || home.run("status").code == 0);
    home.run("daemon stop").ok();
    assert!(daemon.wait().unwrap().success());
}

#[test]
fn a_file_in_the_place_of_the_sockets_folder_is_named() {
    let home = Home::empty();
    std::fs::write(home.at("run"), "").unwrap();
    home.run("status").refused(3, &["No daemon is running"]);
    home.run("queue").ok();
    home.run("daemon start")
        .told(3, &["is not a directory (or a link to one): move it away"]);
}

#[test]
fn doctor_tells_what_there_is() {
    let home = Home::new();
    let text = home.run("doctor").ok();
    for word in [
        "libtorch", "2.11.0", "cpu", "bf16", "data", "socket", "terminal", "emoji", "all well",
    ] {
        assert!(text.stdout.contains(word), "{word}: {text:#?}");
    }
    text.printable();
    let json = &home.run("doctor --json").ok().json()[0];
    assert!(json.to_string().contains("2.11.0"), "{json:#}");
    let mut command = home.command(["doctor"]);
    command.env("DARKROOM_WORKER", "/nowhere/darkroom-worker");
    let lost = Ran::of(command.output().unwrap());
    assert_eq!(lost.code, 1, "{lost:#?}");
    assert!(lost.stdout.contains("/nowhere/darkroom-worker"), "{lost:#?}");
}

#[test]
fn start_restart_and_stop() {
    let home = Home::new();
    let (first, worker) = home.warm();
    home.run("daemon start").ok();
    assert_eq!(home.daemon_pid(), Some(first), "it runs already");
    let second = home.run("daemon run");
    second.refused(1, &["runs already", &first.to_string()]);
    home.run("daemon restart").ok();
    let next = home.daemon_pid().unwrap();
    assert_ne!(next, first);
    wait_until("the old ones' end", || !is_alive(first) && !is_alive(worker));
    assert!(home.run("daemon logs -n 5").ok().stdout.lines().count() <= 5);
    let worker = home.warm().1;
    home.run("daemon stop").ok();
    assert!(!is_alive(next), "it has ended when stop returns");
    assert!(!home.socket().exists());
    wait_until("the worker's end", || !is_alive(worker));
    home.run("status").refused(3, &["No daemon is running"]);
}

/// Clients start a successor as soon as the daemon is gone: it is neither waited for, nor named, nor killed.
#[test]
fn stop_ends_the_daemon_that_it_asked_and_no_successor() {
    let home = Home::new();
    home.run("daemon start").ok();
    let over = std::sync::atomic::AtomicBool::new(false);
    let rounds = 6;
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    // One that is just going may refuse it.
                    drop(home.run("daemon start"));
                }
            });
        }
        for _ in 0..rounds {
            let mut daemon = None;
            wait_until("a daemon", || {
                daemon = home.daemon_pid();
                daemon.is_some()
            });
            let stopped = home.run("daemon stop").ok();
            assert!(stopped.stderr.contains("The daemon has ended"), "{stopped:#?}");
            assert!(!is_alive(daemon.unwrap()), "{stopped:#?}");
        }
        over.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let log = std::fs::read_to_string(home.at("state/daemon.log")).unwrap();
    assert!(!log.contains("a signal asks"), "somebody was signalled: {log}");
    assert_eq!(log.matches("a client asks the daemon to end").count(), rounds, "{log}");
}

/// A worker that dies and is started again is no secret, however quiet the person wants it.
#[test]
fn a_worker_that_is_started_again_is_told_even_with_quiet() {
    let home = Home::new();
    let (_, worker) = home.warm();
    let child = home
        .command("generate fox --steps 300 -W 64 -H 64 -q".split(' '))
        .spawn()
        .unwrap();
    wait_until("it to run", || {
        home.status().is_some_and(|status| status["running"][0].is_string())
    });
    kill(worker, "KILL");
    let ran = Ran::of(child.wait_with_output().unwrap()).ok();
    assert!(ran.stderr.contains("The worker"), "{ran:#?}");
}

#[test]
fn a_restart_that_would_leave_no_daemon_is_refused() {
    let home = Home::new();
    let (daemon, _) = home.warm();
    home.settings("threads = 'many'\n");
    home.run("daemon restart").refused(1, &["config.toml", "line 1"]);
    assert_eq!(home.daemon_pid(), Some(daemon));
}

#[test]
fn jobs_outlive_the_daemon() {
    let home = Home::new();
    let job = home.generate("fox --detach --steps 200").ok().line().to_owned();
    let after = home.generate("apple --detach").ok().line().to_owned();
    home.run("daemon stop").ok();
    home.run(&format!("wait {after}")).ok();
    home.run(&format!("wait {job}")).ok();
    home.everything_once();
}

#[test]
fn folders_that_are_not_ours_are_refused_in_words() {
    let long = "x".repeat(90);
    let home = Home::new();
    let mut command = home.command(["generate", "x"]);
    command.env("DARKROOM_HOME", home.at(&long));
    Ran::of(command.output().unwrap()).refused(1, &["at most 103 bytes", "DARKROOM_HOME"]);

    let linked = Home::new();
    std::os::unix::fs::symlink("/tmp", linked.at("run")).unwrap();
    let ran = linked.generate("x");
    assert_eq!(ran.code, 3, "{ran:#?}");
    assert!(ran.stderr.contains("is not a directory (or a link to one)"), "{ran:#?}");

    let foreign = Home::new();
    std::fs::create_dir(foreign.at("run")).unwrap();
    if std::os::unix::fs::chown(foreign.at("run"), Some(4321), None).is_ok() {
        let ran = foreign.generate("x");
        assert_eq!(ran.code, 3, "{ran:#?}");
        assert!(ran.stderr.contains("belongs to user 4321"), "{ran:#?}");
        std::os::unix::fs::chown(foreign.at("run"), Some(0), None).unwrap();
    }
}

#[test]
fn a_home_that_is_a_file_is_said() {
    let home = Home::new();
    std::fs::write(home.at("file"), "").unwrap();
    let mut command = home.command(["generate", "x"]);
    command.env("DARKROOM_HOME", home.at("file"));
    let ran = Ran::of(command.output().unwrap());
    assert!(
        (ran.code == 1 || ran.code == 3) && ran.stderr.contains("file"),
        "{ran:#?}"
    );
}

#[test]
fn a_worker_that_is_missing_is_said() {
    let home = Home::new();
    let mut command = home.command(["daemon", "start"]);
    command.env("DARKROOM_WORKER", home.at("none"));
    Ran::of(command.output().unwrap()).ok();
    home.generate("x").refused(1, &["darkroom-worker"]);
    let mut restart = home.command(["daemon", "restart"]);
    restart.env("DARKROOM_WORKER", "/bin/false");
    Ran::of(restart.output().unwrap()).ok();
    home.generate("x").refused(1, &["worker", "darkroom doctor"]);
}
