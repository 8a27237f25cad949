//! One tiny model of each family in three forms: a diffusers folder with configurations of its own, the same weights in one file under
//! the original codes' names, and its components in files of their own. Pictures of all three are the same, byte for byte. What is
//! shared in memory, and other VAEs, beside it. Configurations are written here, so that what is measured in files is compared with
//! them.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use darkroom_engine::families::stable_diffusion::{AutoencoderKl, UNet2DConditionModel, UNetConfig, VaeConfig};
use darkroom_engine::model::{Key, Model};
use darkroom_engine::pipeline::{Observer, Saved, Work, make_pictures};
use darkroom_engine::residency::Models;
use darkroom_engine::text::clip::{ClipTextConfig, ClipTextModel};
use darkroom_engine::torch::Device;
use darkroom_engine::weights::Weights;
use darkroom_engine::{Cancel, Result};
use darkroom_formats::SingleFile;
use darkroom_formats::folder::Files as _;
use darkroom_formats::schema::Fields;
use darkroom_protocol::{Dtype, ImageTask, ModelSource, PartFile, PartRole, Progress, Quant, Sampler};
use rstest::rstest;
use serde_json::{Value, json};
use tch::{Kind, Tensor};

const DOWN: &str = "DownBlock2D";
const CROSS_DOWN: &str = "CrossAttnDownBlock2D";
const UP: &str = "UpBlock2D";
const DOWN_ENCODER: [&str; 4] = ["DownEncoderBlock2D"; 4];
const UP_DECODER: [&str; 4] = ["UpDecoderBlock2D"; 4];
const CROSS_UP: &str = "CrossAttnUpBlock2D";

