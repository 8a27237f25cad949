//! Checkpoints of tensors without data: one that has a card, others that are named for what they are, parts and other formats
//! that are refused. Whether the tensors of a checkpoint load is tested by the engine (`daemon/engine/tests/single_file.rs`).

use std::path::Path;

use rstest::rstest;

use super::*;
use crate::Card;
use crate::family::Family;
use crate::folder::{Files, Folder};
use darkroom_protocol::{ModelSource, ModelTask, Prediction, Sampler};

/// A safetensors file of these bf16 tensors, all holes: the system stores no data for it.
pub(crate) fn write(path: &Path, tensors: &[(&str, &[u64])]) {
    write_saying(path, tensors, &[]);
}

/// The same with these metadata.
fn write_saying(path: &Path, tensors: &[(&str, &[u64])], metadata: &[(&str, &str)]) {
    let mut at = 0;
    let mut entries = serde_json::Map::new();
    let metadata: std::collections::BTreeMap<_, _> = metadata.iter().copied().collect();
    entries.insert("__metadata__".to_owned(), serde_json::json!(metadata));
    for (name, shape) in tensors {
        let end = at + 2 * shape.iter().product::<u64>();
        entries.insert(
            (*name).to_owned(),
            serde_json::json!({"dtype": "BF16", "shape": shape, "data_offsets": [at, end]}),
        );
        at = end;
    }
    let json = serde_json::to_vec(&entries).unwrap();
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend(&json);
    std::fs::write(path, &bytes).unwrap();
    std::fs::OpenOptions::new()
        .write(true)
        .open(path)
        .unwrap()
        .set_len(bytes.len() as u64 + at)
        .unwrap();
}

const UNET_IN: (&str, &[u64]) = ("model.diffusion_model.input_blocks.0.0.weight", &[320, 4, 3, 3]);
const UNET_K: (&str, &[u64]) = (
    "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight",
    &[320, 768],
);
const VAE: (&str, &[u64]) = ("first_stage_model.decoder.conv_in.weight", &[512, 4, 3, 3]);
const CLIP: (&str, &[u64]) = (
    "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight",
    &[49408, 768],
);
const EMA: (&str, &[u64]) = ("model_ema.diffusion_modelinput_blocks00weight", &[320, 4, 3, 3]);

fn refusal(tensors: &[(&str, &[u64])]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.safetensors");
    write(&path, tensors);
    let message = SingleFile::open(&path).unwrap_err().to_string();
    message.replace(path.to_str().unwrap(), "m.safetensors")
}

#[test]
fn a_checkpoint_is_the_folder_it_would_be() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.safetensors");
    write(&path, &[UNET_IN, UNET_K, VAE, CLIP, EMA]);
    let file = SingleFile::open(&path).unwrap();
    let folder = Folder::read(&file).unwrap();
    assert_eq!(
        folder.component("vae").unwrap().weights,
        ["vae/diffusion_pytorch_model.safetensors"]
    );
    let wire = Card::new("m", &folder)
        .unwrap()
        .to_model_card(ModelSource::File("m".into()));
    assert_eq!(
        (wire.family.as_str(), wire.width, wire.height, wire.vae_factor),
        ("Stable Diffusion 1.x", 512, 512, 8)
    );
    assert_eq!((wire.sampler, wire.notice), (Sampler::Euler, None));
    // Averages of the training (`model_ema`) are in the file and never in memory.
    assert_eq!(wire.bytes, 2 * (320 * 4 * 9 + 320 * 768 + 512 * 4 * 9 + 49408 * 768));
    let unet = file.part("unet/diffusion_pytorch_model.safetensors").unwrap();
    assert_eq!(file.inside(unet, UNET_IN.0), Some("input_blocks.0.0.weight"));
    assert_eq!((file.inside(unet, VAE.0), file.inside(unet, EMA.0)), (None, None));
    assert!(file.len("tokenizer/vocab.json").unwrap().is_none() && file.read("nothing", 1).is_err());
}

