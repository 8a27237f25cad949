//! What a picture to begin with goes through beside the loop: a latent upscale against diffusers (`oracle/latent_resize.py`), and the
//! colours of the given picture. The other resize modes and the colours' arithmetic have tests beside them.

use darkroom_protocol::ResizeMode;

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
