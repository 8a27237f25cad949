//! `darkroom bench` through its door: the command, its worker, no daemon.

use serde_json::Value;

use crate::support::Home;

fn json(home: &Home, line: &str) -> Value {
    serde_json::from_str(&home.run(line).ok().stdout).unwrap()
}

fn number(report: &Value, name: &str) -> f64 {
    report[name].as_f64().unwrap_or_else(|| panic!("no {name} in {report}"))
}

#[test]
fn it_measures_every_part_without_a_daemon() {
    let home = Home::new();
    let report = json(
        &home,
        "bench -m emoji --size 64x96 --steps 4 --batch 2 --dtype f32 --threads 1 --device cpu --json",
    );
    let text = |name: &str| report[name].as_str().unwrap().to_owned();
    assert_eq!(
        (text("model"), text("device"), text("dtype")),
        ("emoji".into(), "cpu".into(), "f32".into())
    );
    let sizes = ["width", "height", "steps", "batch", "micro_batch", "threads"].map(|name| number(&report, name));
    assert_eq!(sizes, [64.0, 96.0, 4.0, 2.0, 2.0, 1.0]);
    assert_eq!(report["step_ms"].as_array().unwrap().len(), 4);
    for name in [
        "load_ms",
        "encode_ms",
        "first_step_ms",
        "step_ms_median",
        "step_ms_p90",
        "decode_ms",
    ] {
        assert!(number(&report, name) > 0.0, "{report}");
    }
    let before = number(&report, "load_ms") + number(&report, "encode_ms");
    assert!(number(&report, "process_start_to_first_step_ms") > before, "{report}");
    assert!(
        number(&report, "total_ms") > before + number(&report, "first_step_ms"),
        "{report}"
    );
    assert!(number(&report, "step_ms_p90") >= number(&report, "step_ms_median"));
    // libtorch alone takes more.
    assert!(number(&report, "rss_peak") > 3e7, "{report}");
    assert_eq!(report["rss_peak"], report["device_peak"]);
    assert!(home.status().is_none(), "a daemon was started");
    assert!(home.pictures().is_empty());
}

#[test]
fn people_get_a_table() {
    let home = Home::new();
    let ran = home.run("bench --steps 1").ok();
    assert!(
        !ran.stderr.contains("No model is configured"),
        "a pipe is told no hints: {ran:?}"
    );
    for row in [
        "model  ",
        "work  ",
        "start to first step  ",
        "a step, median  ",
        "most main memory  ",
    ] {
        assert!(
            ran.stdout.lines().any(|line| line.starts_with(row)),
            "no {row} in {}",
            ran.stdout
        );
    }
    assert!(ran.stdout.contains("1 of 64×64, 1 step\n"), "{}", ran.stdout);
}

#[test]
fn what_cannot_be_measured_is_said_in_a_line() {
    let home = Home::new();
    home.run("bench -m emojy").refused(4, &["emojy", "did you mean emoji?"]);
    home.run("bench -m emoji --size 63x64")
        .refused(2, &["Width 63", "60 or 64"]);
    home.run("bench -m emoji --size 64").refused(2, &["--size", "512x768"]);
    home.run("bench -m emoji --device cuda:99")
        .refused(2, &["There is no device cuda:99"]);
    home.run("bench -m emoji --quant int3")
        .refused(2, &["quant must be", "int8"]);
    home.run_args(["bench", "extra"]).refused(2, &["extra"]);
}

#[test]
fn int8_is_measured_or_refused_in_a_sentence() {
    let home = Home::new();
    let ran = home.run("bench -m emoji --steps 2 --size 64x64 --device cpu --quant int8 --json");
    if ran.code == 0 {
        let report: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(report["quant"], "int8");
        assert!(
            ran.stderr
                .contains("int8: linear layers of the denoiser's transformer blocks"),
            "{}",
            ran.stderr
        );
    } else {
        assert_eq!(
            ran.stderr.trim(),
            "--quant int8 needs a processor with AVX-512 VNNI, and cpu is none: leave it out."
        );
    }
    let report = json(&home, "bench -m emoji --steps 1 --size 64x64 --device cpu --json");
    assert_eq!(report["quant"], "none");
}
