//! Tiny models of Stable Diffusion 2, SDXL, its refiner and their kin on the whole way from a task to a picture, against diffusers:
//! `oracle/families.py` made the folders and what is expected of them.
// Tests read whole files at once; models never do.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use darkroom_engine::families::stable_diffusion::{AutoencoderKl, UNet2DConditionModel, UNetConfig, VaeConfig};
use darkroom_engine::model::{Extras, Key, Model, Passage, Says, Side};
use darkroom_engine::pipeline::preview::Estimate;
use darkroom_engine::pipeline::{Observer, Saved, Work, make_pictures};
use darkroom_engine::prompt::Wording;
use darkroom_engine::residency::Models;
use darkroom_engine::text::clip::{ClipTextConfig, ClipTextModel};
use darkroom_engine::torch::Device;
use darkroom_engine::weights::Weights;
use darkroom_engine::{Cancel, Result};
use darkroom_formats::schema::Fields;
use darkroom_protocol::sampler::Named;
use darkroom_protocol::{Dtype, ImageTask, ModelSource, Progress, Quant, Sampler};
use rstest::rstest;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tch::{Kind, Tensor};

#[derive(Deserialize)]
struct Case {
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
    /// What of it may: left, top, right and bottom.
    #[serde(default)]
    mask: Option<[u32; 4]>,
}

/// A tiny model's files, and what diffusers makes with it.
struct Bench {
    folder: tempfile::TempDir,
    staging: tempfile::TempDir,
    cases: Vec<Case>,
    expected: HashMap<String, Tensor>,
    models: Models,
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/families")
        .join(name)
}

/// Fills the weights that `build` asks for into the file `name`.
fn fill(folder: &Path, name: &str, build: &dyn Fn(&Weights) -> Result<()>) {
    let recorder = Weights::recorder("any");
    build(&recorder).unwrap();
    let random = Weights::random("any");
    let asked = recorder.asked();
    let tensors: Vec<_> = asked
        .iter()
        .map(|(key, shape)| (key.clone(), random.get(key, shape).unwrap()))
        .collect();
    Tensor::write_safetensors(&tensors, folder.join(name)).unwrap();
}

/// The fixture's folder with weights filled by name, as a published folder has them.
fn model_folder(fixture: &Path) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let copy = |name: &str| {
        let to = dir.path().join(name);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(fixture.join(name), to).unwrap();
    };
    copy("model_index.json");
    copy("scheduler/scheduler_config.json");
    for part in ["text_encoder", "text_encoder_2", "unet", "vae"] {
        let name = format!("{part}/config.json");
        if !fixture.join(&name).exists() {
            continue;
        }
        copy(&name);
        let json = std::fs::read(fixture.join(&name)).unwrap();
        let map: serde_json::Map<_, _> = serde_json::from_slice(&json).unwrap();
        let fields = Fields::new(part, &map);
        let place = |stem: &str| format!("{part}/{stem}.safetensors");
        match part {
            "unet" => {
                let config = UNetConfig::read(fields).unwrap();
                let build = |w: &Weights| UNet2DConditionModel::new(w, &config).map(drop);
                fill(dir.path(), &place("diffusion_pytorch_model"), &build);
            }
            "vae" => {
                let config = VaeConfig::read(fields).unwrap();
                let build = |w: &Weights| AutoencoderKl::new(w, &config).map(drop);
                fill(dir.path(), &place("diffusion_pytorch_model"), &build);
            }
            _ => {
                let read = match part {
                    "text_encoder_2" => ClipTextConfig::read_projected,
                    _ => ClipTextConfig::read,
                };
                let config = read(fields).unwrap();
                fill(dir.path(), &place("model"), &|w| {
                    ClipTextModel::new(w, &config).map(drop)
                });
                copy(&format!(
                    "{}/tokenizer_config.json",
                    part.replace("text_encoder", "tokenizer")
                ));
            }
        }
    }
    dir
}

impl Bench {
    fn new(name: &str) -> Self {
        let fixture = fixture(name);
        let expected = Tensor::read_safetensors(fixture.join("expected.safetensors")).unwrap();
        Self {
            folder: model_folder(&fixture),
            staging: tempfile::tempdir().unwrap(),
            cases: serde_json::from_slice(&std::fs::read(fixture.join("cases.json")).unwrap()).unwrap(),
            expected: expected.into_iter().collect(),
            models: Models::new(u64::MAX),
        }
    }