#[rstest]
#[case(4, ModelTask::Generate)]
#[case(9, ModelTask::Inpaint)]
#[case(8, ModelTask::Edit)]
fn what_a_checkpoint_needs_beside_a_prompt_is_in_its_first_layer(#[case] channels: u64, #[case] task: ModelTask) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.safetensors");
    write(&path, &[(UNET_IN.0, &[320, channels, 3, 3]), UNET_K, VAE, CLIP]);
    let yaml = format!("model:\n  params:\n    unet_config:\n      params:\n        in_channels: {channels}\n");
    std::fs::write(path.with_extension("yaml"), yaml).unwrap();
    let folder = Folder::read(&SingleFile::open(&path).unwrap()).unwrap();
    let card = Card::new("m", &folder).unwrap();
    assert_eq!((card.task, card.family.label()), (task, "Stable Diffusion 1.x"));
}

const NOT_BUILT: &str = ", a family that is not built yet";

#[rstest]
#[case(&[("joint_blocks.0.context_block.attn.qkv.weight", &[128][..])], "a model of Stable Diffusion 3", NOT_BUILT)]
#[case(&[("model.diffusion_model.label_emb.0.0.weight", &[1280, 5632][..])], "a model of Kolors", NOT_BUILT)]
#[case(&[("model.diffusion_model.input_blocks.0.0.weight", &[320, 9, 3, 3][..]),
    ("model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", &[320, 1024][..])], "a model of Stable Diffusion 2.x inpainting", NOT_BUILT)]
#[case(&[("model.diffusion_model.input_blocks.0.0.weight", &[320, 7, 3, 3][..])], "a model of Stable Diffusion x4 upscaler", NOT_BUILT)]
#[case(&[("layers.0.adaLN_modulation.1.weight", &[4][..]), ("cap_embedder.1.weight", &[2304, 2304][..])], "a model of Lumina 2", NOT_BUILT)]
#[case(&[("txtfusion.projector.weight", &[4][..])], "a model of Krea 2", NOT_BUILT)]
#[case(&[("lora_unet_mid_block_attentions_0_proj_in.lora_down.weight", &[4, 320][..])], "a LoRA", "")]
#[case(&[VAE], "a VAE alone", "")]
#[case(&[CLIP], "a CLIP text encoder alone", "")]
fn others_are_named(#[case] tensors: &[(&str, &[u64])], #[case] what: &str, #[case] yet: &str) {
    assert_eq!(
        refusal(tensors),
        format!(
            "m.safetensors seems to be {what}{yet}: from single files Darkroom reads checkpoints of Chroma, FLUX.1, SDXL, SDXL refiner, Stable Diffusion 1.x, Stable Diffusion 2.x, Z-Image."
        )
    );
}

#[test]
fn parts_and_strangers_are_refused_in_a_sentence() {
    insta::assert_snapshot!(refusal(&[("x", &[1])]), @"m.safetensors is no model that Darkroom recognises: from single files it reads checkpoints of Chroma, FLUX.1, SDXL, SDXL refiner, Stable Diffusion 1.x, Stable Diffusion 2.x, Z-Image.");
    let diffusers: [(&str, &[u64]); 2] = [
        ("conv_in.weight", &[320, 4, 3, 3]),
        (
            "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight",
            &[320, 768],
        ),
    ];
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("unet/diffusion_pytorch_model.safetensors");
    std::fs::create_dir(dir.path().join("unet")).unwrap();
    write(&path, &diffusers);
    assert_eq!(SingleFile::open(&path).unwrap().lacks(), ["text_encoder", "vae"]);
    // What lies in a whole model's folder is to be used with it.
    std::fs::write(dir.path().join("model_index.json"), "{}").unwrap();
    let message = SingleFile::open(&path)
        .unwrap_err()
        .to_string()
        .replace(path.to_str().unwrap(), "m.safetensors");
    insta::assert_snapshot!(message, @"m.safetensors is one component of a Stable Diffusion 1.x, saved by diffusers: give the folder that holds its model_index.json.");
}

