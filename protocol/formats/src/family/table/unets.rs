//! Rows of families whose denoiser is a UNet.

use crate::family::row::{diffusers, fact, has, original, sized};
use crate::family::{
    Is, Mark, Row, stable_diffusion_1, stable_diffusion_2, stable_diffusion_xl, stable_diffusion_xl_refiner,
};

// UNets' first convolution and cross-attention, their embedding of anything but prompt and time, and what a ControlNet has for
// its picture; in both layouts.
const CONV: &str = "input_blocks.0.0.weight";
const CROSS: &str = "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight";
const LABEL: &str = "label_emb.0.0.weight";
const HINT: &str = "input_hint_block.0.weight";
const D_CONV: &str = "conv_in.weight";
const D_CROSS: &str = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight";
const D_LABEL: &str = "add_embedding.linear_1.weight";
const D_CLASS: &str = "class_embedding.linear_1.weight";
const D_HINT: &str = "controlnet_cond_embedding.conv_in.weight";
/// The end of a UNet.
const D_OUT: Mark = has("conv_out.weight");

const UNET: &str = "unet";

pub(in crate::family) const STABLE_DIFFUSION_1: Row = Row {
    label: "Stable Diffusion 1.x",
    pipelines: &["StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline"],
    facts: &[
        fact(UNET, "in_channels", Is::NumberOrMissing(4)),
        fact(UNET, "use_linear_projection", Is::Off),
        fact(UNET, "addition_embed_type", Is::Off),
        fact(UNET, "class_embed_type", Is::Off),
    ],
    signatures: &[
        original(&[sized(CONV, &[(0, 320), (1, 4)]), sized(CROSS, &[(1, 768)])]).without(&[LABEL, HINT]),
        diffusers(&[sized(D_CONV, &[(0, 320), (1, 4)]), sized(D_CROSS, &[(1, 768)])])
            .without(&[D_LABEL, D_CLASS, D_HINT]),
    ],
    built: Some(&stable_diffusion_1::BUILT),
};

pub(in crate::family) const STABLE_DIFFUSION_2: Row = Row {
    label: "Stable Diffusion 2.x",
    pipelines: &["StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline"],
    facts: &[
        fact(UNET, "in_channels", Is::NumberOrMissing(4)),
        fact(UNET, "use_linear_projection", Is::On),
        fact(UNET, "addition_embed_type", Is::Off),
        fact(UNET, "class_embed_type", Is::Off),
    ],
    signatures: &[
        original(&[sized(CROSS, &[(1, 1024)])]).without(&[HINT]),
        diffusers(&[sized(D_CROSS, &[(1, 1024)]), D_OUT]),
    ],
    built: Some(&stable_diffusion_2::BUILT),
};

pub(in crate::family) const STABLE_DIFFUSION_XL: Row = Row {
    label: "SDXL",
    pipelines: &[
        "StableDiffusionXLPipeline",
        "StableDiffusionXLImg2ImgPipeline",
        "StableDiffusionXLInpaintPipeline",
        "StableDiffusionXLModularPipeline",
    ],
    facts: &[
        fact(UNET, "in_channels", Is::NumberOrMissing(4)),
        fact(UNET, "addition_embed_type", Is::On),
    ],
    signatures: &[
        original(&[sized(LABEL, &[(1, 2816)])]).without(&[HINT]),
        diffusers(&[sized(D_LABEL, &[(1, 2816)]), D_OUT]),
    ],
    built: Some(&stable_diffusion_xl::BUILT),
};

pub(in crate::family) const STABLE_DIFFUSION_XL_REFINER: Row = Row {
    label: "SDXL refiner",
    pipelines: &["StableDiffusionXLImg2ImgPipeline"],
    facts: &[
        fact(UNET, "in_channels", Is::NumberOrMissing(4)),
        fact(UNET, "addition_embed_type", Is::On),
    ],
    signatures: &[
        original(&[sized(LABEL, &[(1, 2560)])]),
        diffusers(&[sized(D_LABEL, &[(1, 2560)]), D_OUT]),
    ],
    built: Some(&stable_diffusion_xl_refiner::BUILT),
};

