//! What is known of every FLUX.1. How one is recognised is in its row of [`super::table`]; what its variants differ in, such as whether
//! they are told a guidance, a folder says itself, and of a single file its tensors (`parts/transformers.rs`).

use super::{Built, Checkpoint, Family, Part};

pub(super) const BUILT: Built = Built {
    family: Family::Flux1,
    components: &[
        ("text_encoder", "CLIPTextModel"),
        ("text_encoder_2", "T5EncoderModel"),
        ("transformer", "FluxTransformer2DModel"),
        ("vae", "AutoencoderKL"),
    ],
    without: &[],
    tokenizers: &[
        ("tokenizer", &["CLIPTokenizer", "CLIPTokenizerFast"]),
        ("tokenizer_2", &["T5TokenizerFast", "T5Tokenizer"]),
    ],
    denoiser: "transformer",
    scheduler: &[],
    side: 1024,
    // The default of diffusers' `FluxPipeline`; schnell has its own (`card/defaults.rs`).
    steps: 28,
    // What the models are told of guidance is another number; this one is for a negative prompt.
    cfg_scale: 1.0,
    checkpoint: CHECKPOINT,
};

/// Configurations of black-forest-labs/FLUX.1-dev, less fields that are their class's defaults.
const CHECKPOINT: Checkpoint = Checkpoint {
    configs: &[
        ("model_index.json", include_str!("model_index.json")),
        ("scheduler/scheduler_config.json", include_str!("scheduler.json")),
        ("text_encoder/config.json", include_str!("text_encoder.json")),
        ("text_encoder_2/config.json", T5),
        ("transformer/config.json", include_str!("transformer.json")),
        ("vae/config.json", VAE),
    ],
    parts: &[
        Part {
            component: "text_encoder",
            weights: "text_encoder/model.safetensors",
            prefix: Some("text_encoders.clip_l.transformer."),
        },
        Part {
            component: "text_encoder_2",
            weights: "text_encoder_2/model.safetensors",
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
    architecture: "flux-1",
    text_encoder: "",
    layer: "",
    denoiser: &[],
};

/// google/t5-v1_1-xxl.
pub(super) const T5: &str = include_str!("t5.json");
/// The autoencoder of FLUX.1, which Chroma has too.
pub(super) const VAE: &str = include_str!("vae.json");