#[rstest]
#[case(b"GGUF\x03\0\0\0\0\0\0\0", "is a GGUF file")]
#[case(b"PK\x03\x04\0\0\0\0\0\0\0\0", "cut off")]
#[case(b"\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a", "a plain pickle")]
#[case(b"nonsense", "not a safetensors file")]
fn files_without_a_header_are_told_by_their_first_bytes(#[case] bytes: &[u8], #[case] words: &str) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m");
    std::fs::write(&path, bytes).unwrap();
    let message = SingleFile::open(&path).unwrap_err().to_string();
    assert!(message.contains(words), "{message}");
    assert!(SingleFile::open(dir.path()).is_err() && SingleFile::open(dir.path().join("none")).is_err());
}

const XL_LABEL: (&str, &[u64]) = ("model.diffusion_model.label_emb.0.0.weight", &[1280, 2816]);
const XL_CLIP: (&str, &[u64]) = (
    "conditioner.embedders.0.transformer.text_model.embeddings.token_embedding.weight",
    &[49408, 768],
);
const XL_OPEN_CLIP: (&str, &[u64]) = ("conditioner.embedders.1.model.token_embedding.weight", &[49410, 1280]);
const REFINER: [(&str, &[u64]); 3] = [
    ("model.diffusion_model.label_emb.0.0.weight", &[1536, 2560]),
    ("conditioner.embedders.0.model.positional_embedding", &[77, 1280]),
    VAE,
];

/// The card of a file of these tensors, with these words beside it.
fn card(tensors: &[(&str, &[u64])], yaml: Option<&str>) -> Card {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.safetensors");
    write(&path, tensors);
    if let Some(yaml) = yaml {
        std::fs::write(path.with_extension("yaml"), yaml).unwrap();
    }
    Card::read("m", &SingleFile::open(&path).unwrap()).unwrap()
}

#[test]
fn a_checkpoint_of_sdxl_has_its_card() {
    let tensors = [XL_LABEL, XL_CLIP, XL_OPEN_CLIP, VAE];
    let base = card(&tensors, None);
    assert_eq!(
        (base.family, base.width, base.height),
        (Family::StableDiffusionXl, 1024, 1024)
    );
    assert_eq!(
        (base.prediction, base.sampler, base.notice.as_deref()),
        (Prediction::Epsilon, Sampler::Euler, None)
    );
    let mut velocity = tensors.to_vec();
    velocity.extend([("v_pred", &[0][..]), ("ztsnr", &[0])]);
    assert_eq!(card(&velocity, None).prediction, Prediction::VPrediction);
    let refiner = card(&REFINER, None);
    assert_eq!(
        (refiner.family, refiner.width),
        (Family::StableDiffusionXlRefiner, 1024)
    );
}

#[rstest]
#[case::silent(None, None, (Prediction::VPrediction, 768))]
#[case::weights_of_the_noise(None, Some(0.05), (Prediction::Epsilon, 512))]
#[case::weights_of_the_velocity(None, Some(0.1), (Prediction::VPrediction, 768))]
#[case::a_word_counts_before_weights(Some("v"), Some(0.05), (Prediction::VPrediction, 768))]
#[case::and_the_other(Some("eps"), Some(0.1), (Prediction::Epsilon, 512))]
fn a_stable_diffusion_2_predicts_what_its_words_or_weights_say(
    #[case] word: Option<&str>,
    #[case] spread: Option<f32>,
    #[case] expected: (Prediction, u32),
) {
    const K: (&str, &[u64]) = (
        "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight",
        &[320, 1024],
    );
    const OPEN_CLIP: (&str, &[u64]) = ("cond_stage_model.model.token_embedding.weight", &[49408, 1024]);
    const BIAS: (&str, &[u64]) = (
        "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias",
        &[320],
    );
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.safetensors");
    let mut tensors = vec![UNET_IN, K, OPEN_CLIP, VAE];
    if spread.is_some() {
        tensors.push(BIAS);
    }
    write(&path, &tensors);
    if let Some(spread) = spread {
        // The last tensor of the file, each other number negative.
        let bits = |n: u32| {
            if n.is_multiple_of(2) {
                spread.to_bits() >> 16
            } else {
                (-spread).to_bits() >> 16
            }
        };
        let data: Vec<u8> = (0..320).flat_map(|n| (bits(n) as u16).to_le_bytes()).collect();
        let mut file = std::fs::read(&path).unwrap();
        let at = file.len() - data.len();
        file[at..].copy_from_slice(&data);
        std::fs::write(&path, file).unwrap();
    }
    if let Some(word) = word {
        let yaml = format!(
            "model:\n  params:\n    parameterization: {word}\n    cond_stage_config:\n      params:\n        layer: penultimate\n"
        );
        std::fs::write(path.with_extension("yaml"), yaml).unwrap();
    }
    let card = Card::read("m", &SingleFile::open(&path).unwrap()).unwrap();
    assert_eq!((card.family, card.notice.as_deref()), (Family::StableDiffusion2, None));
    assert_eq!((card.prediction, card.width), expected);
}

