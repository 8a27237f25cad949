//! Where pictures go: `-o` in its forms, reports, formats, jobs left to themselves, full disks.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
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
        ("-o fox.jpg", "fox-1.jpg"),
        ("--batch 2 -o fox.png", "fox-3.png fox-4.png"),
        ("-o fox.jpg --force", "fox.jpg"),
        ("--seed 5 -o a/b/{seed}-{index}.png", "a/b/5-0.png"),
        (
            "--seed 5 -o {prompt}_{model}_{width}x{height}_{steps}_{{x}}.png",
            "fox_emoji_16x16_1_{x}.png",
        ),
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
    let path = home.generate("fox -o new/folder/").ok().line().to_owned();
    assert!(path.starts_with("new/folder/") && path.contains("-fox-") && home.at(path).is_file());
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
    std::fs::write(home.at("kept.png"), "keep").unwrap();
    std::fs::set_permissions(home.at("kept.png"), std::fs::Permissions::from_mode(0o444)).unwrap();
    home.generate("x -o kept.png")
        .refused(1, &["kept.png is read-only", "--force"]);
    home.generate("x -o kept.png --detach")
        .refused(1, &["kept.png is read-only", "--force"]);
    home.generate("x -o {sed}.png")
        .refused(2, &["{sed}", "did you mean {seed}?", "{prompt}", "{job}"]);
    home.generate("x -o x.gif --format png")
        .refused(2, &["gif", "png, jpg or webp"]);
    std::fs::write(home.at("file"), "").unwrap();
    home.generate("x -o file/x.png").refused(1, &["file"]);
    home.generate("x -o /proc/x.png").refused(1, &["/proc"]);
    home.generate("x -o x.gif").refused(2, &["gif", "png, jpg or webp"]);
    home.generate("x -o x.png --format jpg").refused(2, &["x.png", "jpg"]);
    home.generate("x --batch 2 -o -").refused(2, &["one picture"]);
    home.generate("x --json -o -").refused(2, &["--json"]);
    assert_eq!(home.jobs(), [] as [serde_json::Value; 0]);
    assert_eq!(std::fs::read(home.at("kept.png")).unwrap(), b"keep");
    home.generate("x -o kept.png --force").ok();
    assert_eq!(size(&home.at("kept.png")), (16, 16));
}

#[test]
fn links_are_followed_and_what_is_there_is_kept_and_said() {
    let home = Home::new();
    std::os::unix::fs::symlink(home.at("share/deep/real.png"), home.at("l.png")).unwrap();
    let ran = home.generate("fox -o l.png").ok();
    assert_eq!(ran.line(), "l.png");
    assert!(std::fs::symlink_metadata(home.at("l.png")).unwrap().is_symlink());
    assert_eq!(size(&home.at("share/deep/real.png")), (16, 16));
    std::fs::write(home.at("mine.png"), "mine").unwrap();
    let ran = home.generate("fox -o mine.png").ok();
    assert_eq!(ran.line(), "mine-1.png");
    assert!(
        ran.stderr.contains("mine.png is there already") && ran.stderr.contains("--force"),
        "{ran:#?}"
    );
    assert_eq!(std::fs::read(home.at("mine.png")).unwrap(), b"mine");
    let mode = |path: &str| std::fs::metadata(home.at(path)).unwrap().permissions().mode();
    std::fs::write(home.at("usual"), "").unwrap();
    assert_eq!(mode("mine-1.png"), mode("usual"), "as any file of this person");
}

#[test]
fn jobs_that_write_one_pattern_at_once_lose_nothing() {
    let home = Home::new();
    home.warm();
    let ids: Vec<String> = (0..6)
        .map(|seed| {
            home.generate(&format!("fox --seed {seed} --batch 2 --detach -o fox.png"))
                .ok()
                .line()
                .to_owned()
        })
        .collect();
    let mut written = Vec::new();
    for id in &ids {
        let ran = home.run(&format!("wait {id}")).ok();
        written.extend(ran.stdout.lines().map(str::to_owned));
    }
    written.sort();
    written.dedup();
    assert_eq!(written.len(), 12, "{written:?}");
    assert!(written.iter().all(|path| size(Path::new(path)) == (16, 16)));
}

#[test]
fn a_detached_job_keeps_its_output_over_a_restart() {
    let home = Home::new();
    home.warm();
    home.run("queue pause").ok();
    let umask = "umask 027; exec \"$@\"";
    let program = env!("CARGO_BIN_EXE_darkroom");
    let line = "generate fox -W 16 -H 16 --steps 1 --detach --seed 7 -o sub/{prompt}-{seed}.jpg";
    let mut command = Command::new("sh");
    command.args(["-c", umask, "sh", program]).args(line.split(' '));
    let ran = Ran::of(
        command
            .current_dir(home.path())
            .env("DARKROOM_HOME", home.path())
            .output()
            .unwrap(),
    )
    .ok();
    let job = ran.line().to_owned();
    home.run("daemon stop").ok();
    home.run("daemon start").ok();
    home.run("queue resume").ok();
    let waited = home.run(&format!("wait {job}")).ok();
    let path = home.at("sub/fox-7.jpg");
    assert_eq!(Path::new(waited.line()), path);
    assert!(
        waited.stderr.contains("1 picture in ") && waited.stderr.contains(", seed 7; darkroom show "),
        "{waited:#?}"
    );
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&home.at("sub"))), (0o640, 0o750));
    assert_eq!(
        image::guess_format(&std::fs::read(&path).unwrap()).unwrap(),
        image::ImageFormat::Jpeg
    );
    home.run("daemon restart").ok();
    home.run("status").ok();
    assert_eq!(
        std::fs::read_dir(home.at("sub")).unwrap().count(),
        1,
        "it is brought once"
    );
    let job = &home.jobs()[0];
    assert_eq!(job["deliveries"][0]["path"], path.to_str().unwrap());
    let copied = home
        .run(&format!("wait {} -o again/", job["id"].as_str().unwrap()))
        .ok();
    assert!(copied.line().starts_with("again/") && home.at(copied.line()).is_file());
    home.run("wait @last -o x.png").refused(2, &["jpg"]);
    let picture = home.command(["wait", "@last", "-o", "-"]).output().unwrap().stdout;
    assert_eq!(picture, std::fs::read(&path).unwrap());
}

