//! The whole way from a task to a picture, against diffusers: `oracle/pipeline.py` made the expected pictures.
// Tests read whole files at once; models never do.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::path::Path;

use darkroom_engine::families::stable_diffusion::{UNet2DConditionModel, UNetConfig};
use darkroom_engine::guidance::{self, Moment, Passes};
use darkroom_engine::model::{Cond, Denoiser, Extras, Guide, Key};
use darkroom_engine::pipeline::{Observer, Saved, Work, loading, make_pictures};
use darkroom_engine::residency::Models;
use darkroom_engine::sampling::{NoiseStream, SchedulerConfig, plan, sample};
use darkroom_engine::text::Select;
use darkroom_engine::text::Tokenizer;
use darkroom_engine::text::clip::{ClipTextConfig, ClipTextModel};
use darkroom_engine::torch::{self, Device};
use darkroom_engine::weights::Weights;
use darkroom_engine::{Cancel, Error, Result};
use darkroom_protocol::sampler::Named;
use darkroom_protocol::{Dtype, ImageTask, ModelSource, Phase, Progress, Quant, Sampler, Schedule, task};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tch::{Kind, Tensor};

#[path = "pipeline/hires.rs"]
mod hires;
#[path = "pipeline/inputs.rs"]
mod inputs;
mod support;
use support::{fixture, model_folder};

#[derive(Deserialize)]
struct Case {
    /// What kind of model changes a part of a picture, and how.
    #[serde(default)]
    kind: String,
    /// What may change: left, top, right and bottom.
    #[serde(default)]
    mask: Option<[u32; 4]>,
    sampler: String,
    width: u32,
    height: u32,
    seed: u64,
    steps: u32,
    cfg_scale: f64,
    prompt: String,
    negative: String,
    /// How far the picture to begin with may change, where there is one.
    #[serde(default)]
    denoise: Option<f64>,
}

fn task(folder: &Path, case: &Case) -> ImageTask {
    let (sampler, schedule) = match case.sampler.strip_suffix(" Karras") {
        Some(sampler) => (sampler, Schedule::Karras),
        None => (case.sampler.as_str(), Schedule::Auto),
    };
    let mut task = ImageTask::of("tiny", &case.prompt);
    task.what.source = ModelSource::Folder(folder.display().to_string());
    task.what.negative.clone_from(&case.negative);
    task.size.width = case.width;
    task.size.height = case.height;
    task.sampling.steps = case.steps;
    task.guidance.cfg_scale = case.cfg_scale;
    task.sampling.sampler = Sampler::from_name(sampler).unwrap();
    task.sampling.schedule = schedule;
    task.sampling.seed = case.seed;
    task.compute.device = "cpu".into();
    task.compute.dtype = Dtype::F32;
    task
}

#[derive(Default)]
struct Told {
    notices: Vec<String>,
    steps: Vec<Progress>,
    saved: Vec<Saved>,
    cancel_at: Option<(usize, Cancel)>,
}

impl Observer for Told {
    fn progress(&mut self, progress: Progress) {
        if let Some((at, cancel)) = &self.cancel_at
            && self.steps.len() == *at
        {
            cancel.raise();
        }
        self.steps.push(progress);
    }

    fn notice(&mut self, line: &str) {
        self.notices.push(line.to_owned());
    }

    fn saved(&mut self, picture: Saved) {
        self.saved.push(picture);
    }
}

/// A model in memory and a place for its pictures.
struct Bench {
    folder: tempfile::TempDir,
    staging: tempfile::TempDir,
    models: Models,
}

impl Bench {
    fn new() -> Self {
        Self {
            folder: model_folder(),
            staging: tempfile::tempdir().unwrap(),
            models: Models::new(u64::MAX),
        }
    }

    fn run(&mut self, task: &ImageTask, kind: Kind, cancel: &Cancel, told: &mut Told) -> Result<()> {
        let key = Key {
            source: task.what.source.clone(),
            parts: Vec::new(),
            name: task.what.model.clone(),
            device: Device::Cpu,
            kind,
            quant: task.compute.quant,
        };
        let staging = self.staging.path();
        let models = &mut self.models;
        torch::catch(|| {
            let model = models.load(&key, cancel, &mut |done, all| told.progress(loading(done, all)))?;
            let work = Work {
                job: "job".into(),
                staging,
                inputs: staging,
                skip: &[],
                cancel,
            };
            make_pictures(task, &work, &model, told)
        })
    }