    fn source(&self) -> ModelSource {
        ModelSource::Folder(self.folder.path().display().to_string())
    }

    fn load(&mut self) -> Rc<Model> {
        self.load_as(Kind::Float)
    }

    fn load_as(&mut self, kind: Kind) -> Rc<Model> {
        let key = Key {
            source: self.source(),
            parts: Vec::new(),
            name: "tiny".to_owned(),
            device: Device::Cpu,
            kind,
            quant: Quant::None,
        };
        self.models.load(&key, &Cancel::new(), &mut |_, _| {}).unwrap()
    }

    fn task(&self, case: &Case) -> ImageTask {
        let mut task = ImageTask::of("tiny", &case.prompt);
        task.what.source = self.source();
        task.what.negative.clone_from(&case.negative);
        (task.size.width, task.size.height) = (case.width, case.height);
        task.sampling.steps = case.steps;
        task.guidance.cfg_scale = case.cfg_scale;
        task.sampling.sampler = Sampler::from_name(&case.sampler).unwrap();
        task.sampling.seed = case.seed;
        task.compute.device = "cpu".into();
        task.compute.dtype = Dtype::F32;
        if case.denoise.is_some() {
            task.inputs.init_image = Some(given(self.staging.path(), case.width, case.height));
            task.inputs.denoise = case.denoise;
        }
        if let Some(mask) = case.mask {
            task.inpaint.mask = Some(masked(self.staging.path(), (case.width, case.height), mask));
            task.inpaint.blur = Some(0);
            task.inpaint.soft = Some(false);
        }
        task
    }

    /// Makes the picture of a case.
    fn make(&self, model: &Model, case: &Case) -> Told {
        self.make_task(model, &self.task(case))
    }

    fn make_task(&self, model: &Model, task: &ImageTask) -> Told {
        let (cancel, staging) = (Cancel::new(), self.staging.path());
        let work = Work {
            job: "job".into(),
            staging,
            inputs: staging,
            skip: &[],
            cancel: &cancel,
        };
        let mut told = Told::default();
        make_pictures(task, &work, model, &mut told).unwrap();
        told
    }

    /// A picture in the staging folder, [H, W, 3].
    fn pixels(&self, file: &str) -> Vec<u8> {
        image::open(self.staging.path().join(file))
            .unwrap()
            .into_rgb8()
            .into_raw()
    }

    #[track_caller]
    fn is_close(&self, found: &Tensor, key: &str, bound: f64) {
        let expected = &self.expected[key];
        assert_eq!(found.size(), expected.size(), "{key}");
        let difference = (found - expected).abs().max().double_value(&[]);
        assert!(difference < bound, "{key} differs by {difference}");
    }
}

/// The picture of `oracle/families.py`, put where a worker finds it: its name.
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

/// A mask that is white in a rectangle, put where a worker finds it: its name.
fn masked(folder: &Path, (width, height): (u32, u32), [left, top, right, bottom]: [u32; 4]) -> String {
    let mask = image::GrayImage::from_fn(width, height, |x, y| {
        let inside = (left..right).contains(&x) && (top..bottom).contains(&y);
        image::Luma([if inside { 255 } else { 0 }])
    });
    let path = folder.join("mask.png");
    mask.save(&path).unwrap();
    let name = darkroom_protocol::hash::hex(Sha256::digest(std::fs::read(&path).unwrap()));
    std::fs::rename(path, folder.join(&name)).unwrap();
    name
}

/// What a job tells: its picture, and the last estimate, which is what the loop ends with.
#[derive(Default)]
struct Told {
    latents: Option<Tensor>,
    saved: Option<String>,
    notices: Vec<String>,
}

impl Observer for Told {
    fn progress(&mut self, _progress: Progress) {}

    fn notice(&mut self, line: &str) {
        self.notices.push(line.to_owned());
    }

    fn saved(&mut self, picture: Saved) {
        self.saved = Some(picture.file);
    }

    fn estimate(&mut self, estimate: &Estimate<'_>) {
        self.latents = Some(estimate.latents.copy());
    }
}

