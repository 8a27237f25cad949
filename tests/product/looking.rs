//! What people see of the queue and of the command itself: progress, beginnings, columns, `--watch`, `wait --any`, hints, help, output
//! that cannot be written.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Home, Ran, Watched, short, wait_until};

/// The job of that id in `queue --json`.
#[track_caller]
fn listed(home: &Home, id: &str) -> Value {
    let jobs = home.run("queue --json").ok().json();
    jobs.into_iter().find(|job| job["id"] == id).unwrap()
}

#[test]
fn a_running_job_tells_how_far_it_is_and_those_behind_it_when_they_begin() {
    let home = Home::new();
    home.generate("warm").ok();
    let mut watched = Watched::start(home.command("generate fox --steps 1000 -W 64 -H 64 --events".split(' ')));
    let job = watched.until(|kind| kind["progress"]["phase"] == "denoise" && kind["progress"]["eta_s"].is_number());
    let next = home.generate("next --detach --steps 20").ok().line().to_owned();
    let last = home.generate("last --detach").ok().line().to_owned();
    let running = listed(&home, &job);
    assert_eq!(running["progress"]["steps"], 1000, "{running:#}");
    assert!(running["progress"]["eta_s"].is_number() && running["duration_s"].is_number());
    let begins = |id: &str| listed(&home, id)["begins_s"].as_f64().unwrap();
    assert!(begins(&next) > 0.0 && begins(&last) > begins(&next) - 1.0);
    let table = home.run("queue").ok().stdout;
    let line = |id: &str| {
        table
            .lines()
            .find(|line| line.starts_with(&short(id)))
            .unwrap()
            .to_owned()
    };
    assert!(
        line(&job).contains("/1000 ") && line(&job).contains('%') && line(&job).contains(" left"),
        "{table}"
    );
    assert!(
        line(&next).contains("waiting 1  in ") && line(&last).contains("waiting 2  in "),
        "{table}"
    );
    let status = home.run("status").ok().stdout;
    assert!(
        status.contains("step ") && status.contains("/1000, ") && status.contains(" left"),
        "{status}"
    );
    assert!(status.contains("beside models: "), "{status}");
    assert_eq!(home.status().unwrap()["progress"][0]["job"], job.as_str());
    let asked = home.rpc().call("job", &serde_json::json!({ "job": "@running" }));
    assert_eq!(asked["result"]["progress"]["steps"], 1000, "{asked:#}");
    home.run("queue pause").ok();
    assert_eq!(
        listed(&home, &next)["begins_s"],
        Value::Null,
        "a paused queue begins nothing"
    );
    home.run("queue resume").ok();
    home.run("cancel @running").ok();
    watched.finish();
    home.all_end();
}

#[test]
fn the_list_has_what_people_look_for_and_ends_by_their_end() {
    let home = Home::new();
    home.run("queue pause").ok();
    let first = home.generate("first --detach --seed 5").ok().line().to_owned();
    let second = home
        .generate("second --detach --seed 6 -b 2 --priority 5")
        .ok()
        .line()
        .to_owned();
    home.run("queue resume").ok();
    home.all_end();
    let table = home.run("queue").ok().stdout;
    let lines: Vec<&str> = table.lines().collect();
    // The one that was asked for last ran first, so it ended first.
    assert!(
        lines[0].starts_with(&short(&first)) && lines[1].starts_with(&short(&second)),
        "{table}"
    );
    let job = listed(&home, &second);
    let path = job["pictures"][0]["path"].as_str().unwrap();
    for cell in ["done", "2/2", "emoji", "6", " s", path, "second"] {
        assert!(lines[1].contains(cell), "no {cell} in {table}");
    }
    assert!(!table.contains('\x1b'), "a pipe gets no colour");
    let plain = |field: &str| job[field].clone();
    assert_eq!(
        (plain("model"), plain("seed"), plain("path")),
        ("emoji".into(), 6.into(), path.into())
    );
    assert_eq!(
        (plain("short"), plain("prompt")),
        (short(&second).into(), "second".into())
    );
    assert!(job["duration_s"].as_f64().unwrap() > 0.0);
    let log = home.run("queue log @2").ok().stdout;
    assert!(
        log.contains("accepted: emoji, 16×16") && log.contains(path_of(&home, &first).as_str()),
        "{log}"
    );
    assert!(log.lines().last().unwrap().contains(" done after "), "{log}");
}

fn path_of(home: &Home, id: &str) -> String {
    listed(home, id)["path"].as_str().unwrap().to_owned()
}