    /// The pictures of `task` as [H, W, 3] bytes.
    fn pictures(&mut self, task: &ImageTask, kind: Kind) -> Vec<Vec<u8>> {
        let mut told = Told::default();
        self.run(task, kind, &Cancel::new(), &mut told).unwrap();
        told.saved
            .iter()
            .map(|s| {
                image::open(self.staging.path().join(&s.file))
                    .unwrap()
                    .into_rgb8()
                    .into_raw()
            })
            .collect()
    }

    fn files(&self) -> Vec<Vec<u8>> {
        let mut names: Vec<_> = std::fs::read_dir(self.staging.path())
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        names.sort();
        names.iter().map(|path| std::fs::read(path).unwrap()).collect()
    }
}

fn largest_difference(a: &[u8], b: &[u8]) -> u8 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

/// A model is kept once for each way of quantising it, and int8 changes a picture a little.
#[test]
fn int8_draws_nearly_the_same_picture() {
    let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(fixture().join("cases.json")).unwrap()).unwrap();
    let mut bench = Bench::new();
    let plain = task(bench.folder.path(), &cases[0]);
    let mut small = plain.clone();
    small.compute.quant = Quant::Int8;
    let before = bench.pictures(&plain, Kind::Float).remove(0);
    let found = bench.pictures(&small, Kind::Float).remove(0);
    let difference = largest_difference(&before, &found);
    let possible = torch::int8_possible(Device::Cpu);
    assert!(
        difference <= 24 && (difference > 0) == possible,
        "differs by {difference}/255"
    );
    assert_eq!(bench.pictures(&plain, Kind::Float).remove(0), before);
}

/// Makes the pictures of a fixture's cases with the folder of a model, each with what `with` adds to its task, and compares them with diffusers'.
fn are_those_of_diffusers(cases: &str, expected: &str, with: impl FnMut(&mut ImageTask, &Case, &Path)) {
    these_are_those_of_diffusers(&mut Bench::new(), (cases, expected), |_| true, with);
}

/// The same for the cases that `are_meant`.
fn these_are_those_of_diffusers(
    bench: &mut Bench,
    (cases, expected): (&str, &str),
    are_meant: impl Fn(&Case) -> bool,
    mut with: impl FnMut(&mut ImageTask, &Case, &Path),
) {
    let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(fixture().join(cases)).unwrap()).unwrap();
    let expected = Tensor::read_safetensors(fixture().join(expected)).unwrap();
    assert!(cases.iter().any(&are_meant));
    for (n, case) in cases.iter().enumerate().filter(|(_, case)| are_meant(case)) {
        let mut task = task(bench.folder.path(), case);
        with(&mut task, case, bench.staging.path());
        let found = bench.pictures(&task, Kind::Float).remove(0);
        let (_, picture) = expected.iter().find(|(key, _)| *key == format!("{n}.picture")).unwrap();
        let picture = Vec::<u8>::try_from(picture.flatten(0, -1)).unwrap();
        let difference = largest_difference(&found, &picture);
        assert!(
            difference <= 1,
            "case {n}, {}: differs by {difference}/255",
            case.sampler
        );
    }
}

#[test]
fn pictures_are_those_of_diffusers() {
    // diffusers reads one chunk of a prompt, and here they are all read.
    let tokenizer = Tokenizer::embedded().unwrap();
    let cut = |text: &mut String| {
        let dropped = tokenizer
            .chunk(text)
            .unwrap()
            .dropped
            .map_or(0, |dropped| dropped.text.len());
        text.truncate(text.len() - dropped);
    };
    are_those_of_diffusers("cases.json", "expected.safetensors", |task, _, _| {
        cut(&mut task.what.prompt);
        cut(&mut task.what.negative);
    });
}

