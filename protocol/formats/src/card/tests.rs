use std::path::Path;

use darkroom_protocol::{ModelSource, Prediction, Sampler, Schedule};
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::folder::{Directory, Folder, Scheduler};
use crate::safetensors::{Dtype, Entry, Header};

/// A Stable Diffusion 1.5 in a real folder, with each component's configuration bent by a test.
fn folder(unet: Value, vae: Value) -> Folder {
    let temporary = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = temporary.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let index = json!({
        "_class_name": "StableDiffusionPipeline",
        "scheduler": ["diffusers", "PNDMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    });
    write("model_index.json", index.to_string());
    write("scheduler/scheduler_config.json", "{}".to_owned());
    write(
        "text_encoder/config.json",
        json!({"hidden_size": 768, "num_attention_heads": 12}).to_string(),
    );
    write("unet/config.json", unet.to_string());
    write("vae/config.json", vae.to_string());
    for file in [
        "text_encoder/model",
        "unet/diffusion_pytorch_model",
        "vae/diffusion_pytorch_model",
    ] {
        write(&format!("{file}.safetensors"), "1234".to_owned());
    }
    let mut folder = Folder::read(&Directory::open(temporary.path()).unwrap()).unwrap();
    folder.place = "sd15".to_owned();
    folder
}

fn unet() -> Value {
    json!({"sample_size": 64, "in_channels": 4, "block_out_channels": [320, 640, 1280, 1280], "cross_attention_dim": 768})
}

fn vae() -> Value {
    json!({"block_out_channels": [128, 256, 512, 512], "latent_channels": 4,
        "down_block_types": vec!["DownEncoderBlock2D"; 4], "up_block_types": vec!["UpDecoderBlock2D"; 4]})
}

/// `base` with one field replaced.
fn with(mut base: Value, field: &str, value: Value) -> Value {
    base[field] = value;
    base
}

#[test]
fn stable_diffusion_1_5_has_the_card_that_people_know() {
    let card = Card::new("sd15", &folder(unet(), vae())).unwrap();
    let source = ModelSource::Folder("/models/sd15".to_owned());
    let wire = card.to_model_card(source.clone());
    assert_eq!(
        (wire.name.as_str(), wire.family.as_str(), &wire.source),
        ("sd15", "Stable Diffusion 1.x", &source)
    );
    assert_eq!((wire.width, wire.height, wire.vae_factor), (512, 512, 8));
    assert_eq!(
        (wire.sampler, wire.schedule, wire.steps, wire.cfg_scale),
        (Sampler::DpmPp2m, Schedule::Auto, 20, 7.0)
    );
    assert_eq!(
        wire.notice.as_deref(),
        Some("The model's PNDMScheduler is not built yet: using DPM++ 2M.")
    );
    assert_eq!(wire.bytes, 12);
    assert_eq!(
        (card.latents(512, 512), card.prediction),
        (4 * 64 * 64, Prediction::Epsilon)
    );
    assert!(card.check_size(104, 72).is_ok() && card.check_size(100, 72).is_err());
}

#[test]
fn the_built_in_model_has_its_own_sizes() {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../daemon/engine/assets/emoji");
    let card = Card::read("emoji", &Directory::open(assets).unwrap()).unwrap();
    assert_eq!(
        (card.vae_factor, card.latent_channels, card.width, card.height),
        (4, 4, 64, 64)
    );
    assert_eq!((card.sampler, card.notice.as_deref()), (Sampler::Ddim, None));
    assert!(card.bytes > 30_000_000, "{}", card.bytes);
}

#[rstest]
#[case(json!([40, 64]), Some((512, 320)))]
#[case(json!(96), Some((768, 768)))]
#[case(json!(null), Some((512, 512)))]
#[case(json!(2048), None)]
#[case(json!([64, 64, 64]), None)]
fn the_default_size_is_what_the_denoiser_was_trained_at(#[case] sample: Value, #[case] size: Option<(u32, u32)>) {
    let card = Card::new("m", &folder(with(unet(), "sample_size", sample), vae()));
    assert_eq!(card.ok().map(|c| (c.width, c.height)), size);
}

#[test]
fn neighbours_of_the_family_are_told_apart_in_words() {
    let error = |unet| Card::new("m", &folder(unet, vae())).unwrap_err().to_string();
    insta::assert_snapshot!(error(with(unet(), "in_channels", json!(9))), @"sd15 is of a family that Darkroom does not know: unet/config.json has in_channels = 9; in Stable Diffusion 1.x it is 4. It knows Stable Diffusion 1.x.");
    insta::assert_snapshot!(error(with(unet(), "use_linear_projection", json!(true))), @"sd15 is of a family that Darkroom does not know: unet/config.json has use_linear_projection = true; in Stable Diffusion 1.x it is off. It knows Stable Diffusion 1.x.");
    let mut flux = folder(unet(), vae());
    flux.class = "FluxPipeline".to_owned();
    insta::assert_snapshot!(detect_folder(&flux).unwrap_err(), @"sd15 is of a family that Darkroom does not know: its model_index.json names FluxPipeline. It knows Stable Diffusion 1.x.");
    let mut headless = folder(unet(), vae());
    headless.components.remove("text_encoder");
    insta::assert_snapshot!(detect_folder(&headless).unwrap_err(), @"sd15: model_index.json names no 'text_encoder'. This model is incomplete, or of a family that Darkroom does not know.");
    let mut other = folder(unet(), vae());
    other.components.get_mut("vae").unwrap().class = "AutoencoderTiny".to_owned();
    insta::assert_snapshot!(detect_folder(&other).unwrap_err(), @"sd15 is of a family that Darkroom does not know: its vae is of class AutoencoderTiny; in Stable Diffusion 1.x it is AutoencoderKL. It knows Stable Diffusion 1.x.");
}

#[test]
fn configurations_beyond_reason_are_refused() {
    let error = |unet, vae| Card::new("m", &folder(unet, vae)).unwrap_err().to_string();
    insta::assert_snapshot!(error(with(unet(), "layers_per_block", json!(1_000_000_000)), vae()), @"sd15: unet/config.json: layers_per_block is 1000000000; models have 1 to 64. The file is damaged or hostile: download it again.");
    insta::assert_snapshot!(error(unet(), json!({"block_out_channels": vec![1; 33]})), @"sd15: vae/config.json: block_out_channels is not a list of 1 to 8 numbers. Download it again.");
    insta::assert_snapshot!(error(with(unet(), "sample_size", json!(8192)), vae()), @"sd15: unet/config.json: sample_size times the VAE factor of 8 is not a size from 1 to 8192 pixels. Download it again.");
    let mut folder = folder(unet(), vae());
    folder
        .scheduler
        .config
        .insert("num_train_timesteps".to_owned(), json!(1_000_000_000));
    let steps = Card::new("m", &folder).unwrap_err();
    insta::assert_snapshot!(steps, @"sd15: scheduler/scheduler_config.json: num_train_timesteps is 1000000000; models have 1 to 10000. The file is damaged or hostile: download it again.");
}

#[rstest]
#[case("epsilon", Some(Prediction::Epsilon))]
#[case("v_prediction", Some(Prediction::VPrediction))]
#[case("sample", Some(Prediction::Sample))]
#[case("flow", None)]
fn predictions(#[case] name: &str, #[case] prediction: Option<Prediction>) {
    let mut folder = folder(unet(), vae());
    let config = json!({"prediction_type": name}).as_object().unwrap().clone();
    folder.scheduler = Scheduler {
        is_there: true,
        class: "DDIMScheduler".to_owned(),
        config,
    };
    assert_eq!(Card::new("m", &folder).ok().map(|c| c.prediction), prediction);
}

/// A header of these tensors; their bytes do not matter here.
fn header(tensors: &[(&str, [u64; 2])]) -> Header {
    let entry = |shape: &[u64; 2]| Entry {
        dtype: Dtype::F16,
        shape: shape.to_vec(),
        range: 0..0,
    };
    Header {
        tensors: tensors
            .iter()
            .map(|(name, shape)| ((*name).to_owned(), entry(shape)))
            .collect(),
        ..Header::default()
    }
}

const LDM_K: &str = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight";
const LDM_IN: &str = "model.diffusion_model.input_blocks.0.0.weight";
const DIFFUSERS_K: &str = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight";

#[rstest]
#[case::sd15(&[(LDM_IN, [320, 4]), (LDM_K, [320, 768])], Some((Layout::Ldm, "model.diffusion_model.")))]
#[case::bare(&[(&LDM_IN[22..], [320, 4]), (&LDM_K[22..], [320, 768])], Some((Layout::Ldm, "")))]
#[case::diffusers_unet(&[("conv_in.weight", [320, 4]), (DIFFUSERS_K, [320, 768])], Some((Layout::Diffusers, "")))]
#[case::sd2(&[(LDM_IN, [320, 4]), (LDM_K, [320, 1024])], None)]
#[case::inpaint(&[(LDM_IN, [320, 9]), (LDM_K, [320, 768])], None)]
#[case::sdxl(&[(LDM_IN, [320, 4]), ("model.diffusion_model.label_emb.0.0.weight", [1280, 2816])], None)]
#[case::transposed(&[(LDM_IN, [4, 320]), (LDM_K, [768, 320])], None)]
#[case::nothing(&[], None)]
fn single_files_are_recognised(#[case] tensors: &[(&str, [u64; 2])], #[case] found: Option<(Layout, &'static str)>) {
    let expected = found.map(|(layout, prefix)| Detected {
        family: Family::StableDiffusion1,
        layout,
        prefix,
    });
    assert_eq!(detect_file(&header(tensors)), expected);
}

#[test]
fn a_tensor_without_the_axis_is_no_match() {
    let mut header = header(&[(LDM_IN, [320, 4]), (LDM_K, [320, 768])]);
    header.tensors.values_mut().for_each(|entry| entry.shape.clear());
    assert_eq!(detect_file(&header), None);
}

#[test]
fn every_family_finds_its_own_row() {
    for row in FAMILIES {
        assert_eq!(row.family.row().label, row.label);
        assert!(row.components.iter().any(|(name, _)| *name == row.denoiser));
        assert!(check_size(row.side, row.side, row.latents.factor).is_ok());
    }
}