/// A file's tensors of numbers of their own come last, each f32.
fn write_with(path: &Path, tensors: &[(&str, &[u64])], numbers: &[(&str, &[f32])]) {
    write(path, tensors);
    let file = std::fs::read(path).unwrap();
    let end = 8 + u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let mut entries: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&file[8..end]).unwrap();
    let (mut at, mut data) = (file.len() - end, file[end..].to_vec());
    for (name, values) in numbers {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let entry =
            serde_json::json!({"dtype": "F32", "shape": [values.len()], "data_offsets": [at, at + bytes.len()]});
        entries.insert((*name).to_owned(), entry);
        at += bytes.len();
        data.extend(bytes);
    }
    let json = serde_json::to_vec(&entries).unwrap();
    let mut all = (json.len() as u64).to_le_bytes().to_vec();
    all.extend(json);
    all.extend(data);
    std::fs::write(path, all).unwrap();
}

/// Scalings of generative-models' `denoiser_scaling.py`.
#[rstest]
#[case(
    "EDMScaling",
    Some("1.5"),
    "EDMDPMSolverMultistepScheduler",
    Prediction::Epsilon,
    1.5
)]
#[case("EDMScaling", None, "EDMDPMSolverMultistepScheduler", Prediction::Epsilon, 0.5)]
#[case("VScalingWithEDMcNoise", None, "EDMEulerScheduler", Prediction::VPrediction, 1.0)]
fn a_yaml_may_ask_for_edms_noise(
    #[case] scaling: &str,
    #[case] data: Option<&str>,
    #[case] class: &str,
    #[case] prediction: Prediction,
    #[case] sigma_data: f64,
) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.safetensors");
    let texts = [
        ("conditioner.embedders.0.transformer.x", &[1][..]),
        ("conditioner.embedders.1.model.x", &[1]),
    ];
    write(&path, &[XL_LABEL, texts[0], texts[1], VAE]);
    let params = data.map_or(String::new(), |data| {
        format!("          params:\n            sigma_data: {data}\n")
    });
    let yaml = format!(
        "model:\n  params:\n    denoiser_config:\n      params:\n        scaling_config:\n          target: \
         sgm.modules.diffusionmodules.denoiser_scaling.{scaling}\n{params}"
    );
    std::fs::write(path.with_extension("yaml"), yaml).unwrap();
    let folder = Folder::read(&SingleFile::open(&path).unwrap()).unwrap();
    assert_eq!(
        (folder.scheduler.class.as_str(), &folder.scheduler.config["sigma_data"]),
        (class, &sigma_data.into())
    );
    assert_eq!(Card::new("m", &folder).unwrap().prediction, prediction);
}