/// The picture of `oracle/img2img.py`, put where a worker finds it: its name.
fn given(folder: &Path, width: u32, height: u32) -> String {
    let picture = image::RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([x * 3 % 256, y * 5 % 256, x * y % 256].map(|value| value as u8))
    });
    let path = folder.join("given.png");
    picture.save(&path).unwrap();
    let name = darkroom_protocol::hash::hex(Sha256::digest(std::fs::read(&path).unwrap()));
    std::fs::rename(path, folder.join(&name)).unwrap();
    name
}

#[test]
fn pictures_from_pictures_are_those_of_diffusers() {
    are_those_of_diffusers("img2img.json", "img2img.safetensors", |task, case, inputs| {
        task.inputs.init_image = Some(given(inputs, case.width, case.height));
        task.inputs.denoise = case.denoise;
    });
}

/// A mask put where a worker finds it: its name.
fn masked(folder: &Path, mask: &image::GrayImage) -> String {
    let path = folder.join("mask.png");
    mask.save(&path).unwrap();
    let name = darkroom_protocol::hash::hex(Sha256::digest(std::fs::read(&path).unwrap()));
    std::fs::rename(path, folder.join(&name)).unwrap();
    name
}

/// The mask of `oracle/inpaint.py`: a rectangle, or a grey for each latent.
fn mask_of(case: &Case) -> image::GrayImage {
    image::GrayImage::from_fn(case.width, case.height, |x, y| match case.mask {
        Some([left, top, right, bottom]) => {
            let inside = (left..right).contains(&x) && (top..bottom).contains(&y);
            image::Luma([if inside { 255 } else { 0 }])
        }
        None => image::Luma([((x / 8 * 3 + y / 8 * 5) % 16 * 17) as u8]),
    })
}

/// The cases of `oracle/inpaint.py` of one kind, by a model whose denoiser reads so many channels.
fn parts_are_those_of_diffusers(kind: &str, channels: i64) {
    let mut bench = Bench::new();
    support::with_inputs(bench.folder.path(), channels);
    let files = ("inpaint.json", "inpaint.safetensors");
    these_are_those_of_diffusers(
        &mut bench,
        files,
        |case| case.kind == kind,
        |task, case, inputs| {
            task.inputs.init_image = Some(given(inputs, case.width, case.height));
            task.inputs.denoise = case.denoise;
            if kind != "edits" {
                task.inpaint.mask = Some(masked(inputs, &mask_of(case)));
                task.inpaint.blur = Some(0);
                task.inpaint.soft = Some(kind == "soft");
            }
        },
    );
}

#[test]
fn a_part_that_an_ordinary_model_changes_is_diffusers() {
    parts_are_those_of_diffusers("plain", 4);
}

#[test]
fn a_part_that_a_model_for_inpainting_fills_is_diffusers() {
    parts_are_those_of_diffusers("fills", 9);
}

#[test]
fn a_picture_that_a_model_edits_is_diffusers() {
    parts_are_those_of_diffusers("edits", 8);
}

/// A model that is told its guidance, as `LatentConsistencyModelPipeline` runs it (`oracle/kinds.py`): one pass a step, and what is to be
/// avoided counts for nothing.
#[test]
fn a_model_that_is_told_its_guidance_makes_diffusers_pictures() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/families/lcm");
    let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(fixture.join("cases.json")).unwrap()).unwrap();
    let expected = Tensor::read_safetensors(fixture.join("expected.safetensors")).unwrap();
    let mut bench = Bench::new();
    let folder = bench.folder.path().to_owned();
    support::with_field(&folder, "time_cond_proj_dim", 32);
    std::fs::copy(
        fixture.join("scheduler_config.json"),
        folder.join("scheduler/scheduler_config.json"),
    )
    .unwrap();
    let index = std::fs::read_to_string(folder.join("model_index.json")).unwrap();
    std::fs::write(
        folder.join("model_index.json"),
        index.replace("PNDMScheduler", "LCMScheduler"),
    )
    .unwrap();
    for (n, case) in cases.iter().enumerate() {
        let mut task = task(&folder, case);
        let found = bench.pictures(&task, Kind::Float).remove(0);
        let key = format!("{n}.picture");
        let expected = &expected.iter().find(|(name, _)| *name == key).unwrap().1;
        let expected = Vec::<u8>::try_from(expected.flatten(0, -1)).unwrap();
        let difference = largest_difference(&found, &expected);
        assert!(difference <= 1, "case {n} differs by {difference}/255");
        task.what.negative = "blurry".into();
        let mut told = Told::default();
        bench.run(&task, Kind::Float, &Cancel::new(), &mut told).unwrap();
        let said = told
            .notices
            .iter()
            .any(|line| line.contains("the negative prompt is not used"));
        assert_eq!(said, case.cfg_scale > 1.0, "{:?}", told.notices);
        assert_eq!(bench.pictures(&task, Kind::Float).remove(0), found);
    }
}

