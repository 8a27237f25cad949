//! What is known of every SDXL refiner: a model that changes pictures, and finishes those of an SDXL. How one is recognised is in
//! its row of [`super::table`].

use super::{Built, Checkpoint, Family, Part};

pub(super) const BUILT: Built = Built {
    family: Family::StableDiffusionXlRefiner,
    components: &[
        ("text_encoder_2", "CLIPTextModelWithProjection"),
        ("unet", "UNet2DConditionModel"),
        ("vae", "AutoencoderKL"),
    ],
    without: &["text_encoder"],
    tokenizers: &[("tokenizer_2", &["CLIPTokenizer", "CLIPTokenizerFast"])],
    denoiser: "unet",
    scheduler: &[],
    side: 1024,
    steps: 20,
    // The default of diffusers' `StableDiffusionXLImg2ImgPipeline`.
    cfg_scale: 5.0,
    checkpoint: CHECKPOINT,
};

/// Configurations of stable-diffusion-xl-refiner-1.0 on the Hugging Face hub, less fields that are their class's defaults. What it
/// shares with the base model is there.
const CHECKPOINT: Checkpoint = Checkpoint {
    configs: &[
        ("model_index.json", include_str!("model_index.json")),
        (
            "scheduler/scheduler_config.json",
            include_str!("../stable_diffusion_xl/scheduler.json"),
        ),
        (
            "text_encoder_2/config.json",
            include_str!("../stable_diffusion_xl/text_encoder_2.json"),
        ),
        (
            "tokenizer_2/tokenizer_config.json",
            include_str!("../stable_diffusion_xl/tokenizer_2.json"),
        ),
        ("unet/config.json", include_str!("unet.json")),
        ("vae/config.json", include_str!("../stable_diffusion_xl/vae.json")),
    ],
    parts: &[
        Part {
            component: "text_encoder_2",
            weights: "text_encoder_2/model.safetensors",
            prefix: Some("conditioner.embedders.0.model."),
        },
        Part {
            component: "unet",
            weights: "unet/diffusion_pytorch_model.safetensors",
            prefix: None,
        },
        Part {
            component: "vae",
            weights: "vae/diffusion_pytorch_model.safetensors",
            prefix: Some("first_stage_model."),
        },
    ],
    architecture: "stable-diffusion-xl-v1-refiner",
    text_encoder: "GeneralConditioner",
    layer: "hidden",
    denoiser: &[
        ("in_channels", "4"),
        ("out_channels", "4"),
        ("model_channels", "384"),
        ("num_res_blocks", "2"),
        ("context_dim", "[1280,1280,1280,1280]"),
        ("adm_in_channels", "2560"),
        ("channel_mult", "[1,2,4,4]"),
        ("transformer_depth", "4"),
        ("num_head_channels", "64"),
        ("use_linear_in_transformer", "true"),
    ],
};
