//! What is known of every SDXL. How one is recognised is in its row of [`super::table`].

use super::{Built, Checkpoint, Family, Part};

pub(super) const BUILT: Built = Built {
    family: Family::StableDiffusionXl,
    components: &[
        ("text_encoder", "CLIPTextModel"),
        ("text_encoder_2", "CLIPTextModelWithProjection"),
        ("unet", "UNet2DConditionModel"),
        ("vae", "AutoencoderKL"),
    ],
    without: &[],
    tokenizers: &[
        ("tokenizer", &["CLIPTokenizer", "CLIPTokenizerFast"]),
        ("tokenizer_2", &["CLIPTokenizer", "CLIPTokenizerFast"]),
    ],
    denoiser: "unet",
    scheduler: &[],
    side: 1024,
    steps: 20,
    // The default of diffusers' `StableDiffusionXLPipeline`.
    cfg_scale: 5.0,
    checkpoint: CHECKPOINT,
};

/// Configurations of stable-diffusion-xl-base-1.0 on the Hugging Face hub, less fields that are their class's defaults.
const CHECKPOINT: Checkpoint = Checkpoint {
    configs: &[
        ("model_index.json", include_str!("model_index.json")),
        ("scheduler/scheduler_config.json", include_str!("scheduler.json")),
        ("text_encoder/config.json", include_str!("text_encoder.json")),
        ("text_encoder_2/config.json", include_str!("text_encoder_2.json")),
        ("tokenizer/tokenizer_config.json", include_str!("tokenizer.json")),
        ("tokenizer_2/tokenizer_config.json", include_str!("tokenizer_2.json")),
        ("unet/config.json", include_str!("unet.json")),
        ("vae/config.json", include_str!("vae.json")),
    ],
    parts: &[
        Part {
            component: "text_encoder",
            weights: "text_encoder/model.safetensors",
            prefix: Some("conditioner.embedders.0.transformer."),
        },
        Part {
            component: "text_encoder_2",
            weights: "text_encoder_2/model.safetensors",
            prefix: Some("conditioner.embedders.1.model."),
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
    architecture: "stable-diffusion-xl-v1-base",
    text_encoder: "GeneralConditioner",
    layer: "hidden",
    denoiser: &[
        ("out_channels", "4"),
        ("model_channels", "320"),
        ("context_dim", "2048"),
        ("adm_in_channels", "2816"),
        ("channel_mult", "[1,2,4]"),
        ("num_head_channels", "64"),
        ("use_linear_in_transformer", "true"),
    ],
};
