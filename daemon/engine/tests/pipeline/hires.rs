//! Second passes against diffusers: `oracle/hires.py` made the expected pictures, by its text-to-image and image-to-image one after the
//! other. What a second pass is told of and tells is here too.

use darkroom_protocol::Hires;

use super::*;

#[derive(Deserialize)]
struct Second {
    hires: Hires,
    hires_sampler: String,
}

#[test]
fn second_passes_are_those_of_diffusers() {
    let all = std::fs::read(fixture().join("hires.json")).unwrap();
    let seconds: Vec<Second> = serde_json::from_slice(&all).unwrap();
    assert_eq!(seconds.len(), 8);
    let mut left = seconds.into_iter();
    are_those_of_diffusers("hires.json", "hires.safetensors", |task, _, _| {
        let second = left.next().unwrap();
        let (sampler, schedule) = match second.hires_sampler.strip_suffix(" Karras") {
            Some(sampler) => (sampler, Schedule::Karras),
            None => (second.hires_sampler.as_str(), Schedule::Auto),
        };
        task.hires = second.hires.clone();
        task.hires.sampler = Sampler::from_name(sampler);
        task.hires.schedule = Some(schedule);
    });
}

fn with_second(bench: &Bench, seed: u64, count: u32, together: u32) -> ImageTask {
    let mut task = batch(bench.folder.path(), short(seed, count, together));
    task.hires = Hires {
        scale: Some(1.5),
        steps: Some(2),
        denoise: Some(0.5),
        ..Hires::default()
    };
    task
}

/// Progress counts the steps of both passes, and time is told for all that is left.
#[test]
fn progress_covers_both_passes() {
    let mut bench = Bench::new();
    let task = with_second(&bench, 3, 1, 1);
    let first = task.sampling.steps;
    let mut told = Told::default();
    bench.run(&task, Kind::Float, &Cancel::new(), &mut told).unwrap();
    let steps: Vec<(u32, u32)> = told
        .steps
        .iter()
        .filter(|progress| progress.phase == Phase::Denoise)
        .map(|progress| (progress.step, progress.steps))
        .collect();
    let expected: Vec<(u32, u32)> = (0..=first)
        .chain(first..=first + 2)
        .map(|step| (step, first + 2))
        .collect();
    assert_eq!(steps, expected);
    let last = told.steps.iter().rfind(|progress| progress.eta_s.is_some()).unwrap();
    assert_eq!(last.eta_s, Some(0.0));
    assert_eq!((told.saved[0].width, told.saved[0].height), (96, 96));
}

#[test]
fn a_picture_of_a_batch_with_a_second_pass_is_that_picture_alone() {
    let mut bench = Bench::new();
    for upscaler in ["Latent (bicubic)", "lanczos"] {
        let with = |bench: &Bench, seed, count, together| {
            let mut task = with_second(bench, seed, count, together);
            task.hires.upscaler = Some(upscaler.to_owned());
            task
        };
        let together = bench.pictures(&with(&bench, 10, 3, 2), Kind::Float);
        for (i, picture) in together.iter().enumerate() {
            let alone = bench
                .pictures(&with(&bench, 10 + i as u64, 1, 1), Kind::Float)
                .remove(0);
            assert!(largest_difference(picture, &alone) <= 1, "{upscaler}, picture {i}");
        }
    }
}

/// Without any strength the picture is only enlarged.
#[test]
fn a_second_pass_without_strength_enlarges() {
    let mut bench = Bench::new();
    let mut task = with_second(&bench, 3, 1, 1);
    task.hires.upscaler = Some("nearest".to_owned());
    task.hires.denoise = Some(0.0);
    let mut told = Told::default();
    bench.run(&task, Kind::Float, &Cancel::new(), &mut told).unwrap();
    assert_eq!(told.saved[0].width, 96);
    let denoised = |progress: &&Progress| progress.phase == Phase::Denoise;
    let steps = told.steps.iter().filter(denoised).map(|progress| progress.steps).max();
    assert_eq!(steps, Some(task.sampling.steps));
}

#[test]
fn a_mask_and_a_second_pass_are_refused() {
    let mut bench = Bench::new();
    let mut task = with_second(&bench, 3, 1, 1);
    task.inputs.init_image = Some(given(bench.staging.path(), 64, 64));
    task.inpaint.mask = Some("0".repeat(64));
    let refused = bench.run(&task, Kind::Float, &Cancel::new(), &mut Told::default());
    assert!(refused.unwrap_err().to_string().contains("leave out hires"));
}
