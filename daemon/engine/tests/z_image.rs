//! Z-Image from a task to a picture, against diffusers' pipelines with a tiny model: `oracle/z_image.py` made what is expected. The folder
//! brings no tokenizer, so that Qwen's own in the program is used; its text encoder is in two shards.
// Tests read whole files at once; models never do.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use darkroom_engine::families::autoencoder_kl::{AutoencoderKl, VaeConfig};
use darkroom_engine::families::z_image::{ZImageConfig, ZImageTransformer2DModel};
use darkroom_engine::model::{Cond, Extras, Key};
use darkroom_engine::pipeline::preview::Estimate;
use darkroom_engine::pipeline::{Observer, Saved, Work, make_pictures};
use darkroom_engine::residency::Models;
use darkroom_engine::text::language::{LanguageConfig, LanguageModel};
use darkroom_engine::torch::{self, Device};
use darkroom_engine::weights::Weights;
use darkroom_engine::{Cancel, Result};
use darkroom_protocol::lora::Lora;
use darkroom_protocol::{Dtype, ImageTask, ModelSource, Progress, Quant, Sampler, Schedule};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tch::{Kind, Tensor};

#[derive(Deserialize)]
struct Case {
    kind: String,
    width: u32,
    height: u32,
    seed: u64,
    steps: u32,
    /// As diffusers counts it: one less than others.
    guidance: f64,
    #[serde(default = "one")]
    batch: u32,
    denoise: Option<f64>,
    mask: Option<[u32; 4]>,
    prompt: String,
    negative: String,
}

const fn one() -> u32 {
    1
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/z-image")
        .join(name)
}

fn config(name: &str) -> Vec<u8> {
    std::fs::read(fixture(&format!("{name}.json"))).unwrap()
}

/// The tensors that `build` asks for, filled by name.
fn filled(component: &str, build: &dyn Fn(&Weights) -> Result<()>) -> Vec<(String, Tensor)> {
    let weights = Weights::recorder(component);
    build(&weights).unwrap();
    let random = Weights::random(component);
    let asked = weights.asked();
    asked
        .iter()
        .map(|(key, shape)| (key.clone(), random.get(key, shape).unwrap()))
        .collect()
}

fn transformer() -> Vec<(String, Tensor)> {
    filled("transformer", &|w| {
        ZImageTransformer2DModel::new(w, &ZImageConfig::from_json(&config("transformer"))?).map(drop)
    })
}

fn vae() -> Vec<(String, Tensor)> {
    vae_of(&config("vae"))
}

fn vae_of(config: &[u8]) -> Vec<(String, Tensor)> {
    filled("vae", &|w| {
        AutoencoderKl::new(w, &VaeConfig::from_json(config)?).map(drop)
    })
}

/// A tiny VAE's configuration with the 32 groups of every published one: a file without a configuration cannot say another number.
fn vae_of_32_groups() -> Vec<u8> {
    let mut json: serde_json::Value = serde_json::from_slice(&config("vae")).unwrap();
    json["block_out_channels"] = json!([32, 32, 64, 64]);
    json["norm_num_groups"] = 32.into();
    json.to_string().into_bytes()
}

fn text_encoder() -> Vec<(String, Tensor)> {
    filled("text_encoder", &|w| {
        LanguageModel::new(w, &LanguageConfig::from_json(&config("text_encoder"))?).map(drop)
    })
}

