//! What is known of every Stable Diffusion 2.x. How one is recognised is in its row of [`super::table`].

use super::{Built, Checkpoint, Family, Part, Setting};

pub(super) const BUILT: Built = Built {
    family: Family::StableDiffusion2,
    components: &[
        ("text_encoder", "CLIPTextModel"),
        ("unet", "UNet2DConditionModel"),
        ("vae", "AutoencoderKL"),
    ],
    without: &[],
    tokenizers: &[("tokenizer", &["CLIPTokenizer", "CLIPTokenizerFast"])],
    denoiser: "unet",
    // `StableDiffusionPipeline.__init__` of diffusers 0.42, which is this family's too.
    scheduler: &[
        ("steps_offset", Setting::Number(1)),
        ("clip_sample", Setting::Flag(false)),
    ],
    side: 768,
    steps: 20,
    cfg_scale: 7.0,
    checkpoint: CHECKPOINT,
};

/// Configurations of stable-diffusion-2-1 on the Hugging Face hub, less fields that are their class's defaults, with Euler as the
/// scheduler. Models of 512 pixels differ in what the file says or shows: see `single/facts.rs`.
const CHECKPOINT: Checkpoint = Checkpoint {
    configs: &[
        ("model_index.json", include_str!("model_index.json")),
        ("scheduler/scheduler_config.json", include_str!("scheduler.json")),
        ("text_encoder/config.json", include_str!("text_encoder.json")),
        ("tokenizer/tokenizer_config.json", include_str!("tokenizer.json")),
        ("unet/config.json", include_str!("unet.json")),
        ("vae/config.json", include_str!("vae.json")),
    ],
    parts: &[
        Part {
            component: "text_encoder",
            weights: "text_encoder/model.safetensors",
            prefix: Some("cond_stage_model.model."),
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
    architecture: "stable-diffusion-v2",
    text_encoder: "FrozenOpenCLIPEmbedder",
    layer: "penultimate",
    denoiser: &[
        ("in_channels", "4"),
        ("out_channels", "4"),
        ("model_channels", "320"),
        ("num_res_blocks", "2"),
        ("channel_mult", "[1,2,4,4]"),
        ("transformer_depth", "1"),
        ("context_dim", "1024"),
        ("num_head_channels", "64"),
        ("use_linear_in_transformer", "true"),
    ],
};