#[test]
fn edm_tensors_mark_models_of_another_noise() {
    // Small stand-ins for tensors of gigabytes.
    let tensors: [(&str, &[u64]); 4] = [
        XL_LABEL,
        ("conditioner.embedders.0.transformer.x", &[1]),
        ("conditioner.embedders.1.model.x", &[1]),
        ("first_stage_model.x", &[1]),
    ];
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.safetensors");
    let folder = |numbers: &[(&str, &[f32])]| {
        write_with(&path, &tensors, numbers);
        Folder::read(&SingleFile::open(&path).unwrap()).unwrap()
    };
    let cosxl = folder(&[("edm_vpred.sigma_max", &[100.0]), ("edm_vpred.sigma_min", &[0.25])]);
    assert_eq!(cosxl.scheduler.class, "EDMEulerScheduler");
    let setting = |name: &str| cosxl.scheduler.config[name].clone();
    assert_eq!(
        (setting("sigma_max"), setting("sigma_min")),
        (100.0.into(), 0.25.into())
    );
    let card = Card::new("m", &cosxl).unwrap();
    assert_eq!(
        (card.prediction, card.sampler, card.notice),
        (Prediction::VPrediction, Sampler::Euler, None)
    );

    let playground = folder(&[
        ("edm_mean", &[-1.5, 2.0, -1.0, 2.5]),
        ("edm_std", &[8.0, 6.0, 6.5, 5.0]),
    ]);
    let card = Card::new("m", &playground).unwrap();
    assert_eq!(
        (card.prediction, card.sampler, card.notice),
        (Prediction::Epsilon, Sampler::DpmPp2m, None)
    );
    let vae = &playground.component("vae").unwrap().config;
    assert_eq!(vae["latents_std"], serde_json::json!([8.0, 6.0, 6.5, 5.0]));
    assert_eq!(vae["scaling_factor"], 0.5);

    // The form for editing is told by both.
    let mut edits = tensors.to_vec();
    edits.push(("model.diffusion_model.input_blocks.0.0.weight", &[2, 8, 1, 1]));
    write_with(&path, &edits, &[("edm_vpred.sigma_max", &[120.0])]);
    let folder = Folder::read(&SingleFile::open(&path).unwrap()).unwrap();
    assert_eq!(folder.index["is_cosxl_edit"], true);
    assert_eq!(Card::new("m", &folder).unwrap().task, ModelTask::Edit);

    write_with(&path, &tensors, &[("edm_mean", &[1.0])]);
    let message = SingleFile::open(&path).unwrap_err().to_string();
    assert!(
        message.contains("its edm_mean and edm_std are not both there"),
        "{message}"
    );
}

const FLUX_HEAD: (&str, &[u64]) = (
    "model.diffusion_model.double_blocks.0.img_attn.norm.query_norm.scale",
    &[128],
);
const FLUX_KEY: (&str, &[u64]) = (
    "model.diffusion_model.double_blocks.0.img_attn.norm.key_norm.scale",
    &[128],
);
const FLUX_REST: [(&str, &[u64]); 10] = [
    (
        "model.diffusion_model.double_blocks.0.img_attn.qkv.weight",
        &[9216, 3072],
    ),
    (
        "model.diffusion_model.double_blocks.1.img_attn.qkv.weight",
        &[9216, 3072],
    ),
    ("model.diffusion_model.single_blocks.0.linear1.weight", &[21504, 3072]),
    ("model.diffusion_model.final_layer.linear.weight", &[64, 3072]),
    ("model.diffusion_model.txt_in.weight", &[3072, 4096]),
    ("model.diffusion_model.vector_in.in_layer.weight", &[3072, 768]),
    ("vae.decoder.conv_in.weight", &[512, 16, 3, 3]),
    (
        "text_encoders.clip_l.transformer.text_model.embeddings.token_embedding.weight",
        &[49408, 768],
    ),
    (
        "text_encoders.clip_l.transformer.text_model.encoder.layers.0.mlp.fc1.weight",
        &[3072, 768],
    ),
    ("text_encoders.t5xxl.transformer.shared.weight", &[32128, 4096]),
];
const FLUX_GUIDANCE: (&str, &[u64]) = ("model.diffusion_model.guidance_in.in_layer.weight", &[3072, 256]);

