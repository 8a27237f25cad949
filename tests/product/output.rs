//! Where pictures go: `-o` in its forms, reports, formats, jobs left to themselves, full disks.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Home, Ran, short, size, wait_until};

#[test]
fn json_tells_of_each_picture() {
    let home = Home::new();
    let lines = home.generate("fox --batch 2 --seed 8 --json -o fox.png").ok().json();
    assert_eq!(lines.len(), 2);
    for (index, line) in lines.iter().enumerate() {
        assert_eq!(line["index"], index);
        assert_eq!(line["seed"], 8 + index);
        assert_eq!((&line["width"], &line["height"]), (&16.into(), &16.into()));
        assert_eq!(line["model"], "emoji");
        assert!(line["job"].is_string() && line["elapsed_ms"].is_u64());
        let path = Path::new(line["path"].as_str().unwrap());
        assert_eq!(
            path.canonicalize().unwrap(),
            home.at(format!("fox-{index}.png")).canonicalize().unwrap()
        );
    }
}

#[test]
fn a_pipe_takes_the_picture_itself() {
    let home = Home::new();
    let mut command = home.command("generate - --steps 1 -W 16 -H 24 -o -".split(' '));
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"a fox\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let picture = image::load_from_memory_with_format(&output.stdout, image::ImageFormat::Png).unwrap();
    assert_eq!((picture.width(), picture.height()), (16, 24));
    assert_eq!(home.jobs()[0]["request"]["prompt"], "a fox");
}

#[test]
fn names_folders_and_formats() {
    let home = Home::new();
    std::fs::create_dir(home.at("folder")).unwrap();
    let outputs = [
        ("--batch 3 -o fox.png", "fox-0.png fox-1.png fox-2.png"),
        ("-o fox.jpg", "fox.jpg"),
        ("-o fox.webp", "fox.webp"),
        ("-o noending --format jpg", "noending"),
        ("--seed 5 --batch 2 -o {seed}.png", "5.png 6.png"),
        ("-o fox.jpg", "fox.jpg"),
    ];
    for (flags, files) in outputs {
        let ran = home.generate(&format!("fox {flags}")).ok();
        assert_eq!(ran.stdout.split_whitespace().collect::<Vec<_>>().join(" "), files);
        for file in files.split(' ') {
            let bytes = std::fs::read(home.at(file)).unwrap();
            assert!(image::load_from_memory(&bytes).is_ok_and(|i| i.width() == 16), "{file}");
        }
    }
    let format = |file: &str| image::guess_format(&std::fs::read(home.at(file)).unwrap()).unwrap();
    assert_eq!(format("fox.jpg"), image::ImageFormat::Jpeg);
    assert_eq!(format("noending"), image::ImageFormat::Jpeg);
    assert_eq!(format("fox.webp"), image::ImageFormat::WebP);
    let path = home.generate("fox -o folder").ok().line().to_owned();
    assert!(path.starts_with("folder/") && home.at(path).is_file());
    let hidden = std::fs::read_dir(home.path()).unwrap().flatten();
    assert!(
        hidden
            .into_iter()
            .all(|e| !e.file_name().to_string_lossy().starts_with('.')),
        "parts are left"
    );
}

#[test]
fn a_job_that_nobody_watches_is_waited_for() {
    let home = Home::new();
    let job = home.generate("fox --detach --batch 2").ok().line().to_owned();
    let short = &short(&job);
    let waited = home.run(&format!("wait {short} --json")).ok().json();
    assert_eq!(waited.len(), 2);
    assert!(waited.iter().all(|line| line["job"] == job.as_str()));
    let again = home.run(&format!("wait {job}")).ok();
    assert_eq!(
        again
            .stdout
            .lines()
            .map(|path| size(Path::new(path)))
            .collect::<Vec<_>>(),
        [(16, 16); 2]
    );
    let all = home.run("queue").ok();
    assert!(
        all.line().contains(short) && all.line().contains("done") && all.line().contains("2/2"),
        "{all:#?}"
    );
    let status = home.run("status").ok().stdout;
    assert!(
        status.contains("cpu: idle") && status.contains("0 running, 0 waiting"),
        "{status}"
    );
    home.run("cancel 00000000")
        .refused(2, &["There is no job 00000000", "darkroom queue"]);
    home.run("wait zzz").refused(2, &["There is no job zzz"]);
    home.run(&format!("cancel {job}")).ok();
    assert_eq!(home.jobs()[0]["state"], "done", "what has ended stays so");
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let home = Home::new();
    home.warm();
    let program = env!("CARGO_BIN_EXE_darkroom");
    let script = format!("'{program}' generate fox --steps 1 -W 16 -H 16 --batch 3 --events | head -n 1");
    let output = Command::new("bash")
        .args(["-o", "pipefail", "-c", &script])
        .env("DARKROOM_HOME", home.path())
        .output()
        .unwrap();
    let ran = Ran::of(output);
    assert!(
        !ran.stderr.contains("panicked") && !ran.stderr.contains("darkroom: "),
        "{ran:#?}"
    );
    wait_until("the job's end", || home.jobs()[0]["state"] == "done");
}

#[test]
fn what_cannot_be_written_is_said_before_the_job() {
    let home = Home::new();
    home.warm();
    home.generate("x -o none/x.png")
        .refused(1, &["none", "does not exist", "make it first"]);
    std::fs::write(home.at("file"), "").unwrap();
    home.generate("x -o file/x.png").refused(1, &["file"]);
    home.generate("x -o /proc/x.png").refused(1, &["/proc"]);
    home.generate("x -o x.gif").refused(2, &["gif", "png, jpg or webp"]);
    home.generate("x -o x.png --format jpg").refused(2, &["x.png", "jpg"]);
    home.generate("x --batch 2 -o -").refused(2, &["one picture"]);
    home.generate("x --json -o -").refused(2, &["--json"]);
    assert_eq!(home.jobs(), [] as [serde_json::Value; 0]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_output_leaves_the_picture_in_the_gallery() {
    let home = Home::new();
    home.generate("x -o /dev/full")
        .refused(1, &["/dev/full", "the disk is full", "kept as"]);
    home.everything_once();
    let script = format!(
        "'{}' generate x --steps 1 -W 16 -H 16 -o - > /dev/full",
        env!("CARGO_BIN_EXE_darkroom")
    );
    let output = Command::new("sh")
        .args(["-c", &script])
        .env("DARKROOM_HOME", home.path())
        .output()
        .unwrap();
    Ran::of(output).refused(1, &["Standard output", "the disk is full", "kept as"]);
}
