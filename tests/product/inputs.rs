//! Pictures that pictures begin with: from a file or standard input, over the socket to the worker, and what is wrong with them.

use std::io::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use darkroom_protocol::hash::hex;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::{Home, Ran, Rpc, difference, size};

/// A picture of stripes.
fn given(path: &Path, width: u32, height: u32) -> Vec<u8> {
    let stripes = image::RgbImage::from_fn(width, height, |x, y| image::Rgb([(x * 5) as u8, (y * 7) as u8, 90]));
    stripes.save(path).unwrap();
    std::fs::read(path).unwrap()
}

#[test]
fn a_picture_begins_with_a_picture() {
    let home = Home::new();
    let bytes = given(&home.at("given.png"), 50, 34);
    let make = |name: &str, flags: &str| {
        let line = format!("generate rocket --seed 3 --steps 4 -o {name}.png {flags}");
        home.run(&line).ok();
        home.at(format!("{name}.png"))
    };
    let near = make("near", "-i given.png --denoise 0.25");
    assert_eq!(size(&near), (48, 32), "its own size, in steps of the VAE's factor");
    let again = make("again", "--init-image given.png --strength 0.25");
    assert_eq!(difference(&near, &again), 0);
    let far = make("far", "-i given.png --denoise 1");
    assert!(difference(&near, &far) > 0);
    let wide = make("wide", "-i given.png -W 96 --denoise 0.5");
    assert_eq!(size(&wide), (96, 64), "a side alone has the other beside it");
    let texts = darkroom_formats::png::read_text(&near).unwrap();
    let text = |key: &str| texts.iter().find(|(name, _)| name == key).unwrap().1.clone();
    assert!(
        text("parameters").contains("Denoising strength: 0.25"),
        "{}",
        text("parameters")
    );
    let about: Value = serde_json::from_str(&text("darkroom")).unwrap();
    assert_eq!(
        about["task"]["image"]["inputs"]["init_image"],
        hex(Sha256::digest(&bytes))
    );
}

/// What was given is the job's from then on: the file may go, and so may the daemon.
#[test]
fn a_job_keeps_what_it_begins_with() {
    let home = Home::new();
    home.run("daemon start").ok();
    home.run("queue pause").ok();
    given(&home.at("given.png"), 16, 16);
    let id = home
        .generate("rocket -i given.png --detach -o later.png")
        .ok()
        .line()
        .to_owned();
    std::fs::remove_file(home.at("given.png")).unwrap();
    home.run("daemon restart").ok();
    home.run("queue resume").ok();
    home.run(&format!("wait {id}")).ok();
    assert_eq!(size(&home.at("later.png")), (16, 16));
}

