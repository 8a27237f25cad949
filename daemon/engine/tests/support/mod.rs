//! What several tests share.

use std::path::{Path, PathBuf};

use darkroom_engine::Result;
use darkroom_engine::families::stable_diffusion::{AutoencoderKl, UNet2DConditionModel, UNetConfig, VaeConfig};
use darkroom_engine::text::clip::{ClipTextConfig, ClipTextModel};
use darkroom_engine::weights::Weights;
use tch::Tensor;

/// The tiny model's configurations and expected pictures.
pub fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pipeline")
}

/// The fixture's folder with weights filled by name, as a published folder has them.
pub fn model_folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in [
        "model_index.json",
        "scheduler/scheduler_config.json",
        "unet/config.json",
        "vae/config.json",
        "text_encoder/config.json",
    ] {
        let to = dir.path().join(name);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(fixture().join(name), to).unwrap();
    }
    let config = |name: &str| std::fs::read(fixture().join(name).join("config.json")).unwrap();
    let asked = |component: &str, build: &dyn Fn(&Weights) -> Result<()>| {
        let weights = Weights::recorder(component);
        build(&weights).unwrap();
        let tensors: Vec<_> = weights
            .asked()
            .iter()
            .map(|(key, shape)| (key.clone(), Weights::random(component).get(key, shape).unwrap()))
            .collect();
        tensors
    };
    let unet = asked("unet", &|w| {
        UNet2DConditionModel::new(w, &UNetConfig::from_json(&config("unet"))?).map(drop)
    });
    let vae = asked("vae", &|w| {
        AutoencoderKl::new(w, &VaeConfig::from_json(&config("vae"))?).map(drop)
    });
    let text = asked("text_encoder", &|w| {
        ClipTextModel::new(w, &ClipTextConfig::from_json(&config("text_encoder"))?).map(drop)
    });
    Tensor::write_safetensors(&unet, dir.path().join("unet/diffusion_pytorch_model.safetensors")).unwrap();
    Tensor::write_safetensors(&vae, dir.path().join("vae/diffusion_pytorch_model.safetensors")).unwrap();
    Tensor::write_safetensors(&text, dir.path().join("text_encoder/model.safetensors")).unwrap();
    dir
}

/// Makes the model in `folder` one whose denoiser reads so many channels, filled by name.
#[allow(dead_code, reason = "not every test file has such a model")]
pub fn with_inputs(folder: &Path, channels: i64) {
    with_field(folder, "in_channels", channels);
}

/// Makes the model in `folder` one whose denoiser has that number in its configuration, filled by name.
#[allow(dead_code, reason = "not every test file has such a model")]
pub fn with_field(folder: &Path, field: &str, number: i64) {
    let path = folder.join("unet/config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    config[field] = number.into();
    std::fs::write(&path, config.to_string()).unwrap();
    let config = UNetConfig::from_json(config.to_string().as_bytes()).unwrap();
    let weights = Weights::recorder("unet");
    UNet2DConditionModel::new(&weights, &config).unwrap();
    let random = Weights::random("unet");
    let asked = weights.asked();
    let tensors: Vec<_> = asked
        .iter()
        .map(|(key, shape)| (key.clone(), random.get(key, shape).unwrap()))
        .collect();
    Tensor::write_safetensors(&tensors, folder.join("unet/diffusion_pytorch_model.safetensors")).unwrap();
}