/// The tiny model as a published folder has it.
fn model_folder() -> tempfile::TempDir {
    // Tensors are so small that threads only wait for each other.
    torch::set_threads(1);
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    };
    let index = json!({
        "_class_name": "ZImagePipeline",
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
        "text_encoder": ["transformers", "Qwen3Model"],
        "tokenizer": ["transformers", "Qwen2Tokenizer"],
        "transformer": ["diffusers", "ZImageTransformer2DModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    });
    std::fs::write(at("model_index.json"), index.to_string()).unwrap();
    for (name, file) in [
        ("transformer", "transformer/config.json"),
        ("vae", "vae/config.json"),
        ("text_encoder", "text_encoder/config.json"),
        ("scheduler", "scheduler/scheduler_config.json"),
    ] {
        std::fs::write(at(file), config(name)).unwrap();
    }
    Tensor::write_safetensors(&transformer(), at("transformer/diffusion_pytorch_model.safetensors")).unwrap();
    Tensor::write_safetensors(&vae(), at("vae/diffusion_pytorch_model.safetensors")).unwrap();
    let text = text_encoder();
    let (one, two) = text.split_at(text.len() / 2);
    let mut map = serde_json::Map::new();
    for (nth, part) in [one, two].iter().enumerate() {
        let name = format!("model-0000{}-of-00002.safetensors", nth + 1);
        Tensor::write_safetensors(part, at("text_encoder/x").with_file_name(&name)).unwrap();
        map.extend(part.iter().map(|(key, _)| (key.clone(), json!(name))));
    }
    let index = json!({"metadata": {"total_size": 0}, "weight_map": map});
    std::fs::write(at("text_encoder/model.safetensors.index.json"), index.to_string()).unwrap();
    dir
}

/// The picture that `oracle/z_image.py` begins with, or its mask, put where a worker finds it: its name.
fn given(folder: &Path, picture: &image::RgbImage) -> String {
    let path = folder.join("given.png");
    picture.save(&path).unwrap();
    let name = darkroom_protocol::hash::hex(Sha256::digest(std::fs::read(&path).unwrap()));
    std::fs::rename(path, folder.join(&name)).unwrap();
    name
}

fn task(source: ModelSource, case: &Case, inputs: &Path) -> ImageTask {
    let mut task = ImageTask::of("tiny", &case.prompt);
    task.what.source = source;
    task.what.negative.clone_from(&case.negative);
    task.size.width = case.width;
    task.size.height = case.height;
    task.size.batch = case.batch;
    task.sampling.steps = case.steps;
    task.guidance.cfg_scale = case.guidance + 1.0;
    task.sampling.sampler = Sampler::Euler;
    task.sampling.schedule = Schedule::Auto;
    task.sampling.seed = case.seed;
    task.compute.device = "cpu".into();
    task.compute.dtype = Dtype::F32;
    if let Some(denoise) = case.denoise {
        let picture = image::RgbImage::from_fn(case.width, case.height, |x, y| {
            image::Rgb([x * 3 % 256, y * 5 % 256, x * y % 256].map(|value| value as u8))
        });
        task.inputs.init_image = Some(given(inputs, &picture));
        task.inputs.denoise = Some(denoise);
    }
    if let Some([left, top, right, bottom]) = case.mask {
        let mask = image::RgbImage::from_fn(case.width, case.height, |x, y| {
            let inside = (left..right).contains(&x) && (top..bottom).contains(&y);
            image::Rgb([if inside { 255 } else { 0 }; 3])
        });
        task.inpaint.mask = Some(given(inputs, &mask));
        task.inpaint.blur = Some(0);
    }
    task
}

/// What the task's pictures are, and the latents of one of them before they were decoded.
#[derive(Default)]
struct Told {
    saved: Vec<Saved>,
    notices: Vec<String>,
    latents: Option<(i64, Tensor)>,
}

impl Observer for Told {
    fn progress(&mut self, _: Progress) {}

    fn estimate(&mut self, estimate: &Estimate<'_>) {
        self.latents = Some((i64::from(estimate.image), estimate.latents.copy()));
    }

    fn notice(&mut self, line: &str) {
        self.notices.push(line.to_owned());
    }

    fn saved(&mut self, picture: Saved) {
        self.saved.push(picture);
    }
}

struct Bench {
    staging: tempfile::TempDir,
    models: Models,
}

impl Bench {
    fn new() -> Self {
        Self {
            staging: tempfile::tempdir().unwrap(),
            models: Models::new(u64::MAX),
        }
    }

    /// The pictures of a task as bytes [H, W, 3], and what was told.
    fn pictures(&mut self, task: &ImageTask, kind: Kind) -> (Vec<Vec<u8>>, Told) {
        let key = Key {
            source: task.what.source.clone(),
            parts: Vec::new(),
            name: task.what.model.clone(),
            device: Device::Cpu,
            kind,
            quant: Quant::None,
        };
        let cancel = Cancel::new();
        let mut told = Told::default();
        torch::catch(|| {
            let model = self.models.load(&key, &cancel, &mut |_, _| {})?;
            let work = Work {
                job: "job".into(),
                staging: self.staging.path(),
                inputs: self.staging.path(),
                skip: &[],
                cancel: &cancel,
            };
            make_pictures(task, &work, &model, &mut told)
        })
        .unwrap();
        let read = |saved: &Saved| {
            let file = self.staging.path().join(&saved.file);
            image::open(file).unwrap().into_rgb8().into_raw()
        };
        (told.saved.iter().map(read).collect(), told)
    }
}

fn cases() -> Vec<Case> {
    serde_json::from_slice(&config("cases")).unwrap()
}

fn folder_source(folder: &Path) -> ModelSource {
    ModelSource::Folder(folder.display().to_string())
}

#[test]
fn pictures_are_those_of_diffusers() {
    let expected = Tensor::read_safetensors(fixture("expected.safetensors")).unwrap();
    let expected = |name: String| &expected.iter().find(|(key, _)| *key == name).unwrap().1;
    let (folder, mut bench) = (model_folder(), Bench::new());
    for (n, case) in cases().iter().enumerate() {
        let task = task(folder_source(folder.path()), case, bench.staging.path());
        let (pictures, told) = bench.pictures(&task, Kind::Float);
        let name = format!("case {n}, {}", case.kind);
        assert_eq!(told.notices, [""; 0], "{name}");
        let (image, found) = told.latents.unwrap();
        let latents = expected(format!("{n}.latents")).narrow(0, image, 1);
        let far = (found - latents).abs().max().double_value(&[]);
        assert!(far < 1e-3, "{name}: latents differ by {far}");
        let picture = expected(format!("{n}.picture"));
        let picture = match picture.kind() {
            Kind::Uint8 => picture.shallow_clone(),
            _ => (picture * 255.0).round().to_kind(Kind::Uint8),
        };
        for (i, found) in (0..).zip(&pictures) {
            let wanted = Vec::<u8>::try_from(picture.get(i).flatten(0, -1)).unwrap();
            let difference = found.iter().zip(&wanted).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
            assert!(
                found.len() == wanted.len() && difference <= 1,
                "{name}: differs by {difference}/255"
            );
        }
        assert_eq!(pictures.len(), case.batch as usize);
    }
}

/// Each spelling's tensors filled by name, beside what diffusers with PEFT makes of them; taken off again nothing is left.
#[test]
fn loras_of_every_spelling_are_those_of_peft() {
    let packed = std::fs::read(fixture("lora.json.gz")).unwrap();
    let files: BTreeMap<String, BTreeMap<String, Vec<i64>>> =
        serde_json::from_reader(flate2::read::GzDecoder::new(&packed[..])).unwrap();
    let read = |name: &str| Tensor::read_safetensors(fixture(name)).unwrap();
    let (outputs, given) = (read("lora.safetensors"), read("expected.safetensors"));
    let of = |all: &[(String, Tensor)], key: &str| all.iter().find(|(name, _)| name == key).unwrap().1.shallow_clone();
    let (folder, mut models, cancel) = (model_folder(), Models::new(u64::MAX), Cancel::new());
    let key = Key {
        source: folder_source(folder.path()),
        parts: Vec::new(),
        name: "tiny".to_owned(),
        device: Device::Cpu,
        kind: Kind::Float,
        quant: Quant::None,
    };
    let model = models.load(&key, &cancel, &mut |_, _| {}).unwrap();
    let cond = Cond::of(of(&given, "caption").unsqueeze(0));
    let x = of(&given, "x.8x12").narrow(0, 0, 1);
    let say = || {
        let denoiser = model.denoiser().unwrap();
        -denoiser.forward(&x, 687.5, &cond, &Extras::default(), &cancel).unwrap()
    };
    let before = say();
    // The last once more with the prefix of other trainers.
    let plain = files.keys().map(|name| (name.as_str(), "lora_unet_"));
    let cases: Vec<(&str, &str)> = plain.chain([("kohya", "lora_unet__")]).collect();
    assert_eq!(cases.len(), 7);
    for (name, prefix) in cases {
        let tensor = |(key, shape): (&String, &Vec<i64>)| {
            let tensor = match key.ends_with(".alpha") {
                true => Tensor::from(2f32),
                false => Weights::random("lora").get(key, shape).unwrap(),
            };
            (key.replace("lora_unet_", prefix), tensor)
        };
        let tensors: Vec<_> = files[name].iter().map(tensor).collect();
        let path = folder.path().join("lora.safetensors");
        Tensor::write_safetensors(&tensors, &path).unwrap();
        let lora = Lora {
            name: name.to_owned(),
            sha256: darkroom_protocol::hash::hex(Sha256::digest(std::fs::read(&path).unwrap())),
            path: path.display().to_string(),
            unet: 0.75,
            text: 0.75,
        };
        assert_eq!(models.adapt(&model, &[lora], &cancel).unwrap(), [""; 0], "{name}");
        let far = (say() - of(&outputs, name)).abs().max().double_value(&[]);
        assert!(far < 1e-4, "{name}: differs by {far}");
        assert!(models.adapt(&model, &[], &cancel).unwrap().is_empty());
        assert!(say().equal(&before), "{name}: to the last bit");
    }
}

/// One file with all parts under the names of ComfyUI's, in which queries, keys and values are one tensor.
#[test]
fn a_single_file_makes_the_picture_of_its_folder() {
    // The folder's VAE is one that a file can be measured for.
    let folder = model_folder();
    let tiny_vae = vae_of(&vae_of_32_groups());
    std::fs::write(folder.path().join("vae/config.json"), vae_of_32_groups()).unwrap();
    let weights = folder.path().join("vae/diffusion_pytorch_model.safetensors");
    Tensor::write_safetensors(&tiny_vae, weights).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("z.safetensors");
    let mut all: Vec<(String, Tensor)> = Vec::new();
    for (key, tensor) in transformer() {
        let key = key
            .replace("all_x_embedder.2-1", "x_embedder")
            .replace("all_final_layer.2-1", "final_layer");
        let key = key
            .replace("norm_q", "q_norm")
            .replace("norm_k", "k_norm")
            .replace("to_out.0", "out");
        all.push((format!("model.diffusion_model.{key}"), tensor));
    }
    let part = |block: &str, proj: &str, all: &mut Vec<(String, Tensor)>| {
        let at = all
            .iter()
            .position(|(key, _)| *key == format!("{block}.to_{proj}.weight"))
            .unwrap();
        all.remove(at).1
    };
    let blocks: Vec<String> = all
        .iter()
        .filter_map(|(key, _)| key.strip_suffix(".to_q.weight").map(str::to_owned))
        .collect();
    for block in blocks {
        let fused = ["q", "k", "v"].map(|proj| part(&block, proj, &mut all));
        all.push((format!("{block}.qkv.weight"), Tensor::cat(&fused, 0)));
    }
    for (key, tensor) in text_encoder() {
        all.push((format!("text_encoders.qwen3_4b.transformer.{key}"), tensor));
    }
    for (key, tensor) in vae_of(&vae_of_32_groups()) {
        all.push((format!("vae.{}", original_of_vae(&key)), tensor));
    }
    Tensor::write_safetensors(&all, &path).unwrap();
    let model = darkroom_formats::single::SingleFile::open(&path).unwrap();
    let card = darkroom_formats::card::Card::read("z", &model).unwrap();
    assert_eq!(
        (card.steps, card.cfg_scale, card.width, card.vae_factor),
        (8, 1.0, 1024, 8)
    );
    assert_eq!((card.sampler, card.latent_channels), (Sampler::Euler, 16));
    let key = Key {
        source: ModelSource::File(path.display().to_string()),
        parts: Vec::new(),
        name: "z".to_owned(),
        device: Device::Cpu,
        kind: Kind::Float,
        quant: Quant::None,
    };
    // What each layer would read is what the folder's has, to the last bit.
    let blueprint = darkroom_engine::families::open(&key).unwrap();
    for (name, tensors) in [
        ("transformer", transformer()),
        ("vae", tiny_vae),
        ("text_encoder", text_encoder()),
    ] {
        let component = blueprint.components().iter().find(|one| one.name == name).unwrap();
        let weights = blueprint.weights(component, &Cancel::new()).unwrap();
        for (key, expected) in tensors {
            assert!(weights.get(&key, &expected.size()).unwrap().equal(&expected), "{key}");
        }
    }
    // And so is the picture.
    let mut bench = Bench::new();
    let case = cases().remove(0);
    let [of_folder, of_file] = [folder_source(folder.path()), key.source]
        .map(|source| bench.pictures(&task(source, &case, Path::new("unused")), Kind::Float).0);
    assert!(of_folder == of_file && of_folder.len() == 1);
}

/// The tiny autoencoder's key as `ae.safetensors` has it.
fn original_of_vae(key: &str) -> String {
    darkroom_engine::families::autoencoder_kl::named_back(key).unwrap()
}

#[test]
fn a_long_prompt_is_read_whole_and_weights_are_told_to_be_words() {
    let (folder, mut bench) = (model_folder(), Bench::new());
    let mut case = cases().remove(0);
    case.steps = 1;
    case.prompt = "a cat on a roof, ".repeat(350);
    let of = |case: &Case, bench: &mut Bench| {
        let task = task(folder_source(folder.path()), case, bench.staging.path());
        bench.pictures(&task, Kind::Float)
    };
    let (whole, told) = of(&case, &mut bench);
    assert_eq!(told.notices, [""; 0]);
    case.prompt.push_str("and a dog");
    let (other, _) = of(&case, &mut bench);
    assert_ne!(whole, other, "its end counts");
    case.prompt = "a (cat:1.3)".to_owned();
    let (weighted, told) = of(&case, &mut bench);
    assert!(
        told.notices[0].contains("(word:1.2) as they are written"),
        "{:?}",
        told.notices
    );
    case.prompt = "a cat".to_owned();
    assert_ne!(of(&case, &mut bench).0, weighted);
}