/// Prompts encoded and one forward of the denoiser, as in the first case.
fn stages_are_those_of_diffusers(bench: &Bench, model: &Model) {
    let cancel = Cancel::new();
    let case = &bench.cases[0];
    let encoded = model
        .encode(&[Wording::plain(&case.prompt), Wording::plain(&case.negative)], &cancel)
        .unwrap();
    for (encoded, (tokens, pooled)) in encoded
        .iter()
        .zip([("embeds", "pooled"), ("negative", "negative_pooled")])
    {
        bench.is_close(&encoded.cond.tokens, tokens, 1e-4);
        match &encoded.cond.pooled {
            Some(found) => bench.is_close(found, pooled, 1e-4),
            None => assert!(!bench.expected.contains_key(pooled)),
        }
    }
    let passage = Passage {
        height: case.height,
        width: case.width,
        side: Side::Positive,
        negative_is_empty: false,
        distilled_cfg_scale: None,
        says: Says::default(),
    };
    let cond = model.family().complete(&encoded[0].cond, &passage).unwrap();
    let denoiser = model.denoiser().unwrap();
    let x = &bench.expected["unet.in"];
    let found = denoiser.forward(x, 500.0, &cond, &Extras::default(), &cancel).unwrap();
    bench.is_close(&found, "unet.out", 1e-4);
}

#[rstest]
fn stages_and_pictures_are_those_of_diffusers(
    #[values("sd2", "sdxl", "sdxl-refiner", "ssd", "koala", "playground", "cosxl")] name: &str,
) {
    let mut bench = Bench::new(name);
    let (model, cancel) = (bench.load(), Cancel::new());
    stages_are_those_of_diffusers(&bench, &model);
    for (n, case) in bench.cases.iter().enumerate() {
        let told = bench.make(&model, case);
        let latents = told.latents.unwrap();
        bench.is_close(&latents, &format!("{n}.latents"), 1e-3);
        if n == 0 {
            let pixels = model
                .autoencoder()
                .unwrap()
                .to_pixels(&latents, false, &cancel)
                .unwrap();
            let pixels = (pixels * 0.5 + 0.5).clamp(0.0, 1.0).squeeze_dim(0).permute([1, 2, 0]);
            bench.is_close(&pixels, "decoded", 1e-3);
        }
        let found = bench.pixels(&told.saved.unwrap());
        let expected = Vec::<u8>::try_from(bench.expected[&format!("{n}.picture")].flatten(0, -1)).unwrap();
        let furthest = found.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(
            found.len() == expected.len() && furthest <= Some(1),
            "case {n}: {furthest:?}/255"
        );
    }
}

/// SDXL with more channels of input: one fills masks, two edit pictures, of which CosXL's sees it scaled (`oracle/kinds.py`).
#[rstest]
fn kinds_of_sdxl_make_diffusers_pictures(#[values("sdxl-inpaint", "sdxl-edit", "cosxl-edit")] name: &str) {
    let mut bench = Bench::new(name);
    let model = bench.load();
    assert!(model.family().is_xl());
    for (n, case) in bench.cases.iter().enumerate() {
        let told = bench.make(&model, case);
        let found = bench.pixels(&told.saved.unwrap());
        let expected = Vec::<u8>::try_from(bench.expected[&format!("{n}.picture")].flatten(0, -1)).unwrap();
        let furthest = found.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(
            found.len() == expected.len() && furthest <= Some(1),
            "case {n}: {furthest:?}/255"
        );
    }
}

/// Sizes, a cut and scores that are not the picture's own, as diffusers tells them.
#[test]
fn what_a_task_says_of_sizes_is_told_as_diffusers_tells_it() {
    let expected: HashMap<String, Tensor> = Tensor::read_safetensors(fixture("told.safetensors"))
        .unwrap()
        .into_iter()
        .collect();
    for (n, name) in ["sdxl", "sdxl", "sdxl-refiner"].iter().enumerate() {
        let mut bench = Bench::new(name);
        let model = bench.load();
        let case = Case {
            sampler: "Euler".into(),
            width: 64,
            height: 64,
            seed: n as u64,
            steps: 4,
            cfg_scale: 5.0,
            prompt: "a photograph of a red apple, highly detailed".into(),
            negative: "blurry".into(),
            denoise: (*name == "sdxl-refiner").then_some(0.5),
            mask: None,
        };
        let mut task = bench.task(&case);
        let size = &mut task.size;
        match n {
            0 => {
                // The other way round than diffusers, which has heights first.
                size.original_size = Some("768x512".into());
                size.crop = Some("64,32".into());
                size.target_size = Some("960x1024".into());
            }
            1 => size.original_size = Some("256x256".into()),
            _ => {
                size.original_size = Some("512x512".into());
                size.crop = Some("4,8".into());
                task.guidance.aesthetic_score = Some(8.5);
                task.guidance.negative_aesthetic_score = Some(1.5);
            }
        }
        let told = bench.make_task(&model, &task);
        let (found, expected) = (told.latents.unwrap(), &expected[&format!("{n}.latents")]);
        let difference = (found - expected).abs().max().double_value(&[]);
        assert!(difference < 1e-3, "{name} differs by {difference}");
    }
}