#[test]
fn a_soft_mask_lets_go_as_differential_diffusion_does() {
    parts_are_those_of_diffusers("soft", 4);
}

/// Each picture of a batch begins with latents of its own from the one that was given.
#[test]
fn a_picture_of_a_batch_from_a_picture_is_that_picture_alone() {
    let mut bench = Bench::new();
    let with = |bench: &Bench, seed, count, together| {
        let mut task = batch(bench.folder.path(), short(seed, count, together));
        task.inputs.init_image = Some(given(bench.staging.path(), 96, 64));
        task.inputs.denoise = Some(0.5);
        task
    };
    let together = bench.pictures(&with(&bench, 10, 3, 3), Kind::Float);
    for (i, picture) in together.iter().enumerate() {
        let alone = bench
            .pictures(&with(&bench, 10 + i as u64, 1, 1), Kind::Float)
            .remove(0);
        assert!(largest_difference(picture, &alone) <= 1, "picture {i}");
    }
}

#[test]
fn a_picture_to_begin_with_that_is_none_is_told() {
    let mut bench = Bench::new();
    let mut task = batch(bench.folder.path(), short(1, 1, 1));
    let name = darkroom_protocol::hash::hex(Sha256::digest(b"no picture"));
    std::fs::write(bench.staging.path().join(&name), b"no picture").unwrap();
    task.inputs.init_image = Some(name);
    let error = bench
        .run(&task, Kind::Float, &Cancel::new(), &mut Told::default())
        .unwrap_err();
    assert!(
        matches!(&error, Error::Input { what, .. } if what.contains("no PNG")),
        "{error}"
    );
}

#[test]
fn latents_are_those_of_diffusers() {
    let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(fixture().join("cases.json")).unwrap()).unwrap();
    let expected = Tensor::read_safetensors(fixture().join("expected.safetensors")).unwrap();
    let config = |name: &str| std::fs::read(fixture().join(name)).unwrap();
    let scheduler = SchedulerConfig::from_json(&config("scheduler/scheduler_config.json")).unwrap();
    let unet = UNetConfig::from_json(&config("unet/config.json")).unwrap();
    let unet = UNet2DConditionModel::new(&Weights::random("unet"), &unet).unwrap();
    let text = ClipTextConfig::from_json(&config("text_encoder/config.json")).unwrap();
    let text = ClipTextModel::new(&Weights::random("text_encoder"), &text).unwrap();
    let (tokenizer, cancel) = (Tokenizer::embedded().unwrap(), Cancel::new());
    let encode = |prompt: &str| {
        let ids = Tensor::from_slice(&tokenizer.chunk(prompt).unwrap().ids).unsqueeze(0);
        text.forward(&ids, Select::default(), &cancel).unwrap().hidden_states
    };
    let encode = |prompt: &str| Cond::of(encode(prompt));
    for (n, case) in cases.iter().enumerate() {
        let task = task(Path::new("/"), case);
        let plan = plan(
            &scheduler,
            task.sampling.sampler,
            task.sampling.schedule,
            case.steps as usize,
        )
        .unwrap();
        let shape = [4, i64::from(case.height / 8), i64::from(case.width / 8)];
        let mut noise = NoiseStream::new(case.seed, 1, &shape).unwrap();
        let guide = Guide::of(encode(&case.prompt), Some(encode(&case.negative)));
        let guidance = guidance::cfg(&task.guidance, Passes::One);
        let mut model = |x: &Tensor, t: f64| {
            let mut predict = |x: &Tensor, cond: &Cond| unet.forward(x, t, cond, &Extras::default(), &cancel);
            guidance.predict(x, &guide, &mut predict)
        };
        let initial = plan.initial(&noise.draw().unwrap());
        let found = sample(&plan, initial, &mut model, &mut |_, _| noise.draw(), &mut |_| Ok(())).unwrap();
        let (_, latents) = expected.iter().find(|(key, _)| *key == format!("{n}.latents")).unwrap();
        let difference = (found - latents).abs().max().double_value(&[]);
        println!("case {n}, {}: differs by {difference}", case.sampler);
        assert!(difference < 1e-3, "case {n}, {}: differs by {difference}", case.sampler);
    }
}

