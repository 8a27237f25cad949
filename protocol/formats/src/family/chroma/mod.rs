//! What is known of every Chroma, which was made from FLUX.1 schnell: it reads T5 alone and is guided by a negative prompt. How one is
//! recognised is in its row of [`super::table`].

use super::flux_1::{T5, VAE};
use super::{Built, Checkpoint, Family, Part};

pub(super) const BUILT: Built = Built {
    family: Family::Chroma,
    components: &[
        ("text_encoder", "T5EncoderModel"),
        ("transformer", "ChromaTransformer2DModel"),
        ("vae", "AutoencoderKL"),
    ],
    without: &["text_encoder_2"],
    tokenizers: &[("tokenizer", &["T5TokenizerFast", "T5Tokenizer"])],
    denoiser: "transformer",
    scheduler: &[],
    side: 1024,
    // The defaults of diffusers' `ChromaPipeline`.
    steps: 35,
    cfg_scale: 5.0,
    checkpoint: CHECKPOINT,
};

/// Configurations of lodestones/Chroma1-HD in diffusers' layout, less fields that are their class's defaults.
const CHECKPOINT: Checkpoint = Checkpoint {
    configs: &[
        ("model_index.json", include_str!("model_index.json")),
        ("scheduler/scheduler_config.json", include_str!("scheduler.json")),
        ("text_encoder/config.json", T5),
        ("transformer/config.json", include_str!("transformer.json")),
        ("vae/config.json", VAE),
    ],
    parts: &[
        Part {
            component: "text_encoder",
            weights: "text_encoder/model.safetensors",
            prefix: Some("text_encoders.t5xxl.transformer."),
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
    architecture: "chroma",
    text_encoder: "",
    layer: "",
    denoiser: &[],
};
