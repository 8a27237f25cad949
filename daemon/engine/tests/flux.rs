//! Tiny models of FLUX.1 and Chroma on the whole way from a task to a picture, against diffusers: `oracle/flux.py` made the folders and
//! what is expected of them. Blocks are compared in `src/families/flux/tests.rs`.
// Tests read whole files at once; models never do.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use darkroom_engine::families::autoencoder_kl::{AutoencoderKl, VaeConfig};
use darkroom_engine::families::flux::{FluxConfig, FluxTransformer2DModel};
use darkroom_engine::model::{Cond, Extras, Key, Model};
use darkroom_engine::pipeline::preview::Estimate;
use darkroom_engine::pipeline::{Observer, Saved, Work, make_pictures};
use darkroom_engine::residency::Models;
use darkroom_engine::text::Select;
use darkroom_engine::text::clip::{ClipTextConfig, ClipTextModel};
use darkroom_engine::text::t5::{T5Config, T5Encoder};
use darkroom_engine::torch::Device;
use darkroom_engine::weights::Weights;
use darkroom_engine::{Cancel, Result};
use darkroom_protocol::lora::Lora;
use darkroom_protocol::{Dtype, Emphasis, ImageTask, ModelSource, Progress, Quant, Sampler};
use rstest::rstest;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tch::{Kind, Tensor};

#[derive(Deserialize)]
struct Case {
    width: u32,
    height: u32,
    seed: u64,
    steps: u32,
    /// What the model is told.
    guidance: Option<f64>,
    cfg_scale: f64,
    prompt: String,
    negative: String,
    batch: u32,
    denoise: Option<f64>,
    mask: bool,
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
        .join("tests/fixtures/flux")
        .join(name)
}

/// The weights that `build` asks for, filled by name.
fn filled(build: &dyn Fn(&Weights) -> Result<()>) -> Vec<(String, Tensor)> {
    let recorder = Weights::recorder("any");
    build(&recorder).unwrap();
    let random = Weights::random("any");
    let asked = recorder.asked();
    asked
        .iter()
        .map(|(key, shape)| (key.clone(), random.get(key, shape).unwrap()))
        .collect()
}

/// The weights of the component `part` with that config.json.
fn weights(name: &str, part: &str, json: &[u8]) -> Vec<(String, Tensor)> {
    match part {
        "transformer" => {
            let config = match name {
                "chroma" => FluxConfig::chroma_from_json(json),
                _ => FluxConfig::from_json(json),
            };
            let config = config.unwrap();
            filled(&|w| FluxTransformer2DModel::new(w, &config).map(drop))
        }
        "vae" => {
            let config = VaeConfig::from_json(json).unwrap();
            filled(&|w| AutoencoderKl::new(w, &config).map(drop))
        }
        "text_encoder" if name != "chroma" => {
            let config = ClipTextConfig::from_json(json).unwrap();
            filled(&|w| ClipTextModel::new(w, &config).map(drop))
        }
        _ => {
            let config = T5Config::from_json(json).unwrap();
            filled(&|w| T5Encoder::new(w, &config).map(drop))
        }
    }
}

const PARTS: [&str; 4] = ["text_encoder", "text_encoder_2", "transformer", "vae"];

/// The fixture's folder with weights filled by name, as a published folder has them.
fn model_folder(name: &str) -> tempfile::TempDir {
    let (fixture, dir) = (fixture(name), tempfile::tempdir().unwrap());
    let copy = |name: &str| {
        let to = dir.path().join(name);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(fixture.join(name), to).unwrap();
    };
    copy("model_index.json");
    copy("scheduler/scheduler_config.json");
    for tokenizer in ["tokenizer", "tokenizer_2"] {
        let config = format!("{tokenizer}/tokenizer_config.json");
        if fixture.join(&config).exists() {
            copy(&config);
        }
    }
    for part in PARTS {
        let config = format!("{part}/config.json");
        if !fixture.join(&config).exists() {
            continue;
        }
        copy(&config);
        let stem = if part.starts_with("text") {
            "model"
        } else {
            "diffusion_pytorch_model"
        };
        let tensors = weights(name, part, &std::fs::read(fixture.join(&config)).unwrap());
        Tensor::write_safetensors(&tensors, dir.path().join(format!("{part}/{stem}.safetensors"))).unwrap();
    }
    dir
}