/// `oracle/pag.py` made these; its prompts are noise.
#[test]
fn perturbed_attention_guidance_is_that_of_diffusers() {
    let expected = Tensor::read_safetensors(fixture().join("pag.safetensors")).unwrap();
    let config = |name: &str| std::fs::read(fixture().join(name)).unwrap();
    let scheduler = SchedulerConfig::from_json(&config("scheduler/scheduler_config.json")).unwrap();
    let unet = UNetConfig::from_json(&config("unet/config.json")).unwrap();
    let unet = UNet2DConditionModel::new(&Weights::random("unet"), &unet).unwrap();
    assert!(Denoiser::can_be_perturbed(&unet));
    let encoded = |seed: u64| {
        let mut generator = torch::Generator::seeded(seed).unwrap();
        Cond::of(generator.randn(&[1, 77, 32]).unwrap())
    };
    let guide = Guide::of(encoded(11), Some(encoded(12)));
    let cases = [
        (Sampler::Ddim, 5.0, 0.0, 3.0),
        (Sampler::Euler, 1.0, 0.0, 2.0),
        (Sampler::Euler, 7.5, 0.7, 0.5),
    ];
    for (n, (sampler, cfg_scale, guidance_rescale, pag_scale)) in cases.into_iter().enumerate() {
        for passes in [Passes::One, Passes::Two] {
            let plan = plan(&scheduler, sampler, Schedule::Auto, 4).unwrap();
            let mut noise = NoiseStream::new(5, 1, &[4, 32, 24]).unwrap();
            let asked = task::Guidance {
                cfg_scale,
                guidance_rescale,
                pag_scale,
                ..task::Guidance::default()
            };
            let moment = Moment::default();
            let guidance = guidance::asked(&asked, passes, plan.steps(), &moment);
            let mut model = |x: &Tensor, t: f64| {
                let mut predict = |x: &Tensor, cond: &Cond| {
                    let extras = Extras {
                        perturbed: moment.perturbed.get(),
                        ..Extras::default()
                    };
                    unet.forward(x, t, cond, &extras, &Cancel::new())
                };
                guidance.predict(x, &guide, &mut predict)
            };
            let initial = plan.initial(&noise.draw().unwrap());
            let found = sample(&plan, initial, &mut model, &mut |_, _| noise.draw(), &mut |done| {
                moment.step.set(done.index + 1);
                Ok(())
            });
            let (_, latents) = expected.iter().find(|(key, _)| *key == n.to_string()).unwrap();
            let difference = (found.unwrap() - latents).abs().max().double_value(&[]);
            println!("case {n}: differs by {difference}");
            assert!(difference < 1e-3, "case {n}: differs by {difference}");
        }
    }
}

fn short(seed: u64, batch: u32, micro_batch: u32) -> (Case, u32, u32) {
    let case = Case {
        sampler: "Euler a".into(),
        width: 64,
        height: 64,
        seed,
        steps: 4,
        cfg_scale: 5.0,
        prompt: "a fox".into(),
        negative: String::new(),
        denoise: None,
        kind: String::new(),
        mask: None,
    };
    (case, batch, micro_batch)
}

fn batch(folder: &Path, (case, batch, micro_batch): (Case, u32, u32)) -> ImageTask {
    let mut task = task(folder, &case);
    task.size.batch = batch;
    task.compute.micro_batch = micro_batch;
    task
}

#[test]
fn the_same_task_gives_the_same_bytes() {
    let mut bench = Bench::new();
    let task = batch(bench.folder.path(), short(3, 2, 2));
    bench.pictures(&task, Kind::Float);
    let first = bench.files();
    bench.pictures(&task, Kind::Float);
    assert_eq!(bench.files(), first);
}

