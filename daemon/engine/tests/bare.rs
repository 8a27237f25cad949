//! Z-Image, FLUX.1 and Chroma as ComfyUI has them: a transformer alone, text encoders and a VAE in files of their own. Tiny ones make their
//! folder's picture, byte for byte, and say what they lack until then; lists of published files are told for what they are. Names of the
//! codes that trained them come from the families' maps the other way round: that these are right, their own tests say (`keys.rs`).
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use darkroom_engine::families::autoencoder_kl::{AutoencoderKl, VaeConfig};
use darkroom_engine::families::flux::{FluxConfig, FluxTransformer2DModel};
use darkroom_engine::families::z_image::{ZImageConfig, ZImageTransformer2DModel};
use darkroom_engine::model::{Blueprint, Family, Key};
use darkroom_engine::pipeline::{Observer, Saved, Work, make_pictures};
use darkroom_engine::residency::Models;
use darkroom_engine::text::clip::{ClipTextConfig, ClipTextModel};
use darkroom_engine::text::language::{LanguageConfig, LanguageModel};
use darkroom_engine::text::t5::{T5Config, T5Encoder};
use darkroom_engine::torch::{self, Device};
use darkroom_engine::weights::Weights;
use darkroom_engine::{Cancel, Result};
use darkroom_formats::folder::{Files as _, Folder};
use darkroom_formats::{Card, Parts, SingleFile};
use darkroom_protocol::{Dtype, ImageTask, ModelSource, PartFile, PartRole, Progress, Quant, Sampler};
use rstest::rstest;
use serde_json::{Value, json};
use tch::{Kind, Tensor};

const DOWN: [&str; 4] = ["DownEncoderBlock2D"; 4];
const UP: [&str; 4] = ["UpDecoderBlock2D"; 4];

type Tensors = BTreeMap<String, Tensor>;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The configuration of a tiny model's component. Its VAE is as wide as norms of 32 groups ask, a number that no tensor shows.
fn config(family: &str, component: &str) -> Value {
    if component == "vae" {
        return json!({
            "block_out_channels": [32, 32, 64, 64], "layers_per_block": 1, "latent_channels": 16, "norm_num_groups": 32,
            "down_block_types": DOWN, "up_block_types": UP, "sample_size": 1024,
            "scaling_factor": 0.3611, "shift_factor": 0.1159, "use_quant_conv": false, "use_post_quant_conv": false,
        });
    }
    let path = match family {
        "z-image" => format!("z-image/{component}.json"),
        _ => format!("flux/{family}/{component}/config.json"),
    };
    serde_json::from_slice(&std::fs::read(fixture(&path)).unwrap()).unwrap()
}

fn components(family: &str) -> &'static [&'static str] {
    match family {
        "z-image" | "chroma" => &["text_encoder", "transformer", "vae"],
        _ => &["text_encoder", "text_encoder_2", "transformer", "vae"],
    }
}

/// The tensors of a component under the names of its layers, filled by name.
fn tensors(family: &str, component: &str) -> Tensors {
    let json = config(family, component).to_string().into_bytes();
    let build = |weights: &Weights| -> Result<()> {
        match (family, component) {
            (_, "vae") => AutoencoderKl::new(weights, &VaeConfig::from_json(&json)?).map(drop),
            ("z-image", "transformer") => {
                ZImageTransformer2DModel::new(weights, &ZImageConfig::from_json(&json)?).map(drop)
            }
            ("z-image", _) => LanguageModel::new(weights, &LanguageConfig::from_json(&json)?).map(drop),
            ("chroma", "transformer") => {
                FluxTransformer2DModel::new(weights, &FluxConfig::chroma_from_json(&json)?).map(drop)
            }
            (_, "transformer") => FluxTransformer2DModel::new(weights, &FluxConfig::from_json(&json)?).map(drop),
            ("dev" | "schnell", "text_encoder") => {
                ClipTextModel::new(weights, &ClipTextConfig::from_json(&json)?).map(drop)
            }
            _ => T5Encoder::new(weights, &T5Config::from_json(&json)?).map(drop),
        }
    };
    let recorder = Weights::recorder(component);
    build(&recorder).unwrap();
    let random = Weights::random(component);
    let asked = recorder.asked().into_iter();
    asked
        .map(|(key, shape)| {
            let tensor = random.get(&key, &shape).unwrap();
            (key, tensor)
        })
        .collect()
}

