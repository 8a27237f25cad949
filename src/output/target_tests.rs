//! What `-o` comes to: names of files, folders and patterns, streams, formats, and each refusal. These are the unit tests of
//! `target.rs`, in a file of their own. How files are put on the disk is tested in `daemon/src/deliver/tests.rs`.

use std::path::Path;

use darkroom_daemon::clock::Moment;
use darkroom_daemon::deliver::Facts;
use darkroom_protocol::{ImageTask, JobId, ModelSource, Picture, Sampler, Task};
use rstest::rstest;

use super::*;

fn planned(output: &str, batch: u32, made: Made) -> Result<(Target, Option<Format>)> {
    let surroundings = Surroundings {
        home: Some(Path::new("/home/{me}")),
        is_folder: &|path| path == Path::new("out") || path == Path::new("/home/{me}") || path == Path::new(".."),
        is_special: &|path| path == Path::new("/dev/null") || is_descriptor(path),
    };
    let wanted = Wanted {
        output: Some(output),
        batch,
        made,
        force: false,
    };
    plan_in(wanted, &surroundings)
}

fn picture(index: u32) -> Picture {
    Picture {
        job: JobId::new(),
        index,
        path: "/data/pictures/2026-01-02/0199-a.png".into(),
        sha256: String::new(),
        bytes: 1,
        width: 64,
        height: 48,
        seed: 7 + u64::from(index),
        elapsed_ms: 1,
    }
}

fn task() -> Task {
    let mut task = ImageTask::of("sd_v1.5", "A fox, in the snow");
    task.what.source = ModelSource::Embedded("emoji".into());
    task.size.width = 64;
    task.size.height = 48;
    task.guidance.cfg_scale = 1.0;
    task.sampling.sampler = Sampler::DpmPp2m;
    task.sampling.seed = 7;
    Task::Image(task)
}

#[rstest]
#[case("apple.png", 1, "apple.png", "apple-1.png")]
#[case("apple.png", 3, "apple-2.png", "apple-3.png")]
#[case("a/b.c/apple.JPG", 3, "a/b.c/apple-2.JPG", "a/b.c/apple-3.JPG")]
#[case("~/x.webp", 1, "/home/{me}/x.webp", "/home/{me}/x-1.webp")]
#[case("apple", 1, "apple", "apple-1")]
#[case("apple", 2, "apple-2", "apple-3")]
#[case("{seed}.png", 1, "9.png", "9-1.png")]
#[case("fox-{index}-{seed}.png", 4, "fox-2-9.png", "fox-2-9-1.png")]
#[case("{date}/{time}.png", 4, "2026-11-29/153012-2.png", "2026-11-29/153012-3.png")]
#[case("{seed}/{prompt}.png", 4, "9/a-fox-in-the-snow.png", "9/a-fox-in-the-snow-1.png")]
#[case(
    "{model}_{width}x{height}_{steps}_{sampler}.png",
    1,
    "sd_v1.5_64x48_20_DPM++-2M.png",
    "sd_v1.5_64x48_20_DPM++-2M-1.png"
)]
#[case("{{x}}.png", 1, "{x}.png", "{x}-1.png")]
#[case("out", 4, "out/0199-a.png", "out/0199-a-1.png")]
#[case("new/", 1, "new/0199-a.png", "new/0199-a-1.png")]
#[case("{prompt}/", 1, "a-fox-in-the-snow/0199-a.png", "a-fox-in-the-snow/0199-a-1.png")]
#[case("..", 1, "../0199-a.png", "../0199-a-1.png")]
#[case("~", 1, "/home/{me}/0199-a.png", "/home/{me}/0199-a-1.png")]
#[case(".png", 1, ".png", ".png-1")]
fn names(#[case] output: &str, #[case] batch: u32, #[case] first: &str, #[case] second: &str) {
    let (Target::Files(files), _) = planned(output, batch, Made::Asked(None)).unwrap() else {
        panic!("files are written");
    };
    let (task, picture) = (task(), picture(2));
    let facts = Facts {
        task: &task,
        picture: &picture,
        made: Moment {
            date: "2026-11-29".into(),
            time: "153012".into(),
        },
    };
    let name = files.pattern.name(&facts, batch);
    assert_eq!((name.choice(0), name.choice(1)), (first.into(), second.into()));
}

