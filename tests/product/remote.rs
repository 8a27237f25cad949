//! Another machine's daemon, through a program that stands for ssh: verbs that look and change, pictures that come here whole and once,
//! links that are cut again and again, and what is said where there is no way.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Home, Ran, wait_until};

/// A machine where one sits, and another that is reached from it.
struct Two {
    here: Home,
    there: Home,
}

impl Two {
    /// With a link that carries `most` bytes homeward before it is cut; what it carried is counted in a file.
    fn new(most: Option<u64>) -> Self {
        let two = Self {
            here: Home::new(),
            there: Home::new(),
        };
        let carried = two.here.at("carried");
        fs::write(&carried, "").unwrap();
        let run = match most {
            None => "exec sh -c \"$1\"".to_owned(),
            Some(most) => format!(
                "sh -c \"$1\" | {{ stdbuf -o0 head -c {most} | tee -a {}; kill 0; }}",
                carried.display()
            ),
        };
        // The shell there has another home, and a folder for programs that the login's has not.
        let script = format!(
            "#!/bin/sh\nshift\nunset DARKROOM_HOST\nexport DARKROOM_HOME={there} HOME={there}\nexport PATH={bin}:$PATH\n\
             {run}\n",
            there = two.there.path().display(),
            bin = two.there.path().display(),
        );
        fs::write(two.link(), script).unwrap();
        fs::set_permissions(two.link(), fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_darkroom"), two.there.at("darkroom")).unwrap();
        two
    }

    fn link(&self) -> PathBuf {
        self.here.at("link")
    }

    /// `darkroom -H box LINE`, here.
    fn run(&self, line: &str) -> Ran {
        let words = ["-H", "box"].into_iter().chain(line.split_whitespace());
        Ran::of(
            self.here
                .command(words)
                .env("DARKROOM_SSH", self.link())
                .output()
                .unwrap(),
        )
    }

    fn carried(&self) -> u64 {
        fs::metadata(self.here.at("carried")).unwrap().len()
    }
}

/// A picture that no compression makes small.
fn noise(side: u32) -> Vec<u8> {
    let mut pixels = vec![0; (3 * side * side) as usize];
    fastrand::Rng::with_seed(7).fill(&mut pixels);
    let picture = image::RgbImage::from_raw(side, side, pixels).unwrap();
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

#[test]
fn verbs_are_for_the_daemon_there_and_pictures_come_here() {
    let two = Two::new(None);
    let made = two.run("generate rocket -W 16 -H 16 --steps 1 -o out/rocket.png").ok();
    assert_eq!(made.stdout.trim(), "out/rocket.png");
    assert_eq!(
        fs::read(two.here.at("out/rocket.png")).unwrap(),
        fs::read(&two.there.pictures()[0]).unwrap()
    );
    assert!(
        two.here.pictures().is_empty() && !two.here.at("data/darkroom.db").exists(),
        "nothing runs here"
    );
    // Without -o it is kept here, where it can be opened.
    let path = two.run("generate fox -W 16 -H 16 --steps 1").ok().stdout;
    assert!(
        path.trim().starts_with(two.here.at("cache").to_str().unwrap()),
        "{path}"
    );
    assert!(image::open(path.trim()).is_ok());
    // A picture from here goes there.
    let line = "generate fox -i out/rocket.png --denoise 0.5 -W 16 -H 16 --steps 2 --json";
    let object = two.run(line).ok().json();
    assert_eq!(
        object[0]["job"]["task"]["image"]["size"]["width"].as_u64().or(Some(16)),
        Some(16)
    );
    let status: Value = serde_json::from_str(&two.run("status --json").ok().stdout).unwrap();
    assert_eq!(status["pid"].as_u64(), two.there.daemon_pid().map(u64::from));
    assert_eq!(two.run("queue --all --json").ok().json().len(), 3);
    two.run("history star 1").ok();
    assert_eq!(two.there.run("history search is:starred --json").ok().json().len(), 1);
    assert_eq!(two.run("history search rocket --json").ok().json().len(), 1);
    two.run("history rm 2").ok();
    assert!(two.run("models").ok().stdout.contains("emoji"));
    two.run("models ps").ok();
    let job = two.run("generate cactus -W 16 -H 16 --steps 1 --detach").ok().stdout;
    two.run(&format!("wait {} -o late.png", job.trim())).ok();
    assert!(image::open(two.here.at("late.png")).is_ok());
    two.run("cancel nothing").refused(2, &["nothing"]);
    // What is about a machine is done there.
    assert!(
        two.run("daemon status")
            .ok()
            .stdout
            .contains(two.there.path().to_str().unwrap())
    );
    two.run("daemon stop").ok();
    assert_eq!(two.there.daemon_pid(), None);
    // Who only asks how it stands starts none.
    two.run("status").refused(3, &["No daemon is running on box"]);
    assert_eq!(two.there.daemon_pid(), None);
}

#[test]
fn links_that_are_cut_lose_nothing_and_send_nothing_twice() {
    let side = 700;
    let bytes = noise(side);
    // Some twenty cuts: what a link carries beside the picture's pieces is little.
    let most = bytes.len() as u64 / 18;
    let two = Two::new(Some(most));
    fs::create_dir_all(two.there.at("old")).unwrap();
    fs::write(two.there.at("old/noise.png"), &bytes).unwrap();
    two.there.run("daemon start").ok();
    two.there.run("history import old").ok();
    let before = two.carried();
    two.run("history export -o out").ok();
    let brought = fs::read_dir(two.here.at("out"))
        .unwrap()
        .flatten()
        .map(|entry| entry.path());
    let brought: Vec<PathBuf> = brought
        .filter(|path| path.extension().is_some_and(|end| end == "png"))
        .collect();
    assert_eq!(fs::read(&brought[0]).unwrap(), bytes, "byte for byte");
    let carried = two.carried() - before;
    let all = bytes.len() as u64;
    assert!(carried >= all, "{carried} bytes of {all}");
    // A piece that was cut comes again, and nothing else of the picture.
    assert!(carried < all * 2, "{carried} bytes were carried for a picture of {all}");
    let again = two.carried();
    fs::remove_dir_all(two.here.at("out")).unwrap();
    two.run("history export -o out").ok();
    assert!(two.carried() - again < all / 4, "it is kept here");
}

#[test]
fn a_job_is_made_once_however_often_the_link_is_cut() {
    let two = Two::new(Some(6_000));
    two.there.run("daemon start").ok();
    let made = two.run("generate rocket -b 3 -W 16 -H 16 --steps 3 -o out/").ok();
    assert_eq!(made.stdout.lines().count(), 3, "{}", made.stdout);
    assert_eq!(two.there.jobs().len(), 1);
    two.there.everything_once();
    for path in made.stdout.lines() {
        assert!(image::open(two.here.at(path)).is_ok(), "{path}");
    }
}

#[test]
fn where_there_is_no_way_it_is_said() {
    let two = Two::new(None);
    fs::remove_file(two.there.at("darkroom")).unwrap();
    two.run("queue")
        .refused(3, &["box", "there is no `darkroom` there", "cargo xtask install"]);
    two.run("doctor").refused(3, &["there is no `darkroom` there"]);
    let run = |host: &str, ssh: &str| {
        let command = two
            .here
            .command([&format!("--host={host}"), "queue"])
            .env("DARKROOM_SSH", ssh)
            .output();
        Ran::of(command.unwrap())
    };
    run("box", "/nowhere/ssh").refused(3, &["box", "`/nowhere/ssh` cannot be run"]);
    run("-oProxyCommand=x", "ssh").refused(2, &["which ssh takes for a flag"]);
    run(
        "box",
        "sh -c 'echo \"me@box: Permission denied (publickey).\" >&2; exit 255'",
    )
    .refused(3, &["box: me@box: Permission denied (publickey)."]);
    run("box", "sh -c 'echo hello from a profile; sleep 1'").refused(3, &["writes to standard output"]);
    two.run("generate x --detach -o x.png")
        .refused(2, &["--detach does not wait for"]);
}

#[test]
fn a_machine_has_a_name_in_the_settings() {
    let two = Two::new(None);
    let program = two.there.at("elsewhere/dark room");
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    fs::rename(two.there.at("darkroom"), &program).unwrap();
    let (link, program) = (two.link(), program.display().to_string());
    let ssh = link.display();
    two.here.settings(&format!(
        "[hosts]\ngpu = {{ at = \"me@gpu\", ssh = \"{ssh}\", program = \"{program}\" }}\n"
    ));
    two.here.run("-H gpu queue").ok();
    two.here.run("queue --host gpu --all").ok();
    let by_variable = two.here.command(["queue"]).env("DARKROOM_HOST", "gpu").output();
    Ran::of(by_variable.unwrap()).ok();
    assert!(two.there.daemon_pid().is_some() && !two.here.at("data/darkroom.db").exists());
    let one = two
        .here
        .command(["-H", "here", "queue"])
        .env("DARKROOM_HOST", "gpu")
        .output();
    Ran::of(one.unwrap()).ok();
    wait_until("this machine's own", || two.here.run("status").code == 3);
}
