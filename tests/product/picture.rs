//! The main job, and what a picture says of itself.

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::support::{Home, Watched, difference, size};

fn texts(home: &Home, file: &str) -> HashMap<String, String> {
    darkroom_formats::png::read_text(&home.at(file))
        .unwrap()
        .into_iter()
        .collect()
}

#[test]
fn one_command_in_an_empty_home_turns_a_prompt_into_a_png() {
    let home = Home::empty();
    let args = [
        "generate",
        "red apple",
        "--seed",
        "7",
        "--steps",
        "4",
        "-o",
        "apple.png",
    ];
    let ran = home.run_args(args).ok();
    assert_eq!(ran.stdout, "apple.png\n");
    assert_eq!(size(&home.at("apple.png")), (256, 256));
    ran.printable();

    let texts = texts(&home, "apple.png");
    let parameters = &texts["parameters"];
    assert!(parameters.starts_with("red apple\n"), "{parameters}");
    for part in [
        "Steps: 4",
        "Sampler: ",
        "CFG scale: ",
        "Seed: 7",
        "Size: 64x64",
        "Model: emoji",
        "Postprocess upscaler: realesr-animevideov3, Postprocess upscale by: 4",
    ] {
        assert!(parameters.contains(part), "{part}: {parameters}");
    }
    let about: Value = serde_json::from_str(&texts["darkroom"]).unwrap();
    let task = &about["task"]["image"];
    assert_eq!(
        (
            &task["sampling"]["seed"],
            &task["sampling"]["steps"],
            &task["compute"]["device"]
        ),
        (&7.into(), &4.into(), &"cpu".into())
    );
    assert_eq!(task["what"]["prompt"], "red apple");

    home.everything_once();
    assert_eq!(
        std::fs::read(&home.pictures()[0]).unwrap(),
        std::fs::read(home.at("apple.png")).unwrap()
    );
    let mode = |path: &str| home.at(path).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("run"), mode("run/darkroom.sock")), (0o700, 0o600));
    let private = ["data", "data/pictures", "data/staging"].map(mode);
    assert_eq!(private, [0o700; 3]);
}

#[test]
fn every_event_is_a_line_and_phases_come_in_order() {
    let home = Home::new();
    let args = "generate apple --steps 3 --batch 2 -W 16 -H 16 --events".split(' ');
    let (ran, events) = Watched::start(home.command(args)).finish();
    ran.ok();
    let mut phases: Vec<&str> = events
        .iter()
        .filter_map(|e| e["kind"]["progress"]["phase"].as_str())
        .collect();
    phases.dedup();
    // What a newer one of its phase replaced may be missing, so the first picture's decoding may be.
    let all = ["load", "encode", "denoise", "decode", "save"];
    assert!(
        phases.starts_with(&all[..3]) && all.iter().all(|phase| phases.contains(phase)),
        "{phases:?}"
    );
    let states: Vec<&str> = events
        .iter()
        .filter_map(|e| e["kind"]["state"]["state"].as_str())
        .collect();
    assert_eq!(states, ["queued", "running", "done"]);
    let numbers: Vec<u64> = events.iter().map(|e| e["seq"].as_u64().unwrap()).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    let steps = events
        .iter()
        .map(|e| &e["kind"]["progress"])
        .filter(|p| p["phase"] == "denoise");
    let steps: Vec<&Value> = steps.collect();
    assert_eq!(steps.last().unwrap()["step"], 3);
    assert!(
        steps
            .iter()
            .all(|p| p["steps"] == 3 && p["images"] == 2 && p["sigma"].is_f64())
    );
    assert!(steps[1]["step_s"].is_f64() && steps[1]["eta_s"].is_f64());
    let pictures: Vec<&Value> = events
        .iter()
        .map(|e| &e["kind"]["picture"])
        .filter(|p| p.is_object())
        .collect();
    assert_eq!(pictures.len(), 2);
    assert_eq!(
        pictures[1]["seed"].as_u64().unwrap(),
        pictures[0]["seed"].as_u64().unwrap() + 1
    );
}

#[test]
fn the_same_task_gives_the_same_bytes_in_any_home() {
    let (cold, other) = (Home::new(), Home::new());
    let line = "generate fox --seed 3 --steps 2 -W 32 -H 24 -o";
    cold.run(&format!("{line} a.png")).ok();
    cold.run(&format!("{line} b.png")).ok();
    other.run("generate pizza --steps 1 --batch 3 -W 16 -H 16").ok();
    other.run(&format!("{line} c.png")).ok();
    let bytes = |path| std::fs::read(path).unwrap();
    assert_eq!(bytes(cold.at("a.png")), bytes(cold.at("b.png")), "twice in one worker");
    assert_eq!(bytes(cold.at("a.png")), bytes(other.at("c.png")), "in another worker");
    cold.run("generate fox --seed 4 --steps 2 -W 32 -H 24 -o d.png").ok();
    assert!(
        difference(&cold.at("a.png"), &cold.at("d.png")) > 8,
        "another seed is another picture"
    );
}