#[test]
fn a_client_that_is_killed_leaves_its_output_to_the_daemon() {
    let home = Home::new();
    home.warm();
    home.run("queue pause").ok();
    let line = "generate fox -W 16 -H 16 --steps 1 -o fox.png";
    let mut client = home.command(line.split(' ')).spawn().unwrap();
    wait_until("the job", || !home.jobs().is_empty());
    client.kill().unwrap();
    client.wait().unwrap();
    home.run("queue resume").ok();
    wait_until("the picture", || home.at("fox.png").is_file());
    assert_eq!(size(&home.at("fox.png")), (16, 16));
}

#[test]
fn what_cannot_be_brought_fails_no_job_and_is_told() {
    let home = Home::new();
    home.warm();
    home.run("queue pause").ok();
    let job = home.generate("fox --detach -o sub/fox.png").ok().line().to_owned();
    std::fs::write(home.at("sub"), "in the way").unwrap();
    home.run("queue resume").ok();
    home.run(&format!("wait {job}"))
        .refused(1, &["sub", "The picture is kept as", ".png"]);
    let row = &home.jobs()[0];
    assert_eq!(row["state"], "done");
    assert!(
        row["deliveries"][0]["problem"].as_str().unwrap().contains("sub"),
        "{row:#}"
    );
    home.run(&format!("wait {job} -o fox.png")).ok();
    assert_eq!(size(&home.at("fox.png")), (16, 16));
}

#[test]
fn the_last_line_says_how_it_went() {
    let home = Home::new();
    let ran = home.generate("fox --seed 7 --batch 2").ok();
    let last = ran.stderr.lines().last().unwrap();
    assert!(
        last.starts_with("2 pictures in ") && last.ends_with(", seed 7; darkroom show @last"),
        "{ran:#?}"
    );
    for flags in ["-q", "--json", "--events"] {
        let ran = home.generate(&format!("fox {flags}")).ok();
        assert!(!ran.stderr.contains("darkroom show"), "{ran:#?}");
    }
}

/// A pipe that nobody reads must not hold the person.
#[test]
fn a_pipe_without_a_reader_can_be_left() {
    let home = Home::new();
    let made = Command::new("mkfifo").arg(home.at("pipe")).status().unwrap();
    assert!(made.success());
    let mut child = home
        .command("generate fox -W 16 -H 16 --steps 1 -o pipe".split(' '))
        .spawn()
        .unwrap();
    wait_until("the job's end", || {
        home.jobs().first().is_some_and(|job| job["state"] == "done")
    });
    let pid = child.id().to_string();
    wait_until("its end", || {
        let _ = Command::new("kill").args(["-INT", &pid]).status();
        child.try_wait().unwrap().is_some()
    });
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

/// A library that sets the clock, where a C compiler is there to make it.
#[cfg(target_os = "linux")]
#[test]
fn a_clock_before_1970_and_a_far_zone_are_survived() {
    let home = Home::new();
    let source = "#define _GNU_SOURCE\n#include <time.h>\n#include <unistd.h>\n#include <sys/syscall.h>\n\
        int clock_gettime(clockid_t c, struct timespec *t) { long r = syscall(SYS_clock_gettime, c, t); \
        if (r == 0 && c == CLOCK_REALTIME) t->tv_sec -= 2000000000L; return (int)r; }\n";
    std::fs::write(home.at("clock.c"), source).unwrap();
    let library = home.at("clock.so");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(home.at("clock.c"))
        .status();
    if !built.is_ok_and(|built| built.success()) {
        return;
    }
    let run = |line: &str| {
        let mut command = home.command(line.split(' '));
        Ran::of(
            command
                .env("LD_PRELOAD", &library)
                .env("TZ", "<+14>-14")
                .output()
                .unwrap(),
        )
    };
    let mut daemon = home.command(["daemon", "run"]);
    let mut daemon = daemon
        .env("LD_PRELOAD", &library)
        .env("TZ", "<+14>-14")
        .spawn()
        .unwrap();
    wait_until("a daemon", || home.status().is_some());
    let made = run("generate fox -W 16 -H 16 --steps 1").ok();
    let path = made.line();
    let day = path.split('/').rev().nth(1).unwrap();
    assert!(day.starts_with("19") && day.len() == 10 && day < "1970-01-01", "{path}");
    assert!(home.at(path).is_file());
    run("queue").ok();
    run("generate fox -W 16 -H 16 --steps 1 -o {date}.png").ok();
    assert!(home.at(format!("{day}.png")).is_file());
    run("daemon stop").ok();
    daemon.wait().unwrap();
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