pub(super) const ROWS: &[Row] = &[
    STABLE_DIFFUSION_1,
    Row {
        label: "Stable Video Diffusion",
        pipelines: &["StableVideoDiffusionPipeline"],
        signatures: &[
            original(&[has("input_blocks.1.0.time_stack.in_layers.0.weight")]),
            diffusers(&[has("down_blocks.0.resnets.0.spatial_res_block.conv1.weight"), D_OUT]),
        ],
        ..Row::NOT_BUILT
    },
    STABLE_DIFFUSION_XL_REFINER,
    Row {
        label: "SDXL inpainting",
        pipelines: &["StableDiffusionXLInpaintPipeline", "StableDiffusionXLPipeline"],
        facts: &[
            fact(UNET, "in_channels", Is::Number(9)),
            fact(UNET, "addition_embed_type", Is::On),
        ],
        signatures: &[
            original(&[sized(LABEL, &[(1, 2816)]), sized(CONV, &[(1, 9)])]),
            diffusers(&[sized(D_LABEL, &[(1, 2816)]), sized(D_CONV, &[(1, 9)]), D_OUT]),
        ],
        built: Some(&stable_diffusion_xl::BUILT),
    },
    Row {
        label: "SDXL InstructPix2Pix",
        pipelines: &["StableDiffusionXLInstructPix2PixPipeline", "StableDiffusionXLPipeline"],
        facts: &[
            fact(UNET, "in_channels", Is::Number(8)),
            fact(UNET, "addition_embed_type", Is::On),
        ],
        signatures: &[
            original(&[sized(LABEL, &[(1, 2816)]), sized(CONV, &[(1, 8)])]),
            diffusers(&[sized(D_LABEL, &[(1, 2816)]), sized(D_CONV, &[(1, 8)]), D_OUT]),
        ],
        built: Some(&stable_diffusion_xl::BUILT),
    },
    STABLE_DIFFUSION_XL,
    Row {
        label: "Kolors",
        pipelines: &["KolorsPipeline", "KolorsImg2ImgPipeline", "KolorsPAGPipeline"],
        signatures: &[
            original(&[sized(LABEL, &[(1, 5632)])]),
            diffusers(&[sized(D_LABEL, &[(1, 5632)]), D_OUT]),
        ],
        ..Row::NOT_BUILT
    },
    Row {
        label: "Stable Diffusion 2.x unCLIP",
        pipelines: &["StableUnCLIPPipeline", "StableUnCLIPImg2ImgPipeline"],
        signatures: &[
            original(&[has(LABEL)]).without(&[HINT]),
            diffusers(&[has(D_CLASS), D_OUT]),
        ],
        ..Row::NOT_BUILT
    },
    Row {
        label: "Stable Diffusion x4 upscaler",
        pipelines: &["StableDiffusionUpscalePipeline"],
        signatures: &[
            original(&[sized(CONV, &[(1, 7)])]),
            diffusers(&[sized(D_CONV, &[(1, 7)]), has("class_embedding.weight"), D_OUT]),
        ],
        ..Row::NOT_BUILT
    },
    Row {
        label: "Stable Diffusion 2.x inpainting",
        pipelines: &["StableDiffusionInpaintPipeline"],
        facts: &[
            fact(UNET, "in_channels", Is::Number(9)),
            fact(UNET, "cross_attention_dim", Is::Number(1024)),
        ],
        signatures: &[
            original(&[sized(CONV, &[(1, 9)]), sized(CROSS, &[(1, 1024)])]),
            diffusers(&[sized(D_CONV, &[(1, 9)]), sized(D_CROSS, &[(1, 1024)]), D_OUT]),
        ],
        ..Row::NOT_BUILT
    },
    Row {
        label: "Stable Diffusion 1.x inpainting",
        pipelines: &["StableDiffusionInpaintPipeline", "StableDiffusionPipeline"],
        facts: &[
            fact(UNET, "in_channels", Is::Number(9)),
            fact(UNET, "use_linear_projection", Is::Off),
            fact(UNET, "addition_embed_type", Is::Off),
        ],
        signatures: &[
            original(&[sized(CONV, &[(1, 9)]), sized(CROSS, &[(1, 768)])]),
            diffusers(&[sized(D_CONV, &[(1, 9)]), sized(D_CROSS, &[(1, 768)]), D_OUT]),
        ],
        built: Some(&stable_diffusion_1::BUILT),
    },
    Row {
        label: "InstructPix2Pix",
        pipelines: &["StableDiffusionInstructPix2PixPipeline", "StableDiffusionPipeline"],
        facts: &[
            fact(UNET, "in_channels", Is::Number(8)),
            fact(UNET, "use_linear_projection", Is::Off),
            fact(UNET, "addition_embed_type", Is::Off),
        ],
        signatures: &[
            original(&[sized(CONV, &[(1, 8)]), sized(CROSS, &[(1, 768)])]),
            diffusers(&[sized(D_CONV, &[(1, 8)]), sized(D_CROSS, &[(1, 768)]), D_OUT]),
        ],
        built: Some(&stable_diffusion_1::BUILT),
    },
    Row {
        label: "Stable Diffusion 2.x depth",
        pipelines: &["StableDiffusionDepth2ImgPipeline"],
        signatures: &[
            original(&[sized(CONV, &[(1, 5)])]),
            diffusers(&[sized(D_CONV, &[(1, 5)]), sized(D_CROSS, &[(1, 1024)]), D_OUT]),
        ],
        ..Row::NOT_BUILT
    },
    STABLE_DIFFUSION_2,
    Row {
        label: "Stable Cascade",
        pipelines: &[
            "StableCascadeCombinedPipeline",
            "StableCascadeDecoderPipeline",
            "StableCascadePriorPipeline",
        ],
        signatures: &[
            original(&[has("clip_txt_mapper.weight")]),
            original(&[has("clf.1.weight"), has("clip_mapper.weight")]),
            diffusers(&[has("clf.1.weight"), has("clip_txt_pooled_mapper.weight")]),
        ],
        ..Row::NOT_BUILT
    },
    Row {
        label: "Kandinsky 3",
        pipelines: &["Kandinsky3Pipeline", "Kandinsky3Img2ImgPipeline"],
        signatures: &[diffusers(&[has("add_time_condition.attention.to_q.weight"), D_OUT])],
        ..Row::NOT_BUILT
    },
    Row {
        label: "Kandinsky 2.x",
        pipelines: &[
            "KandinskyPipeline",
            "KandinskyCombinedPipeline",
            "KandinskyPriorPipeline",
            "KandinskyV22Pipeline",
            "KandinskyV22CombinedPipeline",
            "KandinskyV22PriorPipeline",
        ],
        ..Row::NOT_BUILT
    },
    Row {
        label: "DeepFloyd IF",
        pipelines: &["IFPipeline", "IFImg2ImgPipeline", "IFSuperResolutionPipeline"],
        ..Row::NOT_BUILT
    },
    Row {
        label: "AnimateDiff",
        pipelines: &["AnimateDiffPipeline", "AnimateDiffSDXLPipeline"],
        ..Row::NOT_BUILT
    },
];
