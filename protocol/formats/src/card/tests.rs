//! Cards of a Stable Diffusion 1.5 folder that each test changes in one place, and the embedded model's: sizes, defaults,
//! predictions, refusals word by word. Bounds, latents, schedulers and sizes alone are tested in their own files, the reading of
//! folders in `folder/tests.rs`.

use std::path::Path;

use darkroom_protocol::{ModelSource, ModelTask, Prediction, Sampler, Schedule};
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::family::{Family, detect_folder};
use crate::folder::{Directory, Folder, Scheduler};

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
        Some("The model was published with PLMS: using DPM++ 2M.")
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

#[rstest]
#[case(4, ModelTask::Generate)]
#[case(9, ModelTask::Inpaint)]
#[case(8, ModelTask::Edit)]
fn a_card_says_what_a_model_was_trained_to_do(#[case] channels: u32, #[case] task: ModelTask) {
    let card = Card::new("m", &folder(with(unet(), "in_channels", json!(channels)), vae())).unwrap();
    assert_eq!(
        (card.task, card.to_model_card(ModelSource::Folder("/m".into())).task),
        (task, task)
    );
}

#[test]
fn neighbours_of_the_family_are_told_apart_in_words() {
    let error = |unet| Card::new("m", &folder(unet, vae())).unwrap_err().to_string();
    insta::assert_snapshot!(error(with(unet(), "in_channels", json!(5))), @"sd15 is of a family that Darkroom does not know: unet/config.json has in_channels = 5; in Stable Diffusion 1.x it is 4. It knows Chroma, FLUX.1, SDXL, SDXL refiner, Stable Diffusion 1.x, Stable Diffusion 2.x, Z-Image.");
    insta::assert_snapshot!(error(with(unet(), "class_embed_type", json!("timestep"))), @"sd15 is of a family that Darkroom does not know: unet/config.json has class_embed_type = \"timestep\"; in Stable Diffusion 1.x it is off. It knows Chroma, FLUX.1, SDXL, SDXL refiner, Stable Diffusion 1.x, Stable Diffusion 2.x, Z-Image.");
    let second = with(unet(), "use_linear_projection", json!(true));
    assert_eq!(
        Card::new("m", &folder(second.clone(), vae())).unwrap().family,
        Family::StableDiffusion2
    );
    insta::assert_snapshot!(error(with(second, "cross_attention_dim", json!(1024))), @"sd15: unet: config cross_attention_dim: is 1024, the text encoder's hidden_size is 768: the parts are not of one model.");
    let mut sana = folder(unet(), vae());
    sana.class = "SanaPipeline".to_owned();
    insta::assert_snapshot!(detect_folder(&sana).unwrap_err(), @"sd15 is a model of Sana (SanaPipeline), a family that is not built yet: Darkroom reads models of Chroma, FLUX.1, SDXL, SDXL refiner, Stable Diffusion 1.x, Stable Diffusion 2.x, Z-Image.");
    let mut nobodys = folder(unet(), vae());
    nobodys.class = "NobodysPipeline".to_owned();
    insta::assert_snapshot!(detect_folder(&nobodys).unwrap_err(), @"sd15 is of a family that Darkroom does not know: its model_index.json names NobodysPipeline. It knows Chroma, FLUX.1, SDXL, SDXL refiner, Stable Diffusion 1.x, Stable Diffusion 2.x, Z-Image.");
    let mut headless = folder(unet(), vae());
    headless.components.remove("text_encoder");
    insta::assert_snapshot!(detect_folder(&headless).unwrap_err(), @"sd15: model_index.json names no 'text_encoder'. This model is incomplete, or of a family that Darkroom does not know.");
    let mut other = folder(unet(), vae());
    other.components.get_mut("vae").unwrap().class = "AutoencoderTiny".to_owned();
    insta::assert_snapshot!(detect_folder(&other).unwrap_err(), @"sd15 is of a family that Darkroom does not know: its vae is of class AutoencoderTiny; in Stable Diffusion 1.x it is AutoencoderKL. It knows Chroma, FLUX.1, SDXL, SDXL refiner, Stable Diffusion 1.x, Stable Diffusion 2.x, Z-Image.");
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