#[test]
fn a_picture_of_a_batch_is_that_picture_alone() {
    let mut bench = Bench::new();
    for (kind, bound) in [(Kind::Float, 1), (Kind::BFloat16, 4)] {
        let together = bench.pictures(&batch(bench.folder.path(), short(10, 3, 3)), kind);
        let apart = bench.pictures(&batch(bench.folder.path(), short(10, 3, 1)), kind);
        for (i, picture) in together.iter().enumerate() {
            assert!(largest_difference(picture, &apart[i]) <= bound, "{kind:?}, split");
            let alone = bench
                .pictures(&batch(bench.folder.path(), short(10 + i as u64, 1, 1)), kind)
                .remove(0);
            let difference = largest_difference(picture, &alone);
            assert!(difference <= bound, "{kind:?}, picture {i}: {difference}/255");
        }
    }
}

#[test]
fn guidance_in_two_passes_gives_the_same_picture() {
    let mut bench = Bench::new();
    for (kind, bound) in [(Kind::Float, 1), (Kind::BFloat16, 4)] {
        let task = batch(bench.folder.path(), short(31, 1, 1));
        let one = bench.pictures(&task, kind).remove(0);
        let mut two = task;
        two.compute.two_passes = true;
        let two = bench.pictures(&two, kind).remove(0);
        let difference = largest_difference(&one, &two);
        assert!(difference <= bound, "{kind:?}: {difference}/255");
    }
}

#[test]
fn a_picture_does_not_depend_on_what_was_made_before() {
    for kind in [Kind::Float, Kind::BFloat16] {
        let mut fresh = Bench::new();
        let mut task = batch(fresh.folder.path(), short(21, 2, 2));
        let expected = fresh.pictures(&task, kind);
        let mut used = Bench::new();
        for (width, height, batch) in [(104, 72, 1), (64, 128, 3), (8, 8, 1)] {
            let mut other = task.clone();
            other.size.width = width;
            other.size.height = height;
            other.size.batch = batch;
            other.compute.micro_batch = batch;
            other.what.source = ModelSource::Folder(used.folder.path().display().to_string());
            used.pictures(&other, kind);
        }
        task.what.source = ModelSource::Folder(used.folder.path().display().to_string());
        assert_eq!(used.pictures(&task, kind), expected, "{kind:?}");
    }
}

#[test]
fn a_finished_picture_is_made_larger() {
    let mut bench = Bench::new();
    let mut task = batch(bench.folder.path(), short(1, 2, 1));
    (task.size.width, task.size.height) = (64, 40);
    let plain = bench.pictures(&task, Kind::Float);
    (task.size.upscaler, task.size.upscale) = ("nearest".to_owned(), Some(2.0));
    let mut told = Told::default();
    bench.run(&task, Kind::Float, &Cancel::new(), &mut told).unwrap();
    for (saved, plain) in told.saved.iter().zip(&plain) {
        assert_eq!((saved.width, saved.height), (128, 80));
        let large = image::open(bench.staging.path().join(&saved.file)).unwrap().into_rgb8();
        let plain = image::RgbImage::from_raw(64, 40, plain.clone()).unwrap();
        assert!(
            large
                .enumerate_pixels()
                .all(|(x, y, pixel)| pixel == plain.get_pixel(x / 2, y / 2))
        );
    }
    assert_eq!(told.saved.len(), 2);
    (task.size.upscaler, task.size.upscale) = ("/nowhere/x.pth".to_owned(), None);
    let mut told = Told::default();
    assert!(bench.run(&task, Kind::Float, &Cancel::new(), &mut told).is_err());
    assert!(
        told.steps.iter().all(|p| p.phase == Phase::Load),
        "told before anything is made"
    );
}

#[cfg(feature = "embedded-model")]
#[test]
fn a_network_makes_it_larger_and_says_how_far_it_is() {
    let mut bench = Bench::new();
    let mut task = batch(bench.folder.path(), short(1, 1, 1));
    (task.size.width, task.size.height) = (96, 64);
    task.size.upscaler = darkroom_protocol::upscaler::EMBEDDED.to_owned();
    task.compute.upscale_tile = 64;
    let mut told = Told::default();
    bench.run(&task, Kind::Float, &Cancel::new(), &mut told).unwrap();
    let steps: Vec<_> = told.steps.iter().filter(|p| p.phase == Phase::Upscale).collect();
    let steps: Vec<_> = steps.iter().map(|p| (p.step, p.steps)).collect();
    assert_eq!(steps, [(0, 2), (1, 2), (2, 2)]);
    assert_eq!((told.saved[0].width, told.saved[0].height), (384, 256));
}