/// Component and configuration, in the family's order.
type Configs = Vec<(&'static str, Value)>;

fn vae(scale: f64) -> (&'static str, Value) {
    let config = json!({
        "block_out_channels": [32, 64, 64, 64], "down_block_types": DOWN_ENCODER, "up_block_types": UP_DECODER,
        "layers_per_block": 1, "latent_channels": 4, "norm_num_groups": 32, "sample_size": 512, "scaling_factor": scale,
    });
    ("vae", config)
}

fn clip(width: u32, heads: u32, act: &str, projection: Option<u32>) -> Value {
    let mut config = json!({
        "hidden_size": width, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": heads, "vocab_size": 49408,
        "max_position_embeddings": 77, "hidden_act": act, "eos_token_id": 2,
    });
    if let Some(projection) = projection {
        config["projection_dim"] = projection.into();
    }
    config
}

/// The widths that tell the family are the published ones', everything else is small.
fn configs(family: &str) -> Configs {
    let unet = json!({"layers_per_block": 1, "norm_num_groups": 32, "cross_attention_dim": 768});
    let with = |more: Value| {
        let mut config = unet.clone();
        config
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        ("unet", config)
    };
    match family {
        "sd1" => vec![
            ("text_encoder", clip(768, 12, "quick_gelu", None)),
            with(json!({"block_out_channels": [320, 64, 64, 64], "attention_head_dim": 8, "sample_size": 64})),
            vae(0.18215),
        ],
        "sd2" => vec![
            ("text_encoder", clip(1024, 16, "gelu", None)),
            with(json!({
                "block_out_channels": [64, 64, 128, 128], "attention_head_dim": [1, 1, 2, 2], "cross_attention_dim": 1024,
                "use_linear_projection": true, "upcast_attention": true,
            })),
            vae(0.18215),
        ],
        _ => vec![
            ("text_encoder", clip(64, 1, "quick_gelu", None)),
            ("text_encoder_2", clip(128, 2, "gelu", Some(1280))),
            with(json!({
                "block_out_channels": [64, 128, 128], "attention_head_dim": [1, 2, 2], "cross_attention_dim": 192,
                "down_block_types": [DOWN, CROSS_DOWN, CROSS_DOWN], "up_block_types": [CROSS_UP, CROSS_UP, UP],
                "transformer_layers_per_block": [1, 2, 3], "use_linear_projection": true, "addition_embed_type": "text_time",
                "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816,
            })),
            vae(0.13025),
        ],
    }
}

/// The tensors of a component, filled by name, in f16 as files have them.
fn tensors(component: &str, config: &Value) -> BTreeMap<String, Tensor> {
    let map = config.as_object().unwrap();
    let fields = Fields::new(component, map);
    let build = |weights: &Weights| -> Result<()> {
        match component {
            "unet" => UNet2DConditionModel::new(weights, &UNetConfig::read(fields).unwrap()).map(drop),
            "vae" => AutoencoderKl::new(weights, &VaeConfig::read(fields).unwrap()).map(drop),
            "text_encoder" => ClipTextModel::new(weights, &ClipTextConfig::read(fields).unwrap()).map(drop),
            _ => ClipTextModel::new(weights, &ClipTextConfig::read_projected(fields).unwrap()).map(drop),
        }
    };
    let recorder = Weights::recorder(component);
    build(&recorder).unwrap();
    let random = Weights::random(component);
    let fill = |(key, shape): (String, Vec<i64>)| {
        // The table of tokens is large: it is made of a column and a row.
        let tensor = match shape[..] {
            [rows, width] if rows >= 10_000 => {
                random.get(&key, &[rows, 1]).unwrap() * random.get(&format!("{key}.row"), &[1, width]).unwrap()
            }
            _ => random.get(&key, &shape).unwrap(),
        };
        (key, tensor.to_kind(Kind::Half))
    };
    recorder.asked().into_iter().map(fill).collect()
}

fn save(path: &Path, tensors: impl IntoIterator<Item = (String, Tensor)>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let all: Vec<(String, Tensor)> = tensors.into_iter().collect();
    Tensor::write_safetensors(&all, path).unwrap();
}

/// A model in each form.
struct Forms {
    dir: tempfile::TempDir,
    folder: ModelSource,
    single: ModelSource,
    components: Vec<&'static str>,
}

impl Forms {
    fn of(family: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let single = dir.path().join("single.safetensors");
        let configs = configs(family);
        let all: Vec<_> = configs
            .iter()
            .map(|(name, config)| (*name, tensors(name, config)))
            .collect();
        write_single(&single, family, &all);
        let folder = dir.path().join("folder");
        for ((name, config), (_, tensors)) in configs.iter().zip(&all) {
            let stem = if name.starts_with("text") {
                "model"
            } else {
                "diffusion_pytorch_model"
            };
            save(
                &folder.join(format!("{name}/{stem}.safetensors")),
                tensors
                    .iter()
                    .map(|(key, tensor)| (key.clone(), tensor.shallow_clone())),
            );
            std::fs::write(folder.join(name).join("config.json"), config.to_string()).unwrap();
        }
        // Scheduler and tokenizers are not in files of weights: those that a single file is given.
        let shown = SingleFile::open(&single).unwrap();
        for name in [
            "model_index.json",
            "scheduler/scheduler_config.json",
            "tokenizer/tokenizer_config.json",
            "tokenizer_2/tokenizer_config.json",
        ] {
            if shown.len(name).unwrap().is_some() {
                let to = folder.join(name);
                std::fs::create_dir_all(to.parent().unwrap()).unwrap();
                std::fs::write(to, shown.read(name, 1 << 20).unwrap()).unwrap();
            }
        }
        Self {
            folder: ModelSource::Folder(folder.display().to_string()),
            single: ModelSource::File(single.display().to_string()),
            components: configs.iter().map(|(name, _)| *name).collect(),
            dir,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A component of the single file in a file of its own, with `prefix` before its names.
    fn alone(&self, component: &str, prefix: &str) -> PathBuf {
        let before = prefix_of(&self.components, component);
        let all = Tensor::read_safetensors(self.path("single.safetensors")).unwrap();
        let own = all
            .into_iter()
            .filter_map(|(key, tensor)| Some((format!("{prefix}{}", key.strip_prefix(before)?), tensor)));
        let path = self.path(&format!("{component}-{}.safetensors", prefix.len()));
        save(&path, own);
        path
    }
}

fn prefix_of(components: &[&str], component: &str) -> &'static str {
    let xl = components.contains(&"text_encoder_2");
    match component {
        "unet" => "model.diffusion_model.",
        "vae" => "first_stage_model.",
        "text_encoder" if xl => "conditioner.embedders.0.transformer.",
        "text_encoder_2" => "conditioner.embedders.1.model.",
        _ => "cond_stage_model.transformer.",
    }
}

/// Which of open_clip's tensors a tensor of transformers is, as `convert_open_clip_checkpoint` of diffusers has it the other way
/// round.
fn open_clip(key: &str) -> String {
    let key = key.strip_prefix("text_model.").unwrap_or(key);
    let key = key
        .replace("embeddings.position_embedding.weight", "positional_embedding")
        .replace("embeddings.token_embedding", "token_embedding")
        .replace("text_projection.weight", "text_projection")
        .replace("final_layer_norm", "ln_final")
        .replace("encoder.layers.", "transformer.resblocks.")
        .replace("layer_norm1", "ln_1")
        .replace("layer_norm2", "ln_2")
        .replace("mlp.fc1", "mlp.c_fc")
        .replace("mlp.fc2", "mlp.c_proj")
        .replace("self_attn.out_proj", "attn.out_proj");
    ["q_proj", "k_proj", "v_proj"].iter().fold(key, |key, part| {
        key.replace(&format!("self_attn.{part}.weight"), "attn.in_proj_weight")
            .replace(&format!("self_attn.{part}.bias"), "attn.in_proj_bias")
    })
}

/// All components in one file. Its names come from a file that the engine knows the other way round: a spelling that were wrong both
/// ways is found by the published lists (`keys.rs`).
fn write_single(path: &Path, family: &str, all: &[(&'static str, BTreeMap<String, Tensor>)]) {
    let components: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    let mut whole: Vec<(String, Tensor)> = Vec::new();
    for (component, tensors) in all {
        let is_open_clip = *component == "text_encoder_2" || (*component == "text_encoder" && family == "sd2");
        let prefix = match is_open_clip && family == "sd2" {
            true => "cond_stage_model.model.",
            false => prefix_of(&components, component),
        };
        if is_open_clip {
            let mut fused: BTreeMap<String, Vec<(usize, &Tensor)>> = BTreeMap::new();
            for (key, tensor) in tensors {
                let at = ["q_proj", "k_proj", "v_proj"]
                    .iter()
                    .position(|part| key.contains(part));
                fused.entry(open_clip(key)).or_default().push((at.unwrap_or(0), tensor));
            }
            for (key, mut parts) in fused {
                parts.sort_by_key(|(at, _)| *at);
                let parts: Vec<&Tensor> = parts.into_iter().map(|(_, tensor)| tensor).collect();
                let tensor = Tensor::cat(&parts, 0);
                let turned = key == "text_projection";
                whole.push((
                    format!("{prefix}{key}"),
                    if turned {
                        tensor.transpose(0, 1).contiguous()
                    } else {
                        tensor
                    },
                ));
            }
            continue;
        }
        for (key, tensor) in tensors {
            let name = match *component {
                "unet" | "vae" => ldm(component, key, tensors),
                _ => key.clone(),
            };
            // The original code has convolutions of 1×1 where a VAE's attention has linear layers.
            let convolution = *component == "vae" && name.contains(".attn_1.") && tensor.dim() == 2;
            let tensor = match convolution {
                true => tensor.unsqueeze(-1).unsqueeze(-1),
                false => tensor.shallow_clone(),
            };
            whole.push((format!("{prefix}{name}"), tensor));
        }
    }
    save(path, whole);
}

/// The name that the original code has for a tensor of the UNet or the VAE.
fn ldm(component: &str, key: &str, all: &BTreeMap<String, Tensor>) -> String {
    let levels = |way: &str| {
        (0..)
            .take_while(|i| all.keys().any(|key| key.starts_with(&format!("{way}.{i}."))))
            .count()
    };
    let inner = |rest: &str| {
        [
            ("norm1.", "in_layers.0."),
            ("conv1.", "in_layers.2."),
            ("time_emb_proj.", "emb_layers.1."),
            ("norm2.", "out_layers.0."),
            ("conv2.", "out_layers.3."),
            ("conv_shortcut.", "skip_connection."),
        ]
        .iter()
        .find_map(|(from, to)| Some(format!("{to}{}", rest.strip_prefix(from)?)))
        .unwrap_or_else(|| rest.to_owned())
    };
    let parts: Vec<&str> = key.splitn(5, '.').collect();
    let at = |n: usize| parts[n].parse::<usize>().unwrap();
    if component == "unet" {
        // One layer a level: a level is a layer and what makes it smaller, or two layers and what makes it larger.
        return match parts[..] {
            ["down_blocks", _, "resnets", _, rest] => format!("input_blocks.{}.0.{}", 1 + 2 * at(1), inner(rest)),
            ["down_blocks", _, "attentions", _, rest] => format!("input_blocks.{}.1.{rest}", 1 + 2 * at(1)),
            ["down_blocks", _, "downsamplers", _, rest] => {
                format!("input_blocks.{}.0.op.{}", 2 + 2 * at(1), &rest["conv.".len()..])
            }
            ["up_blocks", _, "resnets", _, rest] => format!("output_blocks.{}.0.{}", 2 * at(1) + at(3), inner(rest)),
            ["up_blocks", _, "attentions", _, rest] => format!("output_blocks.{}.1.{rest}", 2 * at(1) + at(3)),
            ["up_blocks", level, "upsamplers", _, rest] => {
                let attends = all
                    .keys()
                    .any(|key| key.starts_with(&format!("up_blocks.{level}.attentions.")));
                format!("output_blocks.{}.{}.{rest}", 2 * at(1) + 1, 1 + usize::from(attends))
            }
            ["mid_block", "resnets", "0", ..] => format!("middle_block.0.{}", inner(&parts[3..].join("."))),
            ["mid_block", "attentions", "0", ..] => format!("middle_block.1.{}", parts[3..].join(".")),
            ["mid_block", "resnets", "1", ..] => format!("middle_block.2.{}", inner(&parts[3..].join("."))),
            _ => key
                .replace("time_embedding.linear_1", "time_embed.0")
                .replace("time_embedding.linear_2", "time_embed.2")
                .replace("add_embedding.linear_1", "label_emb.0.0")
                .replace("add_embedding.linear_2", "label_emb.0.2")
                .replace("conv_in", "input_blocks.0.0")
                .replace("conv_norm_out", "out.0")
                .replace("conv_out", "out.2"),
        };
    }
    let last = levels("encoder.down_blocks") - 1;
    let key = (0..=last).fold(key.to_owned(), |key, level| {
        key.replace(
            &format!("decoder.up_blocks.{level}.resnets."),
            &format!("decoder.up.{}.block.", last - level),
        )
        .replace(
            &format!("decoder.up_blocks.{level}.upsamplers.0."),
            &format!("decoder.up.{}.upsample.", last - level),
        )
        .replace(
            &format!("encoder.down_blocks.{level}.resnets."),
            &format!("encoder.down.{level}.block."),
        )
        .replace(
            &format!("encoder.down_blocks.{level}.downsamplers.0."),
            &format!("encoder.down.{level}.downsample."),
        )
    });
    key.replace("mid_block.resnets.0", "mid.block_1")
        .replace("mid_block.resnets.1", "mid.block_2")
        .replace("mid_block.attentions.0.group_norm", "mid.attn_1.norm")
        .replace("mid_block.attentions.0.to_q", "mid.attn_1.q")
        .replace("mid_block.attentions.0.to_k", "mid.attn_1.k")
        .replace("mid_block.attentions.0.to_v", "mid.attn_1.v")
        .replace("mid_block.attentions.0.to_out.0", "mid.attn_1.proj_out")
        .replace("conv_shortcut", "nin_shortcut")
        .replace("conv_norm_out", "norm_out")
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

#[derive(Default)]
struct Told(Option<String>);

impl Observer for Told {
    fn progress(&mut self, _progress: Progress) {}

    fn notice(&mut self, _line: &str) {}

    fn saved(&mut self, picture: Saved) {
        self.0 = Some(picture.file);
    }
}

/// The bytes of its picture's pixels.
fn picture(model: &Model, source: &ModelSource) -> Vec<u8> {
    let staging = tempfile::tempdir().unwrap();
    let mut task = ImageTask::of("tiny", "a red apple, highly detailed");
    task.what.source = source.clone();
    task.what.negative = "blurry".into();
    (task.size.width, task.size.height) = (64, 72);
    (task.sampling.steps, task.sampling.seed) = (2, 7);
    task.sampling.sampler = Sampler::Euler;
    task.compute.device = "cpu".into();
    task.compute.dtype = Dtype::F32;
    let cancel = Cancel::new();
    let work = Work {
        job: "job".into(),
        staging: staging.path(),
        inputs: staging.path(),
        skip: &[],
        cancel: &cancel,
    };
    let mut told = Told::default();
    make_pictures(&task, &work, model, &mut told).unwrap();
    let picture = image::open(staging.path().join(told.0.unwrap()))
        .unwrap()
        .into_rgb8()
        .into_raw();
    let mean = picture.iter().map(|value| f64::from(*value)).sum::<f64>() / picture.len() as f64;
    assert!((10.0..245.0).contains(&mean), "the picture is flat: {mean}");
    picture
}

fn load(models: &mut Models, key: &Key) -> Rc<Model> {
    models.load(key, &Cancel::new(), &mut |_, _| {}).unwrap()
}

#[rstest]
fn a_single_file_makes_the_folders_picture(#[values("sd1", "sd2", "sdxl")] family: &str) {
    let forms = Forms::of(family);
    let of = |source: &ModelSource| picture(&load(&mut Models::new(u64::MAX), &key(source, Vec::new())), source);
    assert!(of(&forms.folder) == of(&forms.single));
}

#[rstest]
fn components_in_files_of_their_own_make_it_too(#[values(false, true)] diffusers: bool) {
    let forms = Forms::of("sd1");
    let unet = match diffusers {
        false => forms.alone("unet", ""),
        true => {
            // Without its configuration, and outside of its folder.
            let to = forms.path("unet.safetensors");
            std::fs::copy(forms.path("folder/unet/diffusion_pytorch_model.safetensors"), &to).unwrap();
            to
        }
    };
    let alone = ModelSource::File(unet.display().to_string());
    let missing = darkroom_engine::families::open(&key(&alone, Vec::new()))
        .unwrap_err()
        .to_string();
    assert!(
        missing.ends_with("has no text_encoder and no vae: --text-encoder and --vae give them."),
        "{missing}"
    );
    let given = vec![
        part(PartRole::TextEncoder, forms.alone("text_encoder", "")),
        part(
            PartRole::Vae,
            forms.alone("vae", if diffusers { "first_stage_model." } else { "" }),
        ),
    ];
    let mut models = Models::new(u64::MAX);
    let whole = key(&forms.folder, Vec::new());
    let expected = picture(&load(&mut models, &whole), &forms.folder);
    let assembled = key(&alone, given);
    let model = load(&mut models, &assembled);
    assert!(picture(&model, &alone) == expected);
}

/// SDXL's two encoders, in any order, under the names of whoever saved them.
#[test]
fn text_encoders_find_their_places() {
    let forms = Forms::of("sdxl");
    let single = forms.path("single.safetensors");
    let other = Tensor::read_safetensors(forms.path("folder/text_encoder_2/model.safetensors")).unwrap();
    let second = forms.path("clip_g.safetensors");
    save(&second, other);
    let given = vec![
        part(PartRole::TextEncoder, second),
        part(
            PartRole::TextEncoder,
            forms.alone("text_encoder", "text_encoders.clip_l.transformer."),
        ),
    ];
    let mut models = Models::new(u64::MAX);
    let expected = picture(&load(&mut models, &key(&forms.single, Vec::new())), &forms.single);
    let model = load(&mut models, &key(&forms.single, given.clone()));
    assert!(picture(&model, &forms.single) == expected && single.is_file());
    let blueprint = model.blueprint();
    for (component, part) in [("text_encoder_2", &given[0]), ("text_encoder", &given[1])] {
        let identity = blueprint.identity(component).unwrap();
        let source = ModelSource::Folder(forms.dir.path().display().to_string());
        let files = darkroom_engine::weights::Source::open(&source).unwrap();
        let name = Path::new(&part.path).file_name().unwrap().to_str().unwrap();
        assert_eq!(
            identity,
            darkroom_engine::model::Identity::of(&files, [name]),
            "{component}"
        );
    }
}

#[test]
fn another_vae_is_in_memory_once_for_all_models_that_have_it() {
    let forms = Forms::of("sd1");
    // Other weights, under the original code's names, and the same under diffusers' in a folder.
    let all = Tensor::read_safetensors(forms.alone("vae", "")).unwrap();
    let changed: Vec<(String, Tensor)> = all
        .into_iter()
        .map(|(key, tensor)| {
            let bias = key == "decoder.conv_out.bias";
            (key, if bias { tensor + 0.5 } else { tensor })
        })
        .collect();
    let other = forms.path("other.vae.safetensors");
    save(&other, changed);
    let folder = forms.path("sd-vae");
    let own = Tensor::read_safetensors(forms.path("folder/vae/diffusion_pytorch_model.safetensors")).unwrap();
    let own = own.into_iter().map(|(key, tensor)| {
        let bias = key == "decoder.conv_out.bias";
        (key, if bias { tensor + 0.5 } else { tensor })
    });
    save(&folder.join("diffusion_pytorch_model.safetensors"), own);
    std::fs::copy(forms.path("folder/vae/config.json"), folder.join("config.json")).unwrap();

    let mut models = Models::new(u64::MAX);
    let plain = picture(&load(&mut models, &key(&forms.single, Vec::new())), &forms.single);
    let vae = |path: &Path| vec![part(PartRole::Vae, path.to_owned())];
    let by_file = key(&forms.single, vae(&other));
    let changed = picture(&load(&mut models, &by_file), &forms.single);
    assert!(changed != plain);
    let parts = |models: &Models| models.residency(std::time::Instant::now()).used;
    let before = parts(&models);
    // The same file for another model, and a folder with the same tensors.
    for (source, path) in [
        (&forms.folder, &other),
        (&forms.folder, &folder),
        (&forms.single, &folder),
    ] {
        let model = load(&mut models, &key(source, vae(path)));
        assert!(picture(&model, source) == changed);
        assert_eq!(parts(&models), before, "{}", path.display());
    }
}