impl Bench {
    fn new(name: &str) -> Self {
        let fixture = fixture(name);
        let expected = Tensor::read_safetensors(fixture.join("expected.safetensors")).unwrap();
        Self {
            folder: model_folder(name),
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
        let source = self.source();
        load(&mut self.models, source, Kind::Float)
    }

    fn task(&self, case: &Case) -> ImageTask {
        let mut task = ImageTask::of("tiny", &case.prompt);
        task.what.source = self.source();
        task.what.negative.clone_from(&case.negative);
        // The prompts of these cases hold brackets that weigh nothing in diffusers.
        task.what.emphasis = Some(Emphasis::None);
        (task.size.width, task.size.height, task.size.batch) = (case.width, case.height, case.batch);
        task.sampling.steps = case.steps;
        task.guidance.cfg_scale = case.cfg_scale;
        task.guidance.distilled_cfg_scale = case.guidance;
        task.sampling.sampler = Sampler::Euler;
        task.sampling.seed = case.seed;
        task.compute.device = "cpu".into();
        task.compute.dtype = Dtype::F32;
        let staging = self.staging.path();
        if case.denoise.is_some() {
            task.inputs.init_image = Some(given(staging, case.width, case.height));
            task.inputs.denoise = case.denoise;
        }
        if case.mask {
            task.inpaint.mask = Some(mask(staging, case.width, case.height));
            task.inpaint.blur = Some(0);
        }
        task
    }

    /// Makes the pictures of a case.
    fn make(&self, model: &Model, case: &Case) -> Told {
        let (task, cancel, staging) = (self.task(case), Cancel::new(), self.staging.path());
        let work = Work {
            job: "job".into(),
            staging,
            inputs: staging,
            skip: &[],
            cancel: &cancel,
        };
        let mut told = Told::default();
        make_pictures(&task, &work, model, &mut told).unwrap();
        told
    }

    #[track_caller]
    fn is_close(&self, found: &Tensor, key: &str, bound: f64) {
        let expected = &self.expected[key];
        assert_eq!(found.size(), expected.size(), "{key}");
        let difference = (found - expected).abs().max().double_value(&[]);
        assert!(difference < bound, "{key} differs by {difference}");
    }
}

fn load(models: &mut Models, source: ModelSource, kind: Kind) -> Rc<Model> {
    let key = Key {
        source,
        parts: Vec::new(),
        name: "tiny".to_owned(),
        device: Device::Cpu,
        kind,
        quant: Quant::None,
    };
    models.load(&key, &Cancel::new(), &mut |_, _| {}).unwrap()
}

/// A picture put where a worker finds it: its name.
fn put(folder: &Path, picture: &image::RgbImage) -> String {
    let path = folder.join("given.png");
    picture.save(&path).unwrap();
    let name = darkroom_protocol::hash::hex(Sha256::digest(std::fs::read(&path).unwrap()));
    std::fs::rename(path, folder.join(&name)).unwrap();
    name
}

/// The picture of `oracle/families.py`.
fn given(folder: &Path, width: u32, height: u32) -> String {
    let picture = image::RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([x * 3 % 256, y * 5 % 256, x * y % 256].map(|value| value as u8))
    });
    put(folder, &picture)
}

/// The mask of `oracle/flux.py`.
fn mask(folder: &Path, width: u32, height: u32) -> String {
    let rows = height / 4..height / 4 * 3;
    let picture = image::RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([u8::MAX * u8::from(rows.contains(&y) && x >= width / 3); 3])
    });
    put(folder, &picture)
}

/// What a job tells: its pictures, and the last estimate of each, which is what the loop ends with. A group tells its first
/// alone.
#[derive(Default)]
struct Told {
    latents: HashMap<u32, Tensor>,
    saved: Vec<String>,
    notices: Vec<String>,
}

impl Observer for Told {
    fn progress(&mut self, _progress: Progress) {}

    fn notice(&mut self, line: &str) {
        self.notices.push(line.to_owned());
    }

    fn saved(&mut self, picture: Saved) {
        self.saved.push(picture.file);
    }

    fn estimate(&mut self, estimate: &Estimate<'_>) {
        self.latents.insert(estimate.image, estimate.latents.copy());
    }
}

