use super::latents::SD1;
use super::{Latents, Layout};

/// A kind of model that shares one architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Stable Diffusion 1.1 to 1.5 and what was trained from them.
    StableDiffusion1,
}

/// A value in a component's config.json that tells a family from its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The field is this number; a missing field counts as the number.
    Number {
        /// The component.
        component: &'static str,
        /// The field.
        field: &'static str,
        /// The only value.
        value: u64,
    },
    /// The field is missing or off, as Python tests for truth.
    Off {
        /// The component.
        component: &'static str,
        /// The field.
        field: &'static str,
    },
}

/// A tensor whose size along one axis tells a family from its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyShape {
    /// The tensor, without the prefix.
    pub key: &'static str,
    /// The axis, outermost 0.
    pub axis: usize,
    /// The size.
    pub size: u64,
}

/// How a family's denoiser looks in a single file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Whose names the tensors have.
    pub layout: Layout,
    /// What may stand before the keys; tried in order.
    pub prefixes: &'static [&'static str],
    /// Tensors that are there, each of its size.
    pub present: &'static [KeyShape],
    /// Tensors that are not.
    pub absent: &'static [&'static str],
}

/// A family as data: how it is recognised and what is known of every model in it.
#[derive(Clone, Copy, Debug)]
pub struct FamilyRow {
    /// Which.
    pub family: Family,
    /// What people call it.
    pub label: &'static str,
    /// The pipelines that a model_index.json of this family names.
    pub pipelines: &'static [&'static str],
    /// The components that it must have, with their class.
    pub components: &'static [(&'static str, &'static str)],
    /// The classes of its tokenizers, where the folder names them.
    pub tokenizers: &'static [(&'static str, &'static [&'static str])],
    /// What their configuration must say.
    pub facts: &'static [Fact],
    /// The same in single files, one a layout.
    pub signatures: &'static [Signature],
    /// The component that predicts the noise.
    pub denoiser: &'static str,
    /// What the latents are, where its files do not say so themselves (single-file checkpoints).
    pub latents: Latents,
    /// Default width and height in pixels where the configuration names none.
    pub side: u32,
    /// Default steps.
    pub steps: u32,
    /// Default guidance.
    pub cfg_scale: f64,
    /// Working memory of a denoise step: this many times 10 KiB for each latent cell, picture, and byte of the number format.
    /// For planning only. The unit is ComfyUI's (comfy/model_base.py `memory_required`), where Stable Diffusion 1.x is 1.
    pub memory_factor: f64,
}

/// Every family that is known, in the order in which they are tried.
pub const FAMILIES: &[FamilyRow] = &[FamilyRow {
    family: Family::StableDiffusion1,
    label: "Stable Diffusion 1.x",
    pipelines: &["StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline"],
    components: &[
        ("text_encoder", "CLIPTextModel"),
        ("unet", "UNet2DConditionModel"),
        ("vae", "AutoencoderKL"),
    ],
    tokenizers: &[("tokenizer", &["CLIPTokenizer", "CLIPTokenizerFast"])],
    facts: &[
        Fact::Number {
            component: "unet",
            field: "in_channels",
            value: 4,
        },
        Fact::Off {
            component: "unet",
            field: "use_linear_projection",
        },
        Fact::Off {
            component: "unet",
            field: "addition_embed_type",
        },
        Fact::Off {
            component: "unet",
            field: "class_embed_type",
        },
    ],
    signatures: &[
        Signature {
            layout: Layout::Ldm,
            prefixes: &["model.diffusion_model.", "model.model.", "net.", ""],
            present: &[
                KeyShape {
                    key: "input_blocks.0.0.weight",
                    axis: 0,
                    size: 320,
                },
                KeyShape {
                    key: "input_blocks.0.0.weight",
                    axis: 1,
                    size: 4,
                },
                KeyShape {
                    key: "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight",
                    axis: 1,
                    size: 768,
                },
            ],
            absent: &["label_emb.0.0.weight"],
        },
        Signature {
            layout: Layout::Diffusers,
            prefixes: &["", "unet."],
            present: &[
                KeyShape {
                    key: "conv_in.weight",
                    axis: 0,
                    size: 320,
                },
                KeyShape {
                    key: "conv_in.weight",
                    axis: 1,
                    size: 4,
                },
                KeyShape {
                    key: "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight",
                    axis: 1,
                    size: 768,
                },
            ],
            absent: &["add_embedding.linear_1.weight", "class_embedding.linear_1.weight"],
        },
    ],
    denoiser: "unet",
    latents: SD1,
    side: 512,
    steps: 20,
    cfg_scale: 7.0,
    memory_factor: 1.0,
}];

impl Family {
    /// Its row.
    pub fn row(self) -> &'static FamilyRow {
        match self {
            Self::StableDiffusion1 => &FAMILIES[0],
        }
    }
}
