//! `show` in its forms, and texts that can be read two ways.

use std::io::Write;
use std::process::Stdio;

use image::ImageEncoder as _;
use serde_json::Value;

use crate::support::{Home, Ran};

/// A PNG with a chunk of these bytes.
fn png(kind: png::chunk::ChunkType, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 8, 8);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    writer.write_chunk(kind, data).unwrap();
    writer.write_image_data(&[128; 8 * 8 * 3]).unwrap();
    writer.finish().unwrap();
    bytes
}

fn fed(home: &Home, line: &str, input: &[u8]) -> Ran {
    let mut child = home.command(line.split(' ')).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    Ran::of(child.wait_with_output().unwrap())
}

#[test]
fn the_exact_record_counts_in_every_format() {
    let home = Home::new();
    let prompts = [
        "a fox\nNegative prompt: hens",
        "a fox\nSteps: 3, Seed: 1, Size: 1x1",
        "Ã© 雪の狐 café",
    ];
    for (prompt, format) in prompts
        .iter()
        .flat_map(|prompt| ["png", "jpg", "webp"].map(|format| (prompt, format)))
    {
        let file = format!("x.{format}");
        let _ = std::fs::remove_file(home.at(&file));
        home.run_args([
            "generate", prompt, "-n", "wet", "--steps", "1", "-W", "16", "-H", "16", "--seed", "4", "-o", &file,
        ])
        .ok();
        let shown = home.run(&format!("show {file}")).ok();
        let line = format!("Prompt           {}", prompt.replace('\n', "\\n"));
        assert!(shown.stdout.lines().any(|l| l == line), "{shown:#?}");
        assert!(shown.stdout.contains("Negative prompt  wet\n"), "{shown:#?}");
        let object = &home.run(&format!("show --json {file}")).ok().json()[0];
        assert_eq!(
            (object["prompt"].as_str(), object["negative_prompt"].as_str()),
            (Some(*prompt), Some("wet"))
        );
    }
}

#[test]
fn utf8_in_a_plain_text_is_read_as_that() {
    let home = Home::new();
    let text = "parameters\0雪の狐 café\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1";
    std::fs::write(home.at("u.png"), png(png::chunk::tEXt, text.as_bytes())).unwrap();
    std::fs::write(
        home.at("l.png"),
        png(png::chunk::tEXt, b"parameters\0caf\xe9\nSteps: 20"),
    )
    .unwrap();
    let shown = home.run("show u.png l.png").ok().stdout;
    assert!(
        shown.contains("Prompt           雪の狐 café\n") && shown.contains("Prompt           café\n"),
        "{shown}"
    );
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_prompt() {
    let home = Home::new();
    let wide: Vec<u8> = "\u{feff}apple\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for input in [b"\xef\xbb\xbfapple\r\n".to_vec(), wide, b"apple\n".to_vec()] {
        let line = "generate - --steps 1 -W 16 -H 16 --json";
        fed(&home, line, &input).ok();
        assert_eq!(home.jobs()[0]["request"]["prompt"], "apple", "{input:?}");
    }
    home.generate("\u{feff}apple -n \u{feff}hens").ok();
    assert_eq!(home.jobs()[0]["request"]["negative_prompt"], "hens");
    fed(&home, "generate -", b"\xff\xfe\0\0a\0\0\0").refused(2, &["UTF-32", "UTF-8"]);
    home.settings("\u{feff}threads = 1\r\n");
    home.generate("apple").ok();
}

#[test]
fn a_picture_from_standard_input() {
    let home = Home::new();
    let bytes = png(png::chunk::tEXt, b"parameters\0a fox\nSteps: 20");
    let shown = fed(&home, "show -", &bytes).ok().stdout;
    assert!(
        shown.starts_with("standard input  8×8") && shown.contains("Prompt           a fox"),
        "{shown}"
    );
    let object = &fed(&home, "show --json -", &bytes).ok().json()[0];
    assert_eq!(
        (&object["path"], &object["steps"], &object["width"]),
        (&Value::Null, &20.into(), &8.into())
    );
    fed(&home, "show -", b"no picture").refused(1, &["standard input"]);
    assert!(home.status().is_none(), "looking at a file starts no daemon");
}

#[test]
fn a_job_shows_its_pictures() {
    let home = Home::new();
    let job = home.generate("fox --batch 2 --seed 8 --detach").ok().line().to_owned();
    home.run(&format!("wait {job}")).ok();
    let objects = home.run(&format!("show {job} --json")).ok().json();
    assert_eq!(objects.len(), 2);
    for (index, object) in objects.iter().enumerate() {
        let picture = home.jobs()[0]["pictures"][index].clone();
        assert_eq!(
            (&object["job"], &object["path"]),
            (&Value::from(job.as_str()), &picture["path"])
        );
        assert_eq!(
            (&object["index"], &object["seed"]),
            (&index.into(), &(8 + index).into())
        );
        for key in [
            "prompt",
            "negative_prompt",
            "model",
            "sampler",
            "schedule",
            "cfg_scale",
            "steps",
            "device",
            "dtype",
            "parameters",
        ] {
            assert!(!object[key].is_null(), "{key}: {object:#}");
        }
        let flat = object
            .as_object()
            .unwrap()
            .values()
            .all(|value| !value.is_object() && !value.is_array());
        assert!(flat, "{object:#}");
    }
    let shown = home.run(&format!("show {job}")).ok().stdout;
    assert_eq!(shown.matches("Prompt           fox").count(), 2, "{shown}");
    home.run("show ffffffff").refused(2, &["ffffffff", "no such job"]);
    home.run("show nosuchthing").refused(1, &["nosuchthing"]);
    home.run("show nosuch.png").refused(1, &["nosuch.png"]);
}

#[test]
fn a_text_with_a_mark_in_exif_is_read() {
    let home = Home::new();
    let comment: Vec<u8> = b"UNICODE\0"
        .iter()
        .copied()
        .chain("\u{feff}雪の狐\nSteps: 20".encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    let mut block = b"MM\0\x2a\0\0\0\x08\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x1a\0\0\0\0\0\x01\x92\x86\0\x07".to_vec();
    block.extend((comment.len() as u32).to_be_bytes());
    block.extend(b"\0\0\0\x2c\0\0\0\0");
    block.extend(comment);
    let file = std::fs::File::create(home.at("a.jpg")).unwrap();
    let mut encoder = image::codecs::jpeg::JpegEncoder::new(file);
    encoder.set_exif_metadata(block).unwrap();
    encoder
        .write_image(&[0; 12], 2, 2, image::ExtendedColorType::Rgb8)
        .unwrap();
    let shown = home.run("show a.jpg").ok().stdout;
    assert!(
        shown.contains("Prompt           雪の狐\n") && shown.contains("Steps            20\n"),
        "{shown}"
    );
}