fn checked(name: &str, cases: &[usize]) {
    let mut bench = Bench::new(name);
    let model = bench.load();
    for n in cases {
        let case = &bench.cases[*n];
        let told = bench.make(&model, case);
        let expected = &bench.expected[&format!("{n}.latents")];
        for (image, latents) in &told.latents {
            let expected = expected.narrow(0, i64::from(*image), 1);
            let difference = (latents - expected).abs().max().double_value(&[]);
            assert!(
                difference < 1e-3,
                "case {n}, picture {image}: latents differ by {difference}"
            );
        }
        let latents = &told.latents[&0];
        if *n == 0 {
            let decoder = model.autoencoder().unwrap();
            let pixels = decoder.to_pixels(latents, false, &Cancel::new()).unwrap();
            let pixels = (pixels * 0.5 + 0.5).clamp(0.0, 1.0).squeeze_dim(0).permute([1, 2, 0]);
            bench.is_close(&pixels, "decoded", 1e-3);
        }
        let pictures = &bench.expected[&format!("{n}.picture")];
        assert_eq!(told.saved.len() as i64, pictures.size()[0]);
        for (at, file) in (0..).zip(&told.saved) {
            let found = image::open(bench.staging.path().join(file))
                .unwrap()
                .into_rgb8()
                .into_raw();
            let expected = Vec::<u8>::try_from(pictures.get(at).flatten(0, -1)).unwrap();
            // Outside a mask the given picture is put back, which diffusers does not.
            let (width, height) = (case.width as usize, case.height as usize);
            let changes = |at: &usize| {
                let (x, y) = (at / 3 % width, at / 3 / width);
                !case.mask || (x >= width / 3 && (height / 4..height / 4 * 3).contains(&y))
            };
            let places = (0..found.len().min(expected.len())).filter(changes);
            let furthest = places.map(|at| found[at].abs_diff(expected[at])).max();
            assert!(
                found.len() == expected.len() && furthest <= Some(1),
                "case {n}, picture {at}: {furthest:?}/255"
            );
        }
    }
}

#[rstest]
#[case::guidance_that_is_told("dev", &[0])]
#[case::two_pictures_and_a_negative_prompt("dev", &[1])]
#[case::a_picture_to_begin_with("dev", &[2])]
#[case::a_mask("dev", &[3])]
#[case::no_guidance("schnell", &[0])]
#[case::a_mask_that_is_told_by_the_pixel("fill", &[0])]
#[case::a_picture_to_refer_to("kontext", &[0])]
#[case::prompts_of_unlike_length("chroma", &[0, 1, 2])]
fn pictures_are_those_of_diffusers(#[case] name: &str, #[case] cases: &[usize]) {
    checked(name, cases);
}

/// The tensors of one of `oracle/flux_lora.py`'s lists, filled by name.
fn lora_tensors(list: &str) -> Vec<(String, Tensor)> {
    let packed = std::fs::read(fixture("lora").join(format!("{list}.txt.gz"))).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(&packed[..])
        .read_to_string(&mut text)
        .unwrap();
    let one = |line: &str| {
        let (key, says) = line.split_once(' ').unwrap();
        let tensor = match says.strip_prefix('=') {
            Some(number) => Tensor::from(number.parse::<f32>().unwrap()),
            None => {
                let shape: Vec<i64> = says.split(',').map(|n| n.parse().unwrap()).collect();
                Weights::random("lora").get(key, &shape).unwrap()
            }
        };
        (key.to_owned(), tensor)
    };
    text.lines().map(one).collect()
}

/// FLUX.1 dev, and what the oracle asked of it.
struct Trained {
    bench: Bench,
    model: Rc<Model>,
    asked: HashMap<String, Tensor>,
}

impl Trained {
    fn new() -> Self {
        let mut bench = Bench::new("dev");
        let model = bench.load();
        let asked = Tensor::read_safetensors(fixture("lora").join("expected.safetensors")).unwrap();
        Self {
            bench,
            model,
            asked: asked.into_iter().collect(),
        }
    }

    /// Applies a file of these tensors; none where there are none.
    fn adapt(&mut self, tensors: &[(String, Tensor)]) {
        let path = self.bench.staging.path().join("lora.safetensors");
        Tensor::write_safetensors(tensors, &path).unwrap();
        let lora = Lora {
            name: "lora".to_owned(),
            sha256: darkroom_protocol::hash::hex(Sha256::digest(std::fs::read(&path).unwrap())),
            path: path.display().to_string(),
            unet: 0.75,
            text: 0.75,
        };
        let loras = if tensors.is_empty() { Vec::new() } else { vec![lora] };
        let said = self.bench.models.adapt(&self.model, &loras, &Cancel::new()).unwrap();
        assert!(said.is_empty(), "{said:?}");
    }

