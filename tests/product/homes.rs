//! Two homes of one user: whatever folders they share, their daemons never meet.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Home, Ran, Rpc, is_alive, wait_until};

/// A home that is found by HOME and the XDG variables, as people's are.
struct Person<'a> {
    home: PathBuf,
    variables: Vec<(&'static str, PathBuf)>,
    _world: &'a Path,
}

impl<'a> Person<'a> {
    /// `HOME` is `world/name`, `XDG_RUNTIME_DIR` is `world/run`, for everybody.
    fn new(world: &'a Path, name: &str) -> Self {
        let home = world.join(name);
        std::fs::create_dir_all(home.join(".config/darkroom")).unwrap();
        std::fs::write(home.join(".config/darkroom/config.toml"), "threads = 1\n").unwrap();
        Self {
            variables: vec![("HOME", home.clone()), ("XDG_RUNTIME_DIR", world.join("run"))],
            home,
            _world: world,
        }
    }

    fn with(mut self, variable: &'static str, value: PathBuf) -> Self {
        self.variables.push((variable, value));
        self
    }

    fn run(&self, line: &str) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_darkroom"));
        for variable in ["DARKROOM_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"] {
            command.env_remove(variable);
        }
        command
            .args(line.split_whitespace())
            .envs(self.variables.clone())
            .stdin(Stdio::null());
        Ran::of(command.output().unwrap())
    }

    fn make(&self, prompt: &str) {
        self.run(&format!("generate {prompt} -W 16 -H 16 --steps 1 -q")).ok();
    }

    fn status(&self) -> Option<Value> {
        let ran = self.run("status --json");
        (ran.code == 0).then(|| serde_json::from_str(&ran.stdout).unwrap())
    }

    fn prompts(&self) -> Vec<String> {
        let jobs = self.run("queue --all --json").ok().json();
        jobs.iter()
            .map(|job| job["request"]["prompt"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Drop for Person<'_> {
    fn drop(&mut self) {
        self.run("daemon stop --force");
    }
}

fn world() -> tempfile::TempDir {
    let world = tempfile::Builder::new().prefix("dk").tempdir_in("/tmp").unwrap();
    std::fs::create_dir(world.path().join("run")).unwrap();
    world
}

#[test]
fn two_homes_with_one_runtime_folder_never_meet() {
    // The worker is looked for before anything is begun.
    drop(Home::empty());
    let world = world();
    let (a, b) = (Person::new(world.path(), "a"), Person::new(world.path(), "b"));
    a.make("apple");
    b.make("rocket");
    let (of_a, of_b) = (a.status().unwrap(), b.status().unwrap());
    assert_ne!(of_a["pid"], of_b["pid"]);
    assert_eq!(
        (a.prompts(), b.prompts()),
        (vec!["apple".to_owned()], vec!["rocket".to_owned()])
    );
    assert!(b.home.join(".local/share/darkroom/pictures").is_dir());
    // The first one has the name that is documented; the other one tells its own.
    let plain = world.path().join("run/darkroom/darkroom.sock");
    assert_eq!(of_a["socket"], plain.to_str().unwrap());
    let other = PathBuf::from(of_b["socket"].as_str().unwrap());
    assert!(other != plain && other.is_absolute());
    for (socket, status) in [(&plain, &of_a), (&other, &of_b)] {
        let told = Rpc::connect(socket).call("status", &serde_json::json!({}));
        assert_eq!(told["result"]["pid"], status["pid"], "{told:#}");
    }
    let doctor = b.run("doctor --json").json().remove(0);
    assert_eq!(doctor["socket"], of_b["socket"]);
    b.run("daemon stop").ok();
    assert_eq!(a.status().unwrap()["pid"], of_a["pid"], "one stops its own only");
    b.run("status").refused(3, &["No daemon is running"]);
    assert_eq!(b.prompts(), ["rocket"]);
    b.make("pizza");
    a.run("daemon restart").ok();
    let again = b.status().unwrap();
    assert_ne!(a.status().unwrap()["pid"], again["pid"]);
    a.run("daemon stop").ok();
    assert_eq!(b.status().unwrap()["pid"], again["pid"]);
    let words = b.run("daemon logs");
    assert!(words.stdout.contains("begins"), "{words:#?}");
}

#[test]
fn homes_that_share_their_state_or_are_copies_share_no_daemon() {
    let world = world();
    let share = |name| Person::new(world.path(), name).with("XDG_STATE_HOME", world.path().join("state"));
    let (a, b) = (share("a"), share("b"));
    a.make("apple");
    b.make("rocket");
    let (of_a, of_b) = (a.status().unwrap(), b.status().unwrap());
    assert_ne!(of_a["pid"], of_b["pid"]);
    assert!(
        !b.run("daemon logs")
            .ok()
            .stdout
            .contains(&format!("pid={} ", of_a["pid"]))
    );
    // A copy has the lock file of the daemon that the first one runs.
    let copied = Command::new("cp")
        .arg("-a")
        .arg(&a.home)
        .arg(world.path().join("c"))
        .status();
    assert!(copied.unwrap().success());
    let c = Person::new(world.path(), "c");
    c.run("status").refused(3, &["No daemon is running"]);
    let stopped = c.run("daemon stop").ok();
    assert!(stopped.stderr.contains("No daemon is running"), "{stopped:#?}");
    assert_eq!(a.status().unwrap()["pid"], of_a["pid"]);
    c.make("fox");
    assert_ne!(c.status().unwrap()["pid"], of_a["pid"]);
    assert_eq!(a.prompts(), ["apple"]);
}

#[test]
fn a_link_to_a_data_folder_is_that_folder() {
    let world = world();
    let a = Person::new(world.path(), "a");
    // The data are on another disk.
    let disk = world.path().join("disk");
    std::fs::create_dir_all(&disk).unwrap();
    std::fs::create_dir_all(a.home.join(".local/share")).unwrap();
    std::os::unix::fs::symlink(&disk, a.home.join(".local/share/darkroom")).unwrap();
    a.make("apple");
    assert!(disk.join("darkroom.db").is_file() && disk.join("pictures").is_dir());
    let b = Person::new(world.path(), "b");
    std::fs::create_dir_all(b.home.join(".local/share")).unwrap();
    std::os::unix::fs::symlink(&disk, b.home.join(".local/share/darkroom")).unwrap();
    assert_eq!(a.status().unwrap()["pid"], b.status().unwrap()["pid"]);
    assert_eq!(b.prompts(), ["apple"]);
    let pid = a.status().unwrap()["pid"].as_u64().unwrap() as u32;
    b.run("daemon stop").ok();
    assert!(!is_alive(pid));
    std::fs::rename(&disk, world.path().join("unmounted")).unwrap();
    a.run("generate apple").refused(1, &["is a link to", "mount that disk"]);
}

#[test]
fn a_copy_of_a_darkroom_home_is_another_home() {
    let home = Home::new();
    home.generate("apple").ok();
    let copy = Home::empty();
    for folder in ["data", "config"] {
        let copied = Command::new("cp")
            .arg("-a")
            .arg(home.at(folder))
            .arg(copy.path())
            .status();
        assert!(copied.unwrap().success());
    }
    copy.run("status").refused(3, &["No daemon is running"]);
    copy.run("daemon stop").ok();
    assert!(home.daemon_pid().is_some_and(is_alive));
    copy.generate("rocket").ok();
    wait_until("two daemons", || copy.daemon_pid().is_some());
    assert_ne!(copy.daemon_pid(), home.daemon_pid());
    assert_eq!(home.jobs().len(), 1);
}