/// Its two text encoders are one component each, and a picture's size is part of what is asked of the model.
#[test]
fn sdxl_is_told_the_size_of_the_picture() {
    let mut bench = Bench::new("sdxl");
    let model = bench.load();
    let encoded = model.encode(&[Wording::plain("x")], &Cancel::new()).unwrap();
    let told = |height, width, side| {
        let passage = Passage {
            height,
            width,
            side,
            negative_is_empty: true,
            distilled_cfg_scale: None,
            says: Says::default(),
        };
        let cond = model.family().complete(&encoded[0].cond, &passage).unwrap();
        let ids = Vec::<f32>::try_from(cond.extras["time_ids"].flatten(0, -1)).unwrap();
        (ids, cond.tokens.abs().max().double_value(&[]) > 0.0)
    };
    let size = vec![832.0, 1216.0, 0.0, 0.0, 832.0, 1216.0];
    assert_eq!(told(832, 1216, Side::Positive), (size.clone(), true));
    // Where nobody says what is to be avoided, it is zeros.
    assert_eq!(told(832, 1216, Side::Negative), (size, false));

    let mut refiner = Bench::new("sdxl-refiner");
    let model = refiner.load();
    let encoded = model.encode(&[Wording::plain("x")], &Cancel::new()).unwrap();
    for (side, score) in [(Side::Positive, 6.0), (Side::Negative, 2.5)] {
        let passage = Passage {
            height: 64,
            width: 96,
            side,
            negative_is_empty: true,
            distilled_cfg_scale: None,
            says: Says::default(),
        };
        let cond = model.family().complete(&encoded[0].cond, &passage).unwrap();
        let ids = Vec::<f32>::try_from(cond.extras["time_ids"].flatten(0, -1)).unwrap();
        assert_eq!(ids, [64.0, 96.0, 0.0, 0.0, score]);
        assert!(cond.tokens.abs().max().double_value(&[]) > 0.0);
    }
}

/// SDXL's VAE as it was published overflows in f16, in its encoder and its decoder: the picture is made in f32 all the same.
#[test]
fn a_vae_that_overflows_runs_in_a_wider_format() {
    let mut bench = Bench::new("sdxl");
    let path = bench.folder.path().join("vae/diffusion_pytorch_model.safetensors");
    let tensors = Tensor::read_safetensors(&path).unwrap();
    // Beyond f16's largest number, and what norms after it bring back.
    let huge = |key: &str| key.ends_with("coder.conv_in.weight");
    let tensors: Vec<_> = tensors
        .into_iter()
        .map(|(key, tensor)| match huge(&key) {
            true => (key, tensor * 1e7),
            false => (key, tensor),
        })
        .collect();
    Tensor::write_safetensors(&tensors, &path).unwrap();
    let case = bench.cases.pop().unwrap();
    assert!(case.denoise.is_some());
    let whole = bench.load();
    let expected = bench.make(&whole, &case);
    assert!(expected.notices.is_empty());
    let expected = bench.pixels(&expected.saved.unwrap());
    let narrow = bench.load_as(Kind::Half);
    let told = bench.make(&narrow, &case);
    let line = "f16 is too narrow for this model's VAE: it runs in f32.";
    assert_eq!(told.notices, [line, line]);
    let found = bench.pixels(&told.saved.unwrap());
    let apart: u64 = found
        .iter()
        .zip(&expected)
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    assert!(apart < 2 * found.len() as u64, "{apart} in {}", found.len());
}