    fn step(&self) -> Tensor {
        let mut cond = Cond::of(self.asked["prompt"].shallow_clone());
        cond.pooled = Some(self.asked["pooled"].shallow_clone());
        cond.extras
            .insert("guidance", Tensor::from_slice(&[3500f32]).unsqueeze(0));
        let denoiser = self.model.denoiser().unwrap();
        denoiser
            .forward(&self.asked["x"], 700.0, &cond, &Extras::default(), &Cancel::new())
            .unwrap()
    }

    fn words(&self) -> Tensor {
        let ids = Tensor::from_slice(&[7i64, 9, 11, 1, 0, 0]).unsqueeze(0);
        let encoder = self.model.text_encoder("text_encoder_2").unwrap();
        encoder
            .encode(&ids, Select::default(), &Cancel::new())
            .unwrap()
            .hidden_states
    }
}

fn far(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    (a - b).abs().max().double_value(&[])
}

/// A module of kohya's file as the original code spells it.
fn dotted(key: &str) -> String {
    let (module, leaf) = key.strip_prefix("lora_unet_").unwrap().split_once('.').unwrap();
    let mut path = module.replacen("_blocks_", "_blocks.", 1);
    for (from, to) in [
        ("_img_", ".img_"),
        ("_txt_", ".txt_"),
        ("attn_", "attn."),
        ("mlp_", "mlp."),
        ("mod_", "mod."),
        ("_linear", ".linear"),
        ("_modulation_", ".modulation."),
    ] {
        path = path.replace(from, to);
    }
    let leaf = leaf.replace("lora_down", "lora_A").replace("lora_up", "lora_B");
    format!("diffusion_model.{path}.{leaf}")
}

#[test]
fn loras_are_those_of_peft_in_every_spelling_and_leave_no_trace() {
    let mut trained = Trained::new();
    let plain = trained.step();
    assert!(far(&plain, &trained.asked["plain"]) < 1e-4);
    for list in ["peft", "kohya"] {
        trained.adapt(&lora_tensors(list));
        let expected = trained.asked[list].shallow_clone();
        assert!(
            far(&trained.step(), &expected) < 1e-3,
            "{list}: {}",
            far(&trained.step(), &expected)
        );
    }
    let original: Vec<_> = lora_tensors("kohya")
        .into_iter()
        .map(|(key, tensor)| (dotted(&key), tensor))
        .collect();
    let expected = trained.step();
    trained.adapt(&[]);
    assert!(trained.step().equal(&plain), "to the last bit");
    trained.adapt(&original);
    assert!(
        trained.step().equal(&expected),
        "the original code's spelling is kohya's with dots"
    );
}

/// The end's shift stands before its scale in the original code, and behind it in diffusers.
#[test]
fn a_loras_rows_change_places_where_the_weights_do() {
    let mut trained = Trained::new();
    let down = Weights::random("a").get("down.weight", &[2, 64]).unwrap();
    let up = Weights::random("a").get("up.weight", &[128, 2]).unwrap();
    let halves = up.chunk(2, 0);
    let swapped = Tensor::cat(&[&halves[1], &halves[0]], 0);
    let pair = |module: &str, up: &Tensor| {
        [("lora_A", &down), ("lora_B", up)].map(|(leaf, tensor)| (format!("{module}.{leaf}.weight"), tensor.copy()))
    };
    let plain = trained.step();
    trained.adapt(&pair("transformer.norm_out.linear", &up));
    let ours = trained.step();
    trained.adapt(&pair("diffusion_model.final_layer.adaLN_modulation.1", &swapped));
    assert!(far(&ours, &plain) > 1e-2 && far(&trained.step(), &ours) < 1e-5);
}

#[test]
fn t5_is_trained_under_kohyas_name_and_diffusers() {
    let mut trained = Trained::new();
    let plain = trained.words();
    let spelled = |module: &str, leaves: [&str; 2]| {
        let shapes = [[2, 96], [128, 2]];
        let one = |n: usize| {
            let tensor = Weights::random("a").get(&format!("{n}.weight"), &shapes[n]).unwrap();
            (format!("{module}.{}.weight", leaves[n]), tensor)
        };
        [one(0), one(1)]
    };
    let (kohya, peft) = (["lora_down", "lora_up"], ["lora_A", "lora_B"]);
    trained.adapt(&spelled("lora_te3_encoder_block_0_layer_0_SelfAttention_q", kohya));
    let changed = trained.words();
    trained.adapt(&spelled("text_encoder_2.encoder.block.0.layer.0.SelfAttention.q", peft));
    assert!(far(&changed, &plain) > 1e-3 && trained.words().equal(&changed));
}
