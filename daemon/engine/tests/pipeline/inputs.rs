//! What a picture to begin with goes through beside the loop: a latent upscale against diffusers (`oracle/latent_resize.py`), the
//! colours of the given picture, and what is added around it. Pictures whose edges fit are here too (`oracle/tiling.py`). The other
//! resize modes and the colours' arithmetic have tests beside them.

use darkroom_protocol::{Inpaint, InpaintFill, ResizeMode, Tiling};

use super::*;

#[derive(Deserialize)]
struct Given {
    given: [u32; 2],
}

#[test]
fn a_latent_upscale_is_diffusers() {
    let all = std::fs::read(fixture().join("latent-resize.json")).unwrap();
    let given_sizes: Vec<Given> = serde_json::from_slice(&all).unwrap();
    let mut left = given_sizes.into_iter();
    are_those_of_diffusers(
        "latent-resize.json",
        "latent-resize.safetensors",
        |task, case, inputs| {
            let [width, height] = left.next().unwrap().given;
            task.inputs.init_image = Some(given(inputs, width, height));
            task.inputs.denoise = case.denoise;
            task.inputs.resize_mode = Some(ResizeMode::Latent);
        },
    );
}

fn mean_of(picture: &[u8]) -> [f64; 3] {
    let pixels = picture.as_chunks::<3>().0;
    [0, 1, 2].map(|channel| pixels.iter().map(|pixel| f64::from(pixel[channel])).sum::<f64>() / pixels.len() as f64)
}

/// The tint of a picture is nearer to the given one's than without.
#[test]
fn colours_are_those_of_the_given_picture() {
    let mut bench = Bench::new();
    let mut task = batch(bench.folder.path(), short(5, 1, 1));
    let red = image::RgbImage::from_fn(64, 64, |x, y| image::Rgb([180 + x as u8, (y / 2) as u8, 40]));
    let path = bench.staging.path().join("red.png");
    red.save(&path).unwrap();
    let name = darkroom_protocol::hash::hex(Sha256::digest(std::fs::read(&path).unwrap()));
    std::fs::rename(path, bench.staging.path().join(&name)).unwrap();
    task.inputs.init_image = Some(name);
    task.inputs.denoise = Some(1.0);
    let tint = |mean: [f64; 3]| mean[0] - (mean[1] + mean[2]) / 2.0;
    let before = tint(mean_of(&bench.pictures(&task, Kind::Float).remove(0)));
    task.inputs.color_correction = true;
    let after = tint(mean_of(&bench.pictures(&task, Kind::Float).remove(0)));
    let wanted = tint(mean_of(red.as_raw()));
    assert!(
        (after - wanted).abs() < (before - wanted).abs() / 2.0,
        "{before}, {after}, {wanted}"
    );
}

#[test]
fn pictures_whose_edges_fit_are_those_of_diffusers() {
    are_those_of_diffusers("tiling.json", "tiling.safetensors", |task, case, _| {
        task.size.tiling = Tiling::from_name(&case.kind).unwrap();
    });
}

/// What is added is what a larger picture with a mask by hand is, and the given pixels stay where nothing reaches them.
#[test]
fn what_is_added_is_a_part_of_a_larger_picture() {
    let mut bench = Bench::new();
    let mut task = batch(bench.folder.path(), short(5, 1, 1));
    task.inputs.init_image = Some(given(bench.staging.path(), 48, 56));
    task.inputs.denoise = Some(0.8);
    task.inpaint = Inpaint {
        outpaint: vec!["left=16".into(), "bottom=8".into()],
        blur: Some(2),
        ..Inpaint::default()
    }
    .resolved();
    assert_eq!(task.inpaint.fill, Some(InpaintFill::Fill));
    let found = bench.pictures(&task, Kind::Float).remove(0);

    let formula = |x: u32, y: u32| image::Rgb([x * 3 % 256, y * 5 % 256, x * y % 256].map(|value| value as u8));
    let larger = image::RgbImage::from_fn(64, 64, |x, y| formula(x.saturating_sub(16), y.min(55)));
    let path = bench.staging.path().join("larger.png");
    larger.save(&path).unwrap();
    let name = darkroom_protocol::hash::hex(Sha256::digest(std::fs::read(&path).unwrap()));
    std::fs::rename(path, bench.staging.path().join(&name)).unwrap();
    let mask = image::GrayImage::from_fn(64, 64, |x, y| image::Luma([if x < 20 || y >= 52 { 255 } else { 0 }]));
    let mut by_hand = task.clone();
    by_hand.inputs.init_image = Some(name);
    by_hand.inpaint.outpaint = Vec::new();
    by_hand.inpaint.mask = Some(masked(bench.staging.path(), &mask));
    assert_eq!(found, bench.pictures(&by_hand, Kind::Float).remove(0));

    for (x, y) in [(30, 0), (63, 40), (26, 45)] {
        let at = (y * 64 + x) * 3;
        assert_eq!(found[at..at + 3], formula(x as u32 - 16, y as u32).0, "{x}, {y}");
    }
    assert_ne!(found[..3], larger.get_pixel(0, 0).0);
}

/// What stays around a mask becomes larger with what is new under it.
#[test]
fn a_masked_picture_is_made_larger_as_a_whole() {
    let mut bench = Bench::new();
    let mut task = batch(bench.folder.path(), short(5, 1, 1));
    task.inputs.init_image = Some(given(bench.staging.path(), 64, 64));
    task.inputs.denoise = Some(0.8);
    let mask = image::GrayImage::from_fn(64, 64, |x, _| image::Luma([if x < 32 { 255 } else { 0 }]));
    task.inpaint = Inpaint {
        mask: Some(masked(bench.staging.path(), &mask)),
        ..Inpaint::default()
    }
    .resolved();
    let small = bench.pictures(&task, Kind::Float).remove(0);
    task.size.upscaler = "nearest".to_owned();
    task.size.upscale = Some(2.0);
    let large = bench.pictures(&task, Kind::Float).remove(0);
    let expected: Vec<u8> = (0..128 * 128)
        .flat_map(|at| {
            let from = (at / 128 / 2 * 64 + at % 128 / 2) * 3;
            small[from..from + 3].to_vec()
        })
        .collect();
    assert!(large == expected);
}