#[test]
fn a_page_and_more_is_not_cleared_without_a_word() {
    let home = Home::new();
    home.run("queue pause").ok();
    for n in 0..51 {
        home.generate(&format!("job{n} --detach")).ok();
    }
    home.run("cancel --all").ok();
    home.generate("kept --detach").ok();
    let refused = home.run("queue clear");
    refused.refused(2, &["51 jobs", "--yes"]);
    assert_eq!(home.jobs().len(), 52, "nothing was cleared");
    let told = home.run("queue clear --yes").ok().stderr;
    assert!(
        told.contains("51 jobs are off the list; their pictures stay. One other job stays on it."),
        "{told}"
    );
    home.run("cancel --all").ok();
    home.run("queue clear").ok();
}

#[test]
fn the_list_is_watched_line_by_line_where_there_is_no_terminal() {
    let home = Home::new();
    home.run("queue pause").ok();
    let id = home.generate("fox --detach").ok().line().to_owned();
    let mut child = home.command(["queue", "--watch"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.starts_with(&short(&id)) && first.contains("waiting 1"), "{first}");
    home.run("queue resume").ok();
    let done = lines.map_while(Result::ok).find(|line| line.contains("  done  "));
    assert!(done.unwrap().contains("1/1"));
    crate::support::kill(child.id(), "INT");
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_first_or_all_are_waited_for() {
    let home = Home::new();
    home.run("queue pause").ok();
    let slow = home.generate("slow --detach").ok().line().to_owned();
    let quick = home.generate("quick --detach --seed 3").ok().line().to_owned();
    home.run(&format!("queue pause {slow}")).ok();
    home.run("queue resume").ok();
    let any = home.run(&format!("wait --any {slow} {quick} --json")).ok().json();
    assert_eq!((any.len(), &any[0]["job"]), (1, &Value::from(quick.as_str())));
    home.run(&format!("queue resume {slow}")).ok();
    home.run("wait --all").ok();
    wait_until("the end of both", || {
        home.jobs().iter().all(|job| job["state"] == "done")
    });
    let none = home.run("wait --all").ok();
    assert!(
        none.stdout.is_empty() && none.stderr.contains("No job waits or runs."),
        "{none:#?}"
    );
    home.run("wait --all --any").refused(2, &["--all", "--any"]);
}

#[test]
fn json_has_every_parameter() {
    let home = Home::new();
    let line = home
        .generate("fox --json --seed 4 -n blur --cfg 3 --sampler euler -q")
        .ok()
        .json()
        .remove(0);
    let has = |name: &str, value: Value| assert_eq!(line[name], value, "{name}: {line:#}");
    has("prompt", "fox".into());
    has("negative_prompt", "blur".into());
    has("seed", 4.into());
    has("steps", 1.into());
    has("cfg_scale", 3.0.into());
    has("sampler", "Euler".into());
    has("batch", 1.into());
    has("quant", "none".into());
    for name in [
        "schedule",
        "device",
        "dtype",
        "format",
        "vae_tiling",
        "threads",
        "created_ms",
        "started_ms",
        "sha256",
        "path",
    ] {
        assert!(!line[name].is_null(), "{name}: {line:#}");
    }
}

#[test]
fn events_are_flat_and_say_what_they_are() {
    let home = Home::new();
    let lines = home.generate("fox --events --seed 4").ok().json();
    let of = |name: &str| {
        lines
            .iter()
            .find(|line| line["event"] == name)
            .unwrap_or_else(|| panic!("{name}: {lines:#?}"))
    };
    let flat = |line: &Value| {
        line.as_object()
            .unwrap()
            .values()
            .all(|value| !value.is_object() && !value.is_array())
    };
    assert!(
        lines
            .iter()
            .all(|line| line["job"].is_string() && line["seq"].is_u64() && flat(line)),
        "{lines:#?}"
    );
    assert_eq!(of("picture")["seed"], 4);
    assert!(of("progress")["steps"].is_u64() && of("progress")["phase"].is_string());
    assert_eq!(lines.last().unwrap()["state"], "done");
    let failed = home.run("generate fox --steps 1 -W 4096 -H 4096 --events -m /nowhere");
    assert_ne!(failed.code, 0);
}

#[test]
fn a_broken_settings_file_is_told_by_every_verb() {
    let home = Home::new();
    home.warm();
    home.settings("threads = 1\nmodle = 'x'\n");
    for line in [
        "status",
        "queue",
        "queue --json",
        "models",
        "generate fox -q --steps 1 -W 16 -H 16",
        "metrics",
        "wait @last",
    ] {
        let ran = home.run(line).ok();
        let told: Vec<&str> = ran
            .stderr
            .lines()
            .filter(|line| line.contains("config.toml: "))
            .collect();
        assert_eq!(told.len(), 1, "{line}: {ran:#?}");
        assert!(
            told[0].contains("config.toml: line 2, column 1: ") && told[0].contains("modle"),
            "{line}: {told:?}"
        );
    }
    home.settings("threads = 1\n");
    assert!(!home.run("status").ok().stderr.contains("config.toml"));
}

#[test]
fn a_pipe_is_told_no_hints() {
    let home = Home::new();
    for line in ["fox", "fox --json", "fox --detach", "fox -q"] {
        let ran = home.generate(line).ok();
        assert!(!ran.stderr.contains("No model is configured"), "{line}: {ran:#?}");
    }
}

#[test]
fn habits_are_answered() {
    let home = Home::new();
    for (word, verb) in [
        ("run", "darkroom generate"),
        ("ls", "darkroom models"),
        ("ps", "darkroom queue"),
        ("stop", "darkroom cancel"),
        ("rm", "darkroom queue clear"),
        ("download", "darkroom pull"),
    ] {
        home.run(word).refused(2, &[verb]);
        home.run(&format!("{word} something --else")).refused(2, &[verb]);
    }
    assert_eq!(home.run("help").ok().stdout, home.run("--help").ok().stdout);
    assert_eq!(
        home.run("help queue move").ok().stdout,
        home.run("queue move --help").ok().stdout
    );
    assert_eq!(home.run("version").ok().stdout, home.run("--version").ok().stdout);
    let help = home.run("generate --help").ok().stdout;
    assert!(
        help.lines().count() <= 30 && help.lines().all(|line| line.chars().count() <= 80),
        "{help}"
    );
    let all = home.run("generate --help-all").ok().stdout;
    assert!(all.contains("--vae-tiling") && all.contains("default: "), "{all}");
    home.run("generate fox --size 24x16 -H 24")
        .refused(2, &["--size 24x16", "-H", "24"]);
    let args = ["generate", "fox", "--size", "24x16", "--steps", "1", "-n", "4"];
    let sized = home.run_args(args).ok();
    assert_eq!(crate::support::size(std::path::Path::new(sized.line())), (24, 16));
    assert!(
        sized.stderr.contains("-n is the negative prompt") && sized.stderr.contains("-b 4"),
        "{sized:#?}"
    );
}

/// Runs `darkroom` with its standard output there.
fn into(home: &Home, line: &str, stdout: Stdio) -> Ran {
    let mut command = home.command(line.split(' '));
    Ran::of(command.stdout(stdout).output().unwrap())
}

#[test]
#[cfg(target_os = "linux")]
fn output_that_cannot_be_written_is_a_failure_in_words() {
    let home = Home::new();
    home.generate("fox -o fox.png").ok();
    let verbs = [
        "--help",
        "--version",
        "generate --help",
        "generate --help-all",
        "help queue",
        "queue",
        "queue --json",
        "queue log @last",
        "status",
        "models",
        "doctor",
        "metrics",
        "logs",
        "wait @last",
        "show fox.png",
    ];
    for line in verbs {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let ran = into(&home, line, full.into());
        assert!(
            ran.code > 0 && ran.stderr.contains("the disk is full"),
            "{line}: {ran:#?}"
        );
        assert!(!ran.stderr.contains("panicked"), "{line}: {ran:#?}");
        // A pipe whose reader has gone.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = into(&home, line, writer.into());
        assert!(
            !ran.stderr.contains("panicked") && !ran.stderr.contains("roken pipe"),
            "{line}: {ran:#?}"
        );
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_terminal_gets_a_head_colour_and_short_ids() {
    if Command::new("script").arg("--version").output().is_err() {
        eprintln!("not run: there is no `script` to make a terminal");
        return;
    }
    let home = Home::new();
    let id = home.generate("fox --detach").ok().line().to_owned();
    home.all_end();
    let on_terminal = |line: &str, no_colour: bool| {
        let mut command = Command::new("script");
        let program = env!("CARGO_BIN_EXE_darkroom");
        let line = format!("stty cols 120; {program} {line}");
        command.args(["-qec", &line, "/dev/null"]).stdin(Stdio::null());
        command
            .env("DARKROOM_HOME", home.path())
            .env("TERM", "xterm")
            .env("LC_ALL", "C.UTF-8");
        command
            .env_remove("NO_COLOR")
            .env_remove("COLORTERM")
            .env_remove("XDG_RUNTIME_DIR");
        if no_colour {
            command.env("NO_COLOR", "1");
        }
        Ran::of(command.output().unwrap()).stdout
    };
    let table = on_terminal("queue", false);
    assert!(
        table.contains("job") && table.contains("state") && table.contains("prompt"),
        "{table}"
    );
    assert!(
        table.contains("✓ done") && table.contains("\x1b[2m") && table.contains(&short(&id)),
        "{table:?}"
    );
    assert!(!on_terminal("queue", true).contains("\x1b[2m"));
    let detached = on_terminal("generate fox --detach --steps 1 -W 16 -H 16", false);
    assert!(detached.lines().any(|line| line.trim().len() == 8), "{detached:?}");
    home.all_end();
}