/// The same under the names of the code that trained it.
fn original(family: &dyn Family, component: &str, own: &Tensors) -> Tensors {
    let mut all = Tensors::new();
    for key in own.keys() {
        let written = family.spelling(component, key).unwrap();
        let pieces = family.spell(component, &written);
        let rows: Vec<Tensor> = pieces
            .iter()
            .map(|piece| own[&piece.name].chunk(piece.place.1 as i64, 0)[piece.place.0].shallow_clone())
            .collect();
        let whole = Tensor::cat(&rows, 0);
        // Convolutions of 1×1 stand where diffusers has linear layers.
        let whole = match written.contains(".attn_1.") && whole.dim() == 2 {
            true => whole.unsqueeze(-1).unsqueeze(-1),
            false => whole,
        };
        all.insert(written, whole);
    }
    all
}

fn save(path: &Path, prefix: &str, tensors: &Tensors) -> PathBuf {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let named: Vec<_> = tensors
        .iter()
        .map(|(key, tensor)| (format!("{prefix}{key}"), tensor))
        .collect();
    Tensor::write_safetensors(&named, path).unwrap();
    path.to_owned()
}

fn key(source: &ModelSource, parts: Vec<PartFile>) -> Key {
    Key {
        source: source.clone(),
        parts,
        name: "tiny".to_owned(),
        device: Device::Cpu,
        kind: Kind::Float,
        quant: Quant::None,
    }
}

fn part(role: PartRole, path: PathBuf) -> PartFile {
    PartFile {
        role,
        name: "part".into(),
        path: path.display().to_string(),
        bytes: 0,
        changed_ms: 0,
        sha256: None,
    }
}

/// A tiny model in a folder, and what its files are made of.
struct Tiny {
    dir: tempfile::TempDir,
    name: &'static str,
    all: BTreeMap<&'static str, Tensors>,
    folder: ModelSource,
    /// The folder's, opened once: its tokenizers are large.
    blueprint: Blueprint,
}

impl Tiny {
    fn of(name: &'static str) -> Self {
        // Tensors are so small that threads only wait for each other.
        torch::set_threads(1);
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("folder");
        let all: BTreeMap<_, _> = components(name)
            .iter()
            .map(|component| (*component, tensors(name, component)))
            .collect();
        for (component, tensors) in &all {
            let stem = match component.starts_with("text") {
                true => "model",
                false => "diffusion_pytorch_model",
            };
            save(&folder.join(format!("{component}/{stem}.safetensors")), "", tensors);
            let config = config(name, component).to_string();
            std::fs::write(folder.join(component).join("config.json"), config).unwrap();
        }
        // What is not in files of weights is what a file alone is given.
        let alone = save(&dir.path().join("diffusers.safetensors"), "", &all["transformer"]);
        let shown = SingleFile::open(alone).unwrap();
        for file in ["model_index.json", "scheduler/scheduler_config.json"] {
            let to = folder.join(file);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::write(to, shown.read(file, 1 << 20).unwrap()).unwrap();
        }
        let folder = ModelSource::Folder(folder.display().to_string());
        Self {
            blueprint: darkroom_engine::families::open(&key(&folder, Vec::new())).unwrap(),
            folder,
            dir,
            name,
            all,
        }
    }

    fn family_spells(&self, component: &str) -> Tensors {
        original(self.blueprint.family(), component, &self.all[component])
    }

    fn save(&self, name: &str, prefix: &str, tensors: &Tensors) -> PathBuf {
        save(&self.dir.path().join(format!("{name}.safetensors")), prefix, tensors)
    }

