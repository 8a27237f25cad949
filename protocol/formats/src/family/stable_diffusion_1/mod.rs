//! What is known of every Stable Diffusion 1.x. How one is recognised is in its row of [`super::table`].

use super::{Built, Checkpoint, Family, Part, Setting};

pub(super) const BUILT: Built = Built {
    family: Family::StableDiffusion1,
    components: &[
        ("text_encoder", "CLIPTextModel"),
        ("unet", "UNet2DConditionModel"),
        ("vae", "AutoencoderKL"),
    ],
    without: &[],
    tokenizers: &[("tokenizer", &["CLIPTokenizer", "CLIPTokenizerFast"])],
    denoiser: "unet",
    // `StableDiffusionPipeline.__init__` of diffusers 0.42: early files lack them, or say otherwise by mistake.
    scheduler: &[
        ("steps_offset", Setting::Number(1)),
        ("clip_sample", Setting::Flag(false)),
    ],
    side: 512,
    steps: 20,
    cfg_scale: 7.0,
    checkpoint: CHECKPOINT,
};

/// Configurations of stable-diffusion-v1-5 on the Hugging Face hub, less fields that are their class's defaults. The one
/// liberty is the scheduler: Euler over the timesteps that v1-5's own one takes (spaced `leading`, one above).
const CHECKPOINT: Checkpoint = Checkpoint {
    configs: &[
        ("model_index.json", include_str!("model_index.json")),
        ("scheduler/scheduler_config.json", include_str!("scheduler.json")),
        ("text_encoder/config.json", include_str!("text_encoder.json")),
        ("unet/config.json", include_str!("unet.json")),
        ("vae/config.json", include_str!("vae.json")),
    ],
    parts: &[
        Part {
            component: "text_encoder",
            weights: "text_encoder/model.safetensors",
            prefix: Some("cond_stage_model.transformer."),
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
    architecture: "stable-diffusion-v1",
    text_encoder: "FrozenCLIPEmbedder",
    layer: "last",
    denoiser: &[
        ("out_channels", "4"),
        ("model_channels", "320"),
        ("num_res_blocks", "2"),
        ("channel_mult", "[1,2,4,4]"),
        ("transformer_depth", "1"),
        ("context_dim", "768"),
        ("use_linear_in_transformer", "false"),
    ],
};
