//! What is known of every Z-Image, Turbo or base. How one is recognised is in its row of [`super::table`]; the two differ by their
//! scheduler's shift alone (`card/defaults.rs`).

use super::{Built, Checkpoint, Family, Part};

pub(super) const BUILT: Built = Built {
    family: Family::ZImage,
    components: &[
        ("text_encoder", "Qwen3Model"),
        ("transformer", "ZImageTransformer2DModel"),
        ("vae", "AutoencoderKL"),
    ],
    without: &[],
    tokenizers: &[("tokenizer", &["Qwen2Tokenizer", "Qwen2TokenizerFast"])],
    denoiser: "transformer",
    scheduler: &[],
    side: 1024,
    steps: 8,
    cfg_scale: 1.0,
    checkpoint: CHECKPOINT,
};

/// Configurations of Z-Image-Turbo on the Hugging Face hub (Tongyi-MAI), less fields that are their class's defaults. A file in one piece
/// does not say which of the two it is; most are Turbo's.
const CHECKPOINT: Checkpoint = Checkpoint {
    configs: &[
        ("model_index.json", include_str!("model_index.json")),
        ("scheduler/scheduler_config.json", include_str!("scheduler.json")),
        ("text_encoder/config.json", include_str!("text_encoder.json")),
        ("transformer/config.json", include_str!("transformer.json")),
        ("vae/config.json", include_str!("vae.json")),
    ],
    parts: &[
        Part {
            component: "text_encoder",
            weights: "text_encoder/model.safetensors",
            prefix: Some("text_encoders.qwen3_4b.transformer."),
        },
        Part {
            component: "transformer",
            weights: "transformer/diffusion_pytorch_model.safetensors",
            prefix: None,
        },
        Part {
            component: "vae",
            weights: "vae/diffusion_pytorch_model.safetensors",
            prefix: Some("vae."),
        },
    ],
    architecture: "z-image",
    text_encoder: "Qwen3Model",
    layer: "penultimate",
    denoiser: &[],
};