    /// Encoders and VAE in files of their own, the last encoder first.
    fn rest(&self, prefixed: bool) -> Vec<PartFile> {
        let encoders = self.all.keys().filter(|name| name.starts_with("text")).rev();
        let mut given: Vec<PartFile> = encoders
            .map(|name| {
                let prefix = if prefixed { "text_encoder." } else { "" };
                // FLUX.1's second one has a prefix of its own in files of ComfyUI.
                let prefix = match *name {
                    "text_encoder_2" if prefixed => "text_encoders.t5xxl.transformer.",
                    _ => prefix,
                };
                part(PartRole::TextEncoder, self.save(name, prefix, &self.all[name]))
            })
            .collect();
        let vae = match prefixed {
            true => self.save("vae", "vae.", &self.all["vae"]),
            false => self.save("ae", "", &self.family_spells("vae")),
        };
        given.push(part(PartRole::Vae, vae));
        given
    }

    fn picture(&self, source: &ModelSource, parts: Vec<PartFile>) -> Vec<u8> {
        let cancel = Cancel::new();
        let staging = tempfile::tempdir().unwrap();
        let mut task = ImageTask::of("tiny", "a red apple");
        task.what.source = source.clone();
        (task.size.width, task.size.height) = (64, 96);
        (task.sampling.steps, task.sampling.seed) = (2, 7);
        task.sampling.sampler = Sampler::Euler;
        task.guidance.cfg_scale = if self.name == "chroma" { 3.0 } else { 1.0 };
        task.guidance.distilled_cfg_scale = (self.name == "dev").then_some(3.5);
        task.compute.device = "cpu".into();
        task.compute.dtype = Dtype::F32;
        let work = Work {
            job: "job".into(),
            staging: staging.path(),
            inputs: staging.path(),
            skip: &[],
            cancel: &cancel,
        };
        let mut told = Told::default();
        torch::catch(|| {
            let model = Models::new(u64::MAX).load(&key(source, parts), &cancel, &mut |_, _| {})?;
            make_pictures(&task, &work, &model, &mut told)
        })
        .unwrap();
        let file = image::open(staging.path().join(told.0.unwrap())).unwrap();
        let picture = file.into_rgb8().into_raw();
        let (least, most) = (picture.iter().min(), picture.iter().max());
        assert!(least < most, "the picture is flat");
        picture
    }
}

#[derive(Default)]
struct Told(Option<String>);

impl Observer for Told {
    fn progress(&mut self, _progress: Progress) {}

    fn notice(&mut self, _line: &str) {}

    fn saved(&mut self, picture: Saved) {
        self.0 = Some(picture.file);
    }
}

fn source(path: PathBuf) -> ModelSource {
    ModelSource::File(path.display().to_string())
}

#[rstest]
fn a_transformer_alone_makes_the_folders_picture_with_the_rest(
    #[values("z-image", "dev", "chroma")] name: &'static str,
) {
    let tiny = Tiny::of(name);
    let expected = tiny.picture(&tiny.folder, Vec::new());
    let spelled = tiny.family_spells("transformer");
    let bare = tiny.save("bare", "", &spelled);
    let missing = darkroom_engine::families::open(&key(&source(bare.clone()), Vec::new())).unwrap_err();
    assert!(
        missing.to_string().ends_with("--text-encoder and --vae give them."),
        "{missing}"
    );
    // With a checkpoint's prefix, and as diffusers saved it; ComfyUI's own form is the last one below.
    let forms = [
        (tiny.save("prefixed", "model.diffusion_model.", &spelled), true),
        (tiny.dir.path().join("diffusers.safetensors"), false),
    ];
    for (transformer, prefixed) in forms {
        let shown = transformer.display().to_string();
        assert!(
            tiny.picture(&source(transformer), tiny.rest(prefixed)) == expected,
            "{shown}"
        );
    }
    // In place of a folder's own, and a component's folder for a file.
    let given = vec![
        part(PartRole::Denoiser, bare.clone()),
        part(PartRole::Vae, tiny.dir.path().join("folder/vae")),
    ];
    assert!(tiny.picture(&tiny.folder, given) == expected);
    let ModelSource::Folder(folder) = &tiny.folder else {
        unreachable!()
    };
    let own = |component: &str| part(PartRole::TextEncoder, Path::new(folder).join(component));
    let mut given: Vec<PartFile> = tiny
        .all
        .keys()
        .filter(|name| name.starts_with("text"))
        .map(|name| own(name))
        .collect();
    given.push(part(PartRole::Vae, Path::new(folder).join("vae")));
    assert!(tiny.picture(&source(bare), given) == expected);
}