#[test]
fn standard_input_gives_one_too() {
    let home = Home::new();
    let bytes = given(&home.at("given.png"), 16, 16);
    let run = |args: &[&str]| {
        let mut command = home.command(args);
        command.stdin(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Refused before it is read, it may hang up.
        let _ = child.stdin.take().unwrap().write_all(&bytes);
        Ran::of(child.wait_with_output().unwrap())
    };
    run(&["generate", "rocket", "--steps", "2", "-i", "-", "-o", "a.png"]).ok();
    assert_eq!(size(&home.at("a.png")), (16, 16));
    run(&["generate", "-", "-i", "-"]).refused(2, &["Standard input is one thing"]);
}

#[test]
fn what_is_no_picture_is_refused_in_the_words_that_were_typed() {
    let home = Home::new();
    let png = given(&home.at("given.png"), 16, 16);
    std::fs::write(home.at("half.png"), &png[..40]).unwrap();
    std::fs::write(home.at("notes.txt"), "no picture").unwrap();
    for (flags, words) in [
        ("-i none.png", &["--init-image none.png", "no such file"][..]),
        ("-i .", &["--init-image ."]),
        ("-i notes.txt", &["--init-image notes.txt", "no PNG, JPEG or WebP"]),
        ("-i half.png", &["--init-image half.png", "damaged"]),
        ("--denoise 0.5", &["--denoise", "-i"]),
        ("-i given.png --denoise 0.1 --steps 4", &["leaves no step to run"]),
        ("-i given.png --denoise 2", &["--denoise", "from 0 to 1"]),
    ] {
        home.run(&format!("generate rocket {flags}")).refused(2, words);
    }
}

#[test]
fn a_program_uploads_it_first() {
    let home = Home::new();
    home.run("daemon start").ok();
    let bytes = given(&home.at("given.png"), 16, 16);
    let sha256 = hex(Sha256::digest(&bytes));
    let mut rpc = Rpc::connect(&home.socket());
    let id = "0199c1f0-0000-7000-8000-000000000001";
    let request = json!({ "prompt": "rocket", "steps": 2, "init_image": sha256 });
    let submit = json!({ "request_id": id, "request": request });
    let refused = rpc.call("submit", &submit);
    let message = refused["error"]["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("send it first") && message.contains(&sha256[..12]),
        "{refused}"
    );
    let piece = json!({ "sha256": sha256, "size": bytes.len(), "offset": 0, "bytes": STANDARD.encode(&bytes) });
    assert_eq!(rpc.call("upload", &piece)["result"]["held"], bytes.len());
    let job = rpc.call("submit", &submit)["result"]["job"]
        .as_str()
        .unwrap()
        .to_owned();
    home.run(&format!("wait {job}")).ok();
    let wrong = json!({ "request_id": id, "request": { "prompt": "x", "init_image": "given.png" } });
    let message = rpc.call("submit", &wrong)["error"]["message"].to_string();
    assert!(
        message.contains("init_image") && message.contains("upload"),
        "{message}"
    );
}

fn pixels(path: &Path) -> image::RgbImage {
    image::open(path).unwrap().into_rgb8()
}

/// A mask's PNG of that size, white where x is below `white`, with the frame that the mask editor would have drawn around it.
fn mask(path: &Path, (width, height): (u32, u32), white: u32, frame: Option<&str>) {
    let mut encoder = png::Encoder::new(std::fs::File::create(path).unwrap(), width, height);
    encoder.set_color(png::ColorType::Grayscale);
    if let Some(frame) = frame {
        let key = darkroom_formats::input::FRAME.to_owned();
        encoder.add_text_chunk(key, frame.to_owned()).unwrap();
    }
    let rows: Vec<u8> = (0..width * height)
        .map(|n| if n % width < white { 255 } else { 0 })
        .collect();
    encoder.write_header().unwrap().write_image_data(&rows).unwrap();
}

#[test]
fn a_mask_keeps_what_is_black_and_a_frame_adds_around_it() {
    let home = Home::new();
    given(&home.at("given.png"), 64, 64);
    mask(&home.at("mask.png"), (64, 64), 24, None);
    let make = |name: &str, flags: &str| {
        home.run(&format!(
            "generate rocket --seed 3 --steps 4 -i given.png -o {name}.png {flags}"
        ))
        .ok();
        pixels(&home.at(format!("{name}.png")))
    };
    let whole = pixels(&home.at("given.png"));
    let part = make("part", "--mask mask.png --mask-blur 2");
    assert_eq!(part.dimensions(), (64, 64));
    let kept = |x: u32, y: u32| part.get_pixel(x, y) == whole.get_pixel(x, y);
    assert!((30..64).all(|x| kept(x, 9) && kept(x, 60)), "black stays to the byte");
    assert!((0..16).any(|x| !kept(x, 9)), "white changes");

    let added = make("added", "--outpaint left=16,bottom=8 --mask-blur 2");
    assert_eq!(added.dimensions(), (80, 72));
    assert!((30..80).all(|x| added.get_pixel(x, 9) == whole.get_pixel(x - 16, 9)));
    // The editor's mask says the same by itself.
    mask(&home.at("drawn.png"), (80, 72), 16, Some("16,0,0,8"));
    let framed = make("framed", "--mask drawn.png --mask-blur 2");
    assert!(framed == added, "the drawn frame adds the same");
    home.run("generate rocket --outpaint 16")
        .refused(2, &["outpaint", "init_image"]);
}

#[test]
fn a_second_pass_is_said_in_the_picture_and_done_again_by_it() {
    let home = Home::new();
    home.run(
        "generate rocket --seed 3 --steps 4 -W 64 -H 64 --hires 1.5 --hires-steps 2 --hires-denoise 0.5 -o first.png",
    )
    .ok();
    let first = home.at("first.png");
    assert_eq!(size(&first), (96, 96));
    let texts = darkroom_formats::png::read_text(&first).unwrap();
    let text = &texts.iter().find(|(name, _)| name == "parameters").unwrap().1;
    for said in [
        "Hires upscale: 1.5",
        "Hires steps: 2",
        "Hires upscaler: Latent",
        "Denoising strength: 0.5",
        "Size: 64x64",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    home.run("generate --like first.png -o again.png").ok();
    assert_eq!(difference(&first, &home.at("again.png")), 0);
    home.run("generate rocket --seed 3 --steps 4 -W 64 -H 64 --tiling x -o seamless.png")
        .ok();
    let made = pixels(&home.at("seamless.png"));
    assert_eq!(made.dimensions(), (64, 64));
}