/// What a FLUX.1 in one file is, says its tensors, as far as they differ; none of a Kontext's do.
#[rstest]
#[case::dev(64, true, "", (ModelTask::Generate, 28, Some(3.5), true))]
#[case::schnell(64, false, "", (ModelTask::Generate, 4, None, false))]
#[case::fill(384, true, "", (ModelTask::Inpaint, 28, Some(30.0), true))]
#[case::kontext(64, true, "flux-1-kontext-dev", (ModelTask::Reference, 28, Some(2.5), true))]
fn variants_of_flux_are_told_apart(
    #[case] inputs: u64,
    #[case] guided: bool,
    #[case] architecture: &str,
    #[case] expected: (ModelTask, u32, Option<f64>, bool),
) {
    let shape = [3072, inputs];
    let inputs: (&str, &[u64]) = ("model.diffusion_model.img_in.weight", &shape);
    let guidance = guided.then_some(FLUX_GUIDANCE);
    let tensors: Vec<_> = [FLUX_HEAD, FLUX_KEY, inputs]
        .into_iter()
        .chain(FLUX_REST)
        .chain(guidance)
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.safetensors");
    write_saying(&path, &tensors, &[("modelspec.architecture", architecture)]);
    let folder = Folder::read(&SingleFile::open(&path).unwrap()).unwrap();
    let transformer = &folder.component("transformer").unwrap().config;
    assert_eq!(
        (
            transformer["num_layers"].as_u64(),
            transformer["num_single_layers"].as_u64()
        ),
        (Some(2), Some(1))
    );
    let card = Card::new("m", &folder).unwrap();
    let dynamic = folder.scheduler.config["use_dynamic_shifting"] == true;
    assert_eq!((card.task, card.steps, card.distilled_cfg_scale, dynamic), expected);
    assert_eq!(
        (card.family, card.cfg_scale, card.sampler, card.width, card.notice),
        (Family::Flux1, 1.0, Sampler::Euler, 1024, None)
    );
}

/// Those that follow depth or edges read another picture in place of a mask.
#[test]
fn a_control_model_is_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.safetensors");
    let inputs: (&str, &[u64]) = ("model.diffusion_model.img_in.weight", &[3072, 128]);
    let tensors: Vec<_> = [FLUX_HEAD, FLUX_KEY, inputs, FLUX_GUIDANCE]
        .into_iter()
        .chain(FLUX_REST)
        .collect();
    write(&path, &tensors);
    let folder = Folder::read(&SingleFile::open(&path).unwrap()).unwrap();
    let message = Card::new("m", &folder).unwrap_err().to_string();
    assert!(
        message.contains("in_channels: is 128") && message.contains("depth or edges"),
        "{message}"
    );
}

#[test]
fn a_chroma_is_one_by_its_approximator() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.safetensors");
    let own: [(&str, &[u64]); 4] = [
        ("model.diffusion_model.distilled_guidance_layer.norms.0.scale", &[5120]),
        (
            "model.diffusion_model.distilled_guidance_layer.in_proj.weight",
            &[5120, 64],
        ),
        (
            "model.diffusion_model.distilled_guidance_layer.layers.0.in_layer.weight",
            &[5120, 5120],
        ),
        ("model.diffusion_model.img_in.weight", &[3072, 64]),
    ];
    let rest = FLUX_REST.into_iter().filter(|(key, _)| !key.contains("vector_in"));
    let tensors: Vec<_> = own.into_iter().chain([FLUX_HEAD, FLUX_KEY]).chain(rest).collect();
    write(&path, &tensors);
    let folder = Folder::read(&SingleFile::open(&path).unwrap()).unwrap();
    let card = Card::new("m", &folder).unwrap();
    assert_eq!(
        (
            card.family,
            card.steps,
            card.cfg_scale,
            card.distilled_cfg_scale,
            card.notice
        ),
        (Family::Chroma, 35, 5.0, None, None)
    );
}
