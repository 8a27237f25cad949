//! Requests that cannot be met: one clear line, the right exit code, a daemon that goes on.

use crate::support::Home;

/// Flags after `generate x`, exit code, words of the line.
const FLAGS: &[(&str, i32, &[&str])] = &[
    ("-W 66", 2, &["66", "multiple of 4", "64 or 68"]),
    ("-H 0", 2, &["height", "8 to 8192", "0"]),
    ("-W 0", 2, &["width", "8 to 8192"]),
    ("-W 1000000", 2, &["width", "8 to 8192", "1000000"]),
    ("-W 8192 -H 8192", 2, &["8192×8192", "4096×4096"]),
    ("-W -8", 2, &["width", "8 to 8192", "-8"]),
    ("-W 99999999999999999999999", 2, &["width", "8 to 8192"]),
    ("-W wide", 2, &["width", "whole number", "wide"]),
    ("--steps 0", 2, &["steps", "1 to 1000", "0"]),
    ("--steps 1001", 2, &["steps", "1 to 1000"]),
    ("--steps 2.5", 2, &["steps", "whole number", "2.5"]),
    ("--batch 0", 2, &["batch", "1 to 256"]),
    ("--batch 1000000", 2, &["batch", "1 to 256", "1000000"]),
    ("--seed 9007199254740992", 2, &["seed", "9007199254740991"]),
    ("--seed 9007199254740991 --batch 2", 2, &["seed", "9007199254740990"]),
    ("--seed -2", 2, &["seed", "-1"]),
    ("--cfg nan", 2, &["--cfg", "0 to 100"]),
    ("--cfg 1e9", 2, &["--cfg", "0 to 100"]),
    ("--sampler eulr", 2, &["sampler", "Euler", "eulr"]),
    ("--schedule kar", 2, &["schedule", "Karras"]),
    ("--dtype f64", 2, &["dtype", "bf16"]),
    ("--device gpu9", 2, &["gpu9", "no device", "cuda:0"]),
    ("--device cuda:7", 2, &["no device cuda:7", "cpu"]),
    ("--threads 0", 2, &["threads", "1 to 1024"]),
    ("--format gif", 2, &["format", "webp"]),
    ("--stepps 4", 2, &["--stepps", "did you mean --steps?"]),
    ("more words", 2, &["'more'", "quotes"]),
    ("-m emojj", 4, &["There is no model emojj", "did you mean emoji?"]),
    (
        "-m nothing-like-it",
        4,
        &["There is no model nothing-like-it", "folder"],
    ),
    (
        "-m /nowhere/at/all",
        4,
        &["There is no model /nowhere/at/all", "model_index.json"],
    ),
    ("-m ./nowhere", 4, &["nowhere", "model_index.json"]),
    ("-o - --detach", 2, &["-o -", "--detach"]),
    ("--force", 2, &["--output"]),
    ("--json --events", 2, &["--json", "--events"]),
];

#[test]
fn flags_that_cannot_be_met() {
    let home = Home::new();
    let (daemon, worker) = home.warm();
    for (flags, code, words) in FLAGS {
        let line = format!("generate x {flags}");
        let ran = home.run(&line);
        assert!(ran.stdout.is_empty(), "{line}: {ran:#?}");
        println!("{line}\n  {}", ran.stderr.trim_end());
        ran.refused(*code, words);
    }
    assert!(home.pictures().is_empty());
    home.still_works(daemon);
    assert_eq!(home.worker_pid(), Some(worker));
}

#[test]
fn verbs_that_do_not_exist() {
    let home = Home::empty();
    home.run("generat x").refused(2, &["generat", "did you mean generate?"]);
    home.run("generate").refused(2, &["PROMPT"]);
    home.run("daemon strat").refused(2, &["strat", "start"]);
    home.run("queue --limit 0").refused(2, &["--limit", "1..=1000"]);
    home.run("show none.png").refused(1, &["none.png"]);
    home.run("").ok();
    assert!(home.run("--help").ok().stdout.contains("Exit codes"));
    assert!(
        !home.socket().exists() && !home.at("data").exists(),
        "nothing of it needs a daemon"
    );
}

#[test]
fn prompts_of_any_length() {
    let home = Home::new();
    let (daemon, _) = home.warm();
    let tiny = ["--steps", "1", "-W", "16", "-H", "16"];
    let megabyte = "a ".repeat(1 << 19);
    std::fs::write(home.at("prompt"), &megabyte).unwrap();
    let mut command = home.command(["generate", "-"].iter().chain(&tiny));
    command.stdin(std::fs::File::open(home.at("prompt")).unwrap());
    crate::support::Ran::of(command.output().unwrap()).refused(2, &["prompt", "65536", "shorten it"]);
    let argument = &megabyte[..100_000];
    home.run_args(["generate", argument].iter().chain(&tiny))
        .refused(2, &["prompt", "65536", "shorten it"]);
    let longest = &megabyte[..65_536];
    home.run_args(["generate", longest].iter().chain(&tiny)).ok();
    home.run_args(["generate", ""].iter().chain(&tiny)).ok();
    home.run_args(["generate", " \t\n ", "-n", ""].iter().chain(&tiny)).ok();
    home.run_args(["generate", "🦊 狐 \u{202e}xof\u{0301}"].iter().chain(&tiny))
        .ok();
    home.still_works(daemon);
}

#[test]
fn control_characters_never_reach_the_terminal() {
    let home = Home::new();
    let nasty = "\u{1b}]0;owned\u{7}\u{1b}[2Jfox\r\u{9b}31m";
    let tiny = ["--steps", "1", "-W", "16", "-H", "16"];
    home.run_args(["generate", nasty, "-o", "a.png"].iter().chain(&tiny))
        .ok()
        .printable();
    for args in [
        vec!["queue", "--all"],
        vec!["show", "a.png"],
        vec!["status"],
        vec!["daemon", "logs"],
    ] {
        home.run_args(args).ok().printable();
    }
    home.run_args(["generate", "x", "-m", nasty]).refused(4, &["\\u{1b}"]);
    home.run_args(["generate", "x", "-m", &format!("/{nasty}")])
        .refused(4, &["\\u{1b}"]);
    home.run_args(["generate", "x", "--sampler", nasty])
        .refused(2, &["\\u{1b}"]);
    home.run_args(["generate", "x", "--device", nasty])
        .refused(2, &["\\u{1b}"]);
    std::fs::write(home.at(nasty), "").unwrap();
    home.run_args(["generate", "x", "-o", &format!("{nasty}/x.png")])
        .refused(1, &["\\u{1b}"]);
    home.run_args(["generate", "x", &format!("--{nasty}")])
        .refused(2, &["\\u{9b}"]);
    home.run_args(["cancel", nasty]).refused(2, &["\\u{1b}"]);
    home.run_args(["show", nasty]).refused(1, &["\\u{1b}"]);
    home.run_args([nasty]).refused(2, &["\\u{9b}"]);
}

#[test]
fn settings_that_are_wrong_are_named_with_their_line() {
    let home = Home::new();
    home.settings("threads = 1\ndtype = \"f64\"\n");
    let ran = home.generate("x");
    ran.refused(3, &["did not start"]);
    assert!(
        ran.stderr.contains("config.toml") && ran.stderr.contains("line 2"),
        "{ran:#?}"
    );
    assert_eq!(home.run("doctor").code, 1);
    home.settings("threads = 1\n");
    home.generate("x").ok();
}