#[test]
fn a_cancel_takes_effect_wherever_it_comes() {
    let mut bench = Bench::new();
    let task = batch(bench.folder.path(), short(1, 2, 1));
    let mut told = Told::default();
    bench.run(&task, Kind::Float, &Cancel::new(), &mut told).unwrap();
    let all = told.steps.len();
    bench.models.clear();
    for at in 0..all + 4 {
        let cancel = Cancel::new();
        let mut told = Told {
            cancel_at: Some((at, cancel.clone())),
            ..Told::default()
        };
        let result = bench.run(&task, Kind::Float, &cancel, &mut told);
        let late = told
            .steps
            .get(at)
            .is_none_or(|p| p.image == 1 && p.phase == Phase::Save);
        assert!(late || matches!(result, Err(Error::Cancelled)), "at {at}: {result:?}");
    }
    told = Told::default();
    bench.run(&task, Kind::Float, &Cancel::new(), &mut told).unwrap();
    assert_eq!(told.saved.len(), 2);
}

#[test]
fn what_exists_is_not_made_again() {
    let mut bench = Bench::new();
    let task = batch(bench.folder.path(), short(1, 3, 2));
    let whole = bench.pictures(&task, Kind::Float);
    let mut told = Told::default();
    let key = Key {
        source: task.what.source.clone(),
        parts: Vec::new(),
        name: "tiny".into(),
        device: Device::Cpu,
        kind: Kind::Float,
        quant: Quant::None,
    };
    let cancel = Cancel::new();
    let model = bench.models.load(&key, &cancel, &mut |_, _| {}).unwrap();
    let work = Work {
        job: "again".into(),
        staging: bench.staging.path(),
        inputs: bench.staging.path(),
        skip: &[0, 2],
        cancel: &cancel,
    };
    make_pictures(&task, &work, &model, &mut told).unwrap();
    assert_eq!(told.saved.iter().map(|s| s.index).collect::<Vec<_>>(), [1]);
    let again = image::open(bench.staging.path().join(&told.saved[0].file))
        .unwrap()
        .into_rgb8()
        .into_raw();
    assert_eq!(again, whole[1]);
}

#[test]
fn a_long_prompt_is_read_to_its_end() {
    let mut bench = Bench::new();
    let mut task = batch(bench.folder.path(), short(1, 1, 1));
    task.what.prompt = "word ".repeat(100) + "tail";
    let mut told = Told::default();
    bench.run(&task, Kind::Float, &Cancel::new(), &mut told).unwrap();
    assert!(told.notices.is_empty(), "{:?}", told.notices);
    let whole = bench.pictures(&task, Kind::Float);
    task.what.prompt = "word ".repeat(100) + "end";
    assert_ne!(bench.pictures(&task, Kind::Float), whole);
}

#[test]
fn numbers_that_are_none_name_their_component() {
    let mut bench = Bench::new();
    for (file, component) in [
        ("unet/diffusion_pytorch_model", "unet"),
        ("vae/diffusion_pytorch_model", "vae"),
        ("text_encoder/model", "text_encoder"),
    ] {
        let path = bench.folder.path().join(format!("{file}.safetensors"));
        let good = std::fs::read(&path).unwrap();
        let mut tensors = Tensor::read_safetensors(&path).unwrap();
        tensors
            .iter_mut()
            .for_each(|(_, tensor)| *tensor = tensor.full_like(f64::NAN));
        Tensor::write_safetensors(&tensors, &path).unwrap();
        let task = batch(bench.folder.path(), short(1, 1, 1));
        let error = bench
            .run(&task, Kind::Float, &Cancel::new(), &mut Told::default())
            .unwrap_err();
        assert!(
            matches!(&error, Error::NotANumber { component: c } if c == component),
            "{error}"
        );
        std::fs::write(&path, good).unwrap();
    }
}