#[rstest]
#[case("-", Target::Stdout)]
#[case("/dev/stdout", Target::Stdout)]
#[case("/dev/null", Target::Special("/dev/null".into()))]
#[case("/dev/fd/63", Target::Special("/dev/fd/63".into()))]
fn streams(#[case] output: &str, #[case] target: Target) {
    assert_eq!(planned(output, 1, Made::Asked(None)).unwrap().0, target);
}

#[rstest]
#[case("x.png", None, Some(Format::Png))]
#[case("x.JPEG", None, Some(Format::Jpg))]
#[case("{prompt}.webp", None, Some(Format::Webp))]
#[case("x.jpg", Some(Format::Jpg), Some(Format::Jpg))]
#[case("x", Some(Format::Webp), Some(Format::Webp))]
#[case("x.v2", Some(Format::Png), Some(Format::Png))]
#[case("x", None, None)]
#[case("out", Some(Format::Jpg), Some(Format::Jpg))]
#[case("-", Some(Format::Jpg), Some(Format::Jpg))]
fn the_extension_decides(#[case] output: &str, #[case] asked: Option<Format>, #[case] got: Option<Format>) {
    assert_eq!(planned(output, 1, Made::Asked(asked)).unwrap().1, got);
}

const ALL: &str = "{prompt} {model} {seed} {index} {date} {time} {job} {width} {height} {steps} {sampler}";

#[rstest]
#[case(
    "x.png",
    1,
    Made::Asked(Some(Format::Jpg)),
    "-o x.png and --format jpg contradict each other: leave one out."
)]
#[case(
    "x.gif",
    1,
    Made::Asked(None),
    "-o x.gif: there is no format gif; pictures are png, jpg or webp."
)]
#[case(
    "x.gif",
    1,
    Made::Asked(Some(Format::Png)),
    "-o x.gif: there is no format gif; pictures are png, jpg or webp."
)]
#[case(
    "x.jpg",
    1,
    Made::Already(Format::Png),
    "-o x.jpg: the pictures are png, so the name must end in .png."
)]
#[case(
    "-",
    2,
    Made::Asked(None),
    "-o - takes one picture and --batch asks for 2: name a folder."
)]
#[case(
    "-",
    2,
    Made::Already(Format::Png),
    "-o - takes one picture and there are 2: name a folder."
)]
#[case(
    "/dev/null",
    2,
    Made::Asked(None),
    "-o /dev/null takes one picture and --batch asks for 2: name a folder."
)]
#[case("x{", 1, Made::Asked(None), "-o x{: a { has no } after it; a brace itself is {{.")]
#[case(
    "x}.png",
    1,
    Made::Asked(None),
    "-o x}.png: a } has no { before it; a brace itself is }}."
)]
#[case("", 1, Made::Asked(None), "-o is empty: name a file, a folder or `-`.")]
#[case("a/..", 1, Made::Asked(None), "-o a/..: this is no file name.")]
fn what_cannot_be_is_a_usage_error(
    #[case] output: &str,
    #[case] batch: u32,
    #[case] made: Made,
    #[case] message: &str,
) {
    let error = planned(output, batch, made).unwrap_err();
    assert_eq!(error.to_string(), message);
    assert_eq!(error.code(), 2);
}

#[rstest]
#[case("{sed}.png", "{sed}: did you mean {seed}?")]
#[case("{Seed}.png", "{Seed}: did you mean {seed}?")]
#[case("{whatever}/x.png", "{whatever}")]
#[case("{}.png", "{}")]
fn a_field_that_does_not_exist_is_named_with_those_that_do(#[case] output: &str, #[case] named: &str) {
    let error = planned(output, 1, Made::Asked(None)).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("-o {output}: there is no {named}; there are {ALL}. Braces themselves are {{{{ and }}}}.")
    );
}

#[test]
fn without_o_pictures_stay_where_they_are() {
    let wanted = Wanted {
        output: None,
        batch: 4,
        made: Made::Asked(None),
        force: false,
    };
    assert_eq!(plan(wanted).unwrap(), (Target::Gallery, None));
}