/// A file of these tensors, 8-bit floats among them, in the form of safetensors.
fn save_any(path: &Path, tensors: &Tensors) -> PathBuf {
    let mut data: Vec<u8> = Vec::new();
    let mut entries = serde_json::Map::new();
    for (key, tensor) in tensors {
        let kind = match tensor.kind() {
            Kind::Float8e4m3fn => "F8_E4M3",
            Kind::Float => "F32",
            other => panic!("{other:?}"),
        };
        let flat = tensor.contiguous().flatten(0, -1).view_dtype(Kind::Uint8);
        let from = data.len();
        data.extend(Vec::<u8>::try_from(&flat).unwrap());
        let entry = json!({"dtype": kind, "shape": tensor.size(), "data_offsets": [from, data.len()]});
        entries.insert(key.clone(), entry);
    }
    let json = Value::Object(entries).to_string();
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend(json.as_bytes());
    bytes.extend(data);
    std::fs::write(path, bytes).unwrap();
    path.to_owned()
}

/// A transformer in 8-bit floats, plain and with a factor beside each weight, is the one of its widened numbers: fused weights too, whose
/// parts share one factor.
#[rstest]
fn eight_bit_floats_are_widened(#[values("z-image", "dev")] name: &'static str, #[values(false, true)] scaled: bool) {
    let tiny = Tiny::of(name);
    let (mut narrow, mut wide) = (Tensors::new(), Tensors::new());
    for (key, tensor) in tiny.family_spells("transformer") {
        let layer = key.strip_suffix(".weight").filter(|_| tensor.dim() == 2);
        let Some(layer) = layer else {
            narrow.insert(key.clone(), tensor.shallow_clone());
            wide.insert(key, tensor);
            continue;
        };
        // A power of two, so that nothing is rounded twice.
        let factor = if scaled { 0.25 } else { 1.0 };
        let eight = (&tensor / factor).to_kind(Kind::Float8e4m3fn);
        wide.insert(key.clone(), eight.to_kind(Kind::Float) * factor);
        if scaled {
            narrow.insert(format!("{layer}.scale_weight"), Tensor::from(factor as f32));
        }
        narrow.insert(key, eight);
    }
    if scaled {
        let mark = Tensor::zeros([0], (Kind::Float, tch::Device::Cpu)).to_kind(Kind::Float8e4m3fn);
        narrow.insert("scaled_fp8".to_owned(), mark);
    }
    let of = |path: PathBuf| tiny.picture(&source(path), tiny.rest(false));
    let narrow = save_any(&tiny.dir.path().join("narrow.safetensors"), &narrow);
    assert!(of(narrow) == of(tiny.save("wide", "", &wide)));
}

/// A list of tensors of a published component: name and shape.
fn list(name: &str) -> Vec<(String, Vec<u64>)> {
    let packed = std::fs::read(fixture(&format!("{name}.txt.gz"))).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(&packed[..])
        .read_to_string(&mut text)
        .unwrap();
    let line = |line: &str| {
        let (key, shape) = line.split_once(' ').unwrap();
        (key.to_owned(), shape.split(',').map(|n| n.parse().unwrap()).collect())
    };
    text.lines().map(line).collect()
}

/// A file of such tensors, all holes: the system stores no data for it.
fn holes(path: &Path, prefix: &str, tensors: &[(String, Vec<u64>)]) -> PathBuf {
    let mut at = 0;
    let mut entries = serde_json::Map::new();
    for (name, shape) in tensors {
        let end = at + 2 * shape.iter().product::<u64>();
        let entry = json!({"dtype": "BF16", "shape": shape, "data_offsets": [at, end]});
        entries.insert(format!("{prefix}{name}"), entry);
        at = end;
    }
    let json = Value::Object(entries).to_string();
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend(json.as_bytes());
    std::fs::write(path, &bytes).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(bytes.len() as u64 + at).unwrap();
    path.to_owned()
}