#[test]
fn a_picture_of_a_batch_is_the_one_made_alone() {
    let home = Home::new();
    for (dtype, most) in [("f32", 1), ("bf16", 4)] {
        let line = |rest: &str| format!("generate fox --steps 3 -W 32 -H 32 --dtype {dtype} {rest}");
        home.run(&line(&format!("--seed 5 --batch 3 -o {dtype}.png"))).ok();
        for index in 0..3 {
            let alone = home.run(&line(&format!("--seed {}", 5 + index))).ok();
            let apart = difference(&home.at(format!("{dtype}-{index}.png")), Path::new(alone.line()));
            assert!(apart <= most, "{dtype}, picture {index}: {apart}/255");
        }
    }
}

#[test]
fn what_a_picture_says_makes_it_again() {
    let home = Home::new();
    let prompt = "red apple, 8: (odd)\nsecond line";
    let args = [
        "generate",
        prompt,
        "-n",
        "blur",
        "--seed",
        "9",
        "--steps",
        "2",
        "-W",
        "24",
        "--sampler",
        "euler_a",
    ];
    home.run_args(args.iter().chain(&["-o", "a.png"])).ok();
    let about: Value = serde_json::from_str(&texts(&home, "a.png")["darkroom"]).unwrap();
    let task = &about["task"]["image"];
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let flags = [
        ("-n", &task["what"]["negative"]),
        ("-W", &task["size"]["width"]),
        ("-H", &task["size"]["height"]),
        ("--steps", &task["sampling"]["steps"]),
        ("--cfg", &task["guidance"]["cfg_scale"]),
        ("--sampler", &task["sampling"]["sampler"]),
        ("--schedule", &task["sampling"]["schedule"]),
        ("--seed", &task["sampling"]["seed"]),
        ("-m", &task["what"]["model"]),
    ];
    let mut again = vec!["generate".to_owned(), text(&task["what"]["prompt"])];
    again.extend(flags.iter().flat_map(|(flag, value)| [(*flag).to_owned(), text(value)]));
    home.run_args(again.iter().map(String::as_str).chain(["-o", "b.png"]))
        .ok();
    assert_eq!(difference(&home.at("a.png"), &home.at("b.png")), 0);
    let shown = home.run("show a.png").ok();
    for part in ["24×64", "red apple", "blur", "Euler a", "Seed", "9"] {
        assert!(shown.stdout.contains(part), "{part}: {shown:#?}");
    }
    shown.printable();
    for file in ["c.jpg", "c.webp"] {
        home.generate(&format!("apple --seed 9 -o {file}")).ok();
        let shown = home.run(&format!("show {file}")).ok();
        assert!(
            shown.stdout.contains("Prompt           apple") && shown.stdout.contains("Seed             9"),
            "{shown:#?}"
        );
    }
}

#[test]
fn a_picture_is_made_as_large_as_is_asked_for() {
    let home = Home::new();
    for (flags, side) in [
        ("", 256),
        ("--upscaler none", 64),
        ("-W 64 -H 64", 64),
        ("--upscale 2", 128),
        ("-W 16 -H 16 --upscaler lanczos", 32),
    ] {
        let ran = home
            .run(&format!("generate fox --seed 3 --steps 1 --json {flags}"))
            .ok();
        let line = &ran.json()[0];
        assert_eq!(
            (&line["width"], &line["height"]),
            (&side.into(), &side.into()),
            "{flags}"
        );
    }
    home.run("generate fox --steps 1 --upscaler ./none.pth")
        .refused(4, &["no upscaler", "none.pth"]);
    home.run("generate fox --steps 1 --upscaler none --upscale 2")
        .refused(2, &["needs an upscaler"]);
}

#[test]
fn random_seeds_are_below_2_to_the_32_and_differ() {
    let home = Home::new();
    let lines: Vec<Value> = (0..3).flat_map(|_| home.generate("fox --json").ok().json()).collect();
    let seeds: Vec<u64> = lines.iter().map(|line| line["seed"].as_u64().unwrap()).collect();
    assert!(seeds.iter().all(|seed| *seed < 1 << 32), "{seeds:?}");
    assert!(seeds[0] != seeds[1] && seeds[1] != seeds[2], "{seeds:?}");
    let largest = (1u64 << 53) - 1;
    let line = &home.generate(&format!("fox --json --seed {largest}")).ok().json()[0];
    assert_eq!(line["seed"], largest);
}

#[test]
fn a_long_prompt_is_read_whole() {
    let home = Home::new();
    let picture = |name: &str, prompt: &str| {
        let file = home.path().join(name);
        let to = file.to_str().unwrap();
        let args = [
            "generate", prompt, "--steps", "1", "-W", "16", "-H", "16", "--seed", "1", "-o", to,
        ];
        let ran = home.run_args(args).ok();
        assert!(!ran.stderr.contains("tokens"), "{ran:#?}");
        image::open(file).unwrap().to_rgb8()
    };
    let long = "a red apple on a table ".repeat(20);
    assert_ne!(
        picture("a.png", &format!("{long} fox")),
        picture("b.png", &format!("{long} rocket"))
    );
    home.run_args(["generate", "", "--steps", "1", "-W", "16", "-H", "16"])
        .ok();
}
