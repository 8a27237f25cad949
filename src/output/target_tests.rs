use std::path::Path;

use darkroom_protocol::{JobId, Picture};
use rstest::rstest;

use super::*;

fn planned(output: &str, batch: u32, format: Option<Format>) -> Result<(Target, Option<Format>)> {
    let surroundings = Surroundings {
        home: Some(Path::new("/home/me")),
        is_folder: &|path| path == Path::new("out") || path == Path::new("/home/me"),
        is_special: &|path| path == Path::new("/dev/null"),
    };
    plan_in(Some(output), batch, format, &surroundings)
}

fn picture(index: u32) -> Picture {
    Picture {
        job: JobId::new(),
        index,
        path: "/data/pictures/2026-01-02/0199-a.png".into(),
        sha256: String::new(),
        bytes: 1,
        width: 64,
        height: 64,
        seed: 7 + u64::from(index),
        elapsed_ms: 1,
    }
}

#[rstest]
#[case("apple.png", 1, "apple.png")]
#[case("apple.png", 3, "apple-2.png")]
#[case("a/b.c/apple.JPG", 3, "a/b.c/apple-2.JPG")]
#[case("~/x.webp", 1, "/home/me/x.webp")]
#[case("apple", 1, "apple")]
#[case("apple", 2, "apple-2")]
#[case("{seed}.png", 1, "9.png")]
#[case("fox-{index}-{seed}.png", 4, "fox-2-9.png")]
#[case("out", 4, "out/0199-a.png")]
#[case("new/", 1, "new/0199-a.png")]
#[case("~", 1, "/home/me/0199-a.png")]
#[case("/dev/null", 1, "/dev/null")]
#[case(".png", 1, ".png")]
fn names(#[case] output: &str, #[case] batch: u32, #[case] expected: &str) {
    let (Target::Files(pattern), _) = planned(output, batch, None).unwrap() else {
        panic!("files are written");
    };
    assert_eq!(pattern.path(&picture(2)), Path::new(expected));
}

#[rstest]
#[case("x.png", None, Some(Format::Png))]
#[case("x.JPEG", None, Some(Format::Jpg))]
#[case("x.jpg", Some(Format::Jpg), Some(Format::Jpg))]
#[case("x", Some(Format::Webp), Some(Format::Webp))]
#[case("x.v2", Some(Format::Png), Some(Format::Png))]
#[case("x", None, None)]
#[case("out", Some(Format::Jpg), Some(Format::Jpg))]
#[case("-", Some(Format::Jpg), Some(Format::Jpg))]
fn the_extension_decides(#[case] output: &str, #[case] asked: Option<Format>, #[case] got: Option<Format>) {
    assert_eq!(planned(output, 1, asked).unwrap().1, got);
}

#[rstest]
#[case(
    "x.png",
    1,
    Some(Format::Jpg),
    "-o x.png and --format jpg contradict each other: leave one out."
)]
#[case("x.gif", 1, None, "-o x.gif: there is no format gif; pictures are png, jpg or webp.")]
#[case("-", 2, None, "-o - takes one picture and --batch asks for 2: name a folder.")]
#[case(
    "/dev/null",
    2,
    None,
    "-o /dev/null takes one picture and --batch asks for 2: name a folder."
)]
#[case(
    "{index}/x.png",
    2,
    None,
    "-o {index}/x.png: {index} and {seed} stand in the file's name, not in a folder's."
)]
#[case("", 1, None, "-o is empty: name a file, a folder or `-`.")]
#[case("..", 1, None, "-o ..: this is no file name.")]
fn what_cannot_be_is_a_usage_error(
    #[case] output: &str,
    #[case] batch: u32,
    #[case] format: Option<Format>,
    #[case] message: &str,
) {
    let error = planned(output, batch, format).unwrap_err();
    assert_eq!(error.to_string(), message);
    assert_eq!(error.code(), 2);
}

#[test]
fn without_o_pictures_stay_where_they_are() {
    assert_eq!(plan(None, 4, None).unwrap(), (Target::Gallery, None));
}