/// The published configurations come out, in every spelling.
#[rstest]
#[case("Z-Image", "z-image-keys/transformer-original", "z-image-keys/text_encoder", false)]
#[case("Z-Image", "z-image-keys/transformer", "z-image-keys/text_encoder", false)]
#[case("FLUX.1", "flux/flux-dev-bfl", "flux/t5-xxl", true)]
#[case("FLUX.1", "flux/flux-dev", "flux/t5-xxl", true)]
#[case("FLUX.1", "flux/flux-schnell-bfl", "flux/t5-xxl", true)]
#[case("FLUX.1", "flux/flux-schnell", "flux/t5-xxl", true)]
#[case("Chroma", "flux/chroma-bfl", "flux/t5-xxl", false)]
#[case("Chroma", "flux/chroma", "flux/t5-xxl", false)]
fn published_lists_are_what_they_are(
    #[case] family: &str,
    #[case] transformer: &str,
    #[case] encoder: &str,
    #[case] clip: bool,
    #[values(("", "vae-original"), ("model.diffusion_model.", "vae"))] rest: (&str, &str),
) {
    let (prefix, vae) = rest;
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let base = SingleFile::open(holes(&at("bare.safetensors"), prefix, &list(transformer))).unwrap();
    let mut given = vec![
        part(
            PartRole::TextEncoder,
            holes(&at("text.safetensors"), "", &list(encoder)),
        ),
        part(
            PartRole::Vae,
            holes(&at("ae.safetensors"), "", &list(&format!("z-image-keys/{vae}"))),
        ),
    ];
    if clip {
        // CLIP-L, which Stable Diffusion 1 reads too.
        let clip = holes(&at("clip_l.safetensors"), "", &list("sd15-keys/text_encoder"));
        given.push(part(PartRole::TextEncoder, clip));
    }
    let parts = Parts::of(&base, &given).unwrap();
    let folder = Folder::read(&parts.over(&base)).unwrap();
    folder.check_whole().unwrap();
    let card = Card::new("m", &folder).unwrap();
    assert_eq!(
        (card.family.label(), card.latent_channels, card.lacks.len()),
        (family, 16, 0)
    );
    // What is published, but for the guidance of schnell.
    for component in folder.components.values() {
        let name = format!("{}/config.json", component.name);
        let published: Value = serde_json::from_slice(&base_config(family, &name)).unwrap();
        for (field, value) in published.as_object().unwrap() {
            let told = transformer.contains("schnell") && field == "guidance_embeds";
            let expected = if told { &Value::Bool(false) } else { value };
            assert_eq!(component.config.get(field), Some(expected), "{name}: {field}");
        }
    }
    if !prefix.is_empty() {
        return;
    }
    // Every tensor that the layers ask for is found, of its size; headers alone are read.
    let source = ModelSource::File(at("bare.safetensors").display().to_string());
    let blueprint = darkroom_engine::families::open(&key(&source, given)).unwrap();
    for component in blueprint.components() {
        let recorder = Weights::recorder(component.name);
        blueprint.build(component, &recorder).unwrap();
        let shapes = blueprint.weights(component, &Cancel::new()).unwrap().shapes();
        for (key, shape) in recorder.asked() {
            // The one that is put together of two parts, which change places: it is not whole in the file.
            if transformer.ends_with("-bfl") && key.starts_with("norm_out.linear.") {
                continue;
            }
            let found = shapes.get(&key).map(|shape| shape.iter().product::<i64>());
            assert_eq!(found, Some(shape.iter().product()), "{}: {key}", component.name);
        }
    }
}

/// The family's published configuration, as a file that says nothing of it shows it.
fn base_config(family: &str, name: &str) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let keys: &[&str] = match family {
        "Z-Image" => &["layers.0.adaLN_modulation.0.weight"],
        "Chroma" => &["distilled_guidance_layer.norms.0.scale"],
        _ => &[
            "double_blocks.0.img_attn.norm.key_norm.scale",
            "guidance_in.in_layer.weight",
        ],
    };
    let tensors: Vec<_> = keys.iter().map(|key| ((*key).to_owned(), vec![1])).collect();
    let file = SingleFile::open(holes(&dir.path().join("m.safetensors"), "", &tensors)).unwrap();
    file.read(name, 1 << 20).unwrap()
}
