//! What is in the worker's memory, and what happens when there is not enough.

use serde_json::{Value, json};

use crate::support::{Home, Model, Ran, wait_until};

/// `darkroom models ps --json` of the first worker.
fn resident(home: &Home) -> Value {
    home.run("models ps --json").ok().json().remove(0)
}

/// Name and `pinned` of each model in memory.
fn names(home: &Home) -> Vec<(String, bool)> {
    let models = resident(home)["models"].as_array().unwrap().clone();
    let one = |m: Value| (m["name"].as_str().unwrap().to_owned(), m["pinned"].as_bool().unwrap());
    models.into_iter().map(one).collect()
}

fn held(names: &[(&str, bool)]) -> Vec<(String, bool)> {
    names
        .iter()
        .map(|(name, pinned)| ((*name).to_owned(), *pinned))
        .collect()
}

/// Starts the daemon with memory running out in these stages of its workers.
fn starved(home: &Home, stages: &str) {
    let started = home
        .command(["daemon", "start"])
        .env("DARKROOM_STARVE", stages)
        .output();
    Ran::of(started.unwrap()).ok();
}

#[test]
fn models_are_listed_loaded_pinned_and_unloaded_by_name() {
    let home = Home::new();
    let models = home.at("models");
    std::fs::create_dir_all(&models).unwrap();
    home.settings(&format!("threads = 1\nmodels = ['{}']\n", models.display()));
    drop(Model::new(&models, "second"));
    let listed = home.run("models --json").ok().json();
    let found: Vec<_> = listed
        .iter()
        .map(|m| (m["name"].as_str().unwrap(), m["default"].as_bool().unwrap()))
        .collect();
    assert_eq!(found, [("second", false), ("emoji", true)]);

    let loaded = home.run("models load emoji").ok();
    assert!(loaded.stderr.contains("emoji is in memory."), "{loaded:?}");
    assert_eq!(names(&home), held(&[("emoji", false)]));
    home.run("models pin emoji").ok();
    home.run("models load second").ok();
    assert_eq!(names(&home), held(&[("emoji", true), ("second", false)]));
    // They are copies of one another: nothing is in memory twice.
    let shared = resident(&home)["models"][1]["components"].as_array().unwrap().clone();
    assert!(shared.iter().all(|part| part["shared"] == true), "{shared:?}");
    let listed = home.run("models").ok();
    assert!(listed.stdout.contains("in memory on cpu"), "{}", listed.stdout);
    let status = home.run("status").ok();
    assert!(status.stdout.contains("pinned, used "), "{}", status.stdout);

    home.run("models unpin emoji").ok();
    home.run("models unpin emoji").refused(2, &["emoji is not pinned"]);
    home.run("models unload emoji").ok();
    wait_until("emoji to leave", || names(&home) == held(&[("second", false)]));
    home.run("models unload emoji")
        .refused(2, &["emoji is not in memory", "models ps"]);
    home.run("models unload --all").ok();
    wait_until("all to leave", || names(&home).is_empty());
    home.run("models load nonesuch").refused(4, &["nonesuch"]);
    home.run("models load emoji --device cuda:7")
        .refused(2, &["no device cuda:7"]);
}

#[test]
fn a_model_stays_as_long_as_it_is_asked_to() {
    let home = Home::new();
    home.settings("threads = 1\nkeep_alive = 'forever'\n");
    home.generate("fox").ok();
    assert_eq!(names(&home), held(&[("emoji", false)]));
    assert_eq!(resident(&home)["models"][0]["expires_s"], Value::Null);
    home.generate("fox --keep-alive 0").ok();
    assert!(names(&home).is_empty());
    home.generate("fox --keep-alive 1s").ok();
    wait_until("the model to expire", || names(&home).is_empty());
    home.generate("fox --keep-alive soon")
        .refused(2, &["--keep-alive", "10m"]);
}

#[test]
fn a_model_in_use_leaves_once_its_job_has_ended() {
    let home = Home::new();
    let job = home.run("generate fox --steps 1000 --detach").ok().stdout;
    wait_until("the model to be in use", || {
        resident(&home)["models"][0]["busy"] == true
    });
    let told = home.run("models ps").ok();
    assert!(
        told.stdout
            .lines()
            .any(|line| line.contains("emoji") && line.ends_with("in use")),
        "{told:#?}"
    );
    let told = home.run("models unload emoji --no-wait").ok();
    assert!(
        told.stderr
            .contains("emoji leaves memory once the job that uses it has ended."),
        "{told:#?}"
    );
    home.run(&format!("cancel {}", job.trim())).ok();
    wait_until("the model to leave", || names(&home).is_empty());
}

#[test]
fn a_pin_that_does_not_fit_is_refused_in_numbers() {
    let home = Home::new();
    home.settings("threads = 1\nmemory_budget = '20MB'\n");
    home.run("models load emoji --pin")
        .refused(5, &["emoji cannot be pinned", "GB", "memory_budget"]);
    // Without the pin, what is in use is always allowed.
    home.generate("fox").ok();
}

#[test]
fn memory_that_runs_out_is_made_room_for_and_the_task_says_how() {
    let home = Home::new();
    starved(&home, "encode,denoise,decode");
    let made = home
        .run("generate fox -W 128 -H 128 --steps 1 --batch 2 --events --seed 3")
        .ok();
    let events = made.events();
    let notices: Vec<_> = events.iter().filter_map(|e| e["kind"]["notice"].as_str()).collect();
    let ladder: Vec<_> = notices
        .into_iter()
        .filter(|line| line.starts_with("Out of memory"))
        .collect();
    insta::assert_snapshot!(ladder.join("\n"), @"
    Out of memory while reading the prompt: retrying with cached memory freed.
    Out of memory at 128×128 with 2 pictures at a time: retrying with one picture at a time.
    Out of memory decoding 128×128: retrying with tiled decode.
    ");
    let job = &home.jobs()[0];
    let compute = &job["task"]["image"]["compute"];
    assert_eq!(
        (&compute["vae_tiling"], &compute["micro_batch"]),
        (&json!(true), &json!(1))
    );
    let log = home
        .at("state/jobs")
        .join(format!("{}.log", job["id"].as_str().unwrap()));
    let log = std::fs::read_to_string(log).unwrap();
    assert!(ladder.iter().all(|line| log.contains(line)), "{log}");

    // The task that was written down makes the same pictures without running out.
    let first: Vec<_> = home
        .pictures()
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    for picture in &first {
        assert!(String::from_utf8_lossy(picture).contains(r#""vae_tiling":true"#));
    }
}

#[test]
fn when_nothing_is_left_to_try_it_is_said_what_would_fit() {
    let home = Home::new();
    starved(&home, "decode:9");
    let failed = home.generate("fox -W 512 -H 512");
    failed.refused(
        5,
        &[
            "Out of memory decoding 512×512",
            "nothing is left to free",
            "choose a size up to about",
        ],
    );
    starved(&home, "");
}
