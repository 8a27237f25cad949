//! Rows of families that make videos, with a transformer all of them. Stable Video Diffusion is among the UNets.

use crate::family::Row;
use crate::family::row::{diffusers, has, original};

pub(super) const ROWS: &[Row] = &[
    Row {
        label: "HunyuanVideo 1.5",
        pipelines: &[
            "HunyuanVideo15Pipeline",
            "HunyuanVideo15ImageToVideoPipeline",
            "HunyuanVideo15ModularPipeline",
        ],
        signatures: &[
            original(&[
                has("txt_in.individual_token_refiner.blocks.0.norm1.weight"),
                has("cond_type_embedding.weight"),
            ]),
            diffusers(&[has("cond_type_embed.weight"), has("proj_out.weight")]),
        ],
        ..Row::NOT_BUILT
    },
    Row {
        label: "HunyuanVideo",
        pipelines: &[
            "HunyuanVideoPipeline",
            "HunyuanVideoImageToVideoPipeline",
            "HunyuanVideoFramepackPipeline",
            "HunyuanSkyreelsImageToVideoPipeline",
        ],
        signatures: &[
            original(&[has("txt_in.individual_token_refiner.blocks.0.norm1.weight")]),
            diffusers(&[
                has("context_embedder.token_refiner.refiner_blocks.0.norm1.weight"),
                has("proj_out.weight"),
            ]),
        ],
        ..Row::NOT_BUILT
    },
    Row {
        label: "Mochi",
        pipelines: &["MochiPipeline"],
        signatures: &[
            original(&[has("t5_yproj.weight")]),
            diffusers(&[has("time_embed.pooler.to_q.weight"), has("proj_out.weight")]),
        ],
        ..Row::NOT_BUILT
    },
    Row {
        label: "Allegro",
        pipelines: &["AllegroPipeline"],
        signatures: &[diffusers(&[
            has("adaln_single.emb.timestep_embedder.linear_1.bias"),
            has("pos_embed.proj.weight"),
        ])],
        ..Row::NOT_BUILT
    },
    Row {
        label: "LTX-2",
        pipelines: &[
            "LTX2Pipeline",
            "LTX2ConditionPipeline",
            "LTX2ImageToVideoPipeline",
            "LTX2ModularPipeline",
        ],
        signatures: &[
            original(&[
                has("adaln_single.emb.timestep_embedder.linear_1.bias"),
                has("audio_adaln_single.linear.weight"),
            ]),
            diffusers(&[has("audio_scale_shift_table"), has("proj_out.weight")]),
        ],
        ..Row::NOT_BUILT
    },
    Row {
        label: "LTX-Video",
        pipelines: &[
            "LTXPipeline",
            "LTXConditionPipeline",
            "LTXImageToVideoPipeline",
            "LTXModularPipeline",
        ],
        signatures: &[
            original(&[has("adaln_single.emb.timestep_embedder.linear_1.bias")]),
            diffusers(&[
                has("proj_in.weight"),
                has("time_embed.emb.timestep_embedder.linear_1.weight"),
                has("transformer_blocks.0.attn1.norm_q.weight"),
            ]),
        ],
        ..Row::NOT_BUILT
    },
    Row {
        label: "CogVideoX",
        pipelines: &[
            "CogVideoXPipeline",
            "CogVideoXImageToVideoPipeline",
            "CogVideoXVideoToVideoPipeline",
            "CogVideoXFunControlPipeline",
        ],
        signatures: &[
            original(&[has("blocks.0.norm1.linear.weight")]),
            diffusers(&[
                has("norm_final.weight"),
                has("transformer_blocks.0.norm1.linear.weight"),
            ]),
        ],
        ..Row::NOT_BUILT
    },
    Row {
        label: "SkyReels-V2",
        pipelines: &[
            "SkyReelsV2Pipeline",
            "SkyReelsV2DiffusionForcingPipeline",
            "SkyReelsV2ImageToVideoPipeline",
        ],
        ..Row::NOT_BUILT
    },
    Row {
        label: "Wan",
        pipelines: &[
            "WanPipeline",
            "WanImageToVideoPipeline",
            "WanVideoToVideoPipeline",
            "WanVACEPipeline",
            "WanAnimatePipeline",
            "WanModularPipeline",
            "Wan22ModularPipeline",
        ],
        // Those of SkyReels-V2 and ChronoEdit have the same tensors.
        signatures: &[
            original(&[has("head.modulation")]),
            diffusers(&[
                has("condition_embedder.time_embedder.linear_1.weight"),
                has("patch_embedding.weight"),
            ]),
        ],
        ..Row::NOT_BUILT
    },
    Row {
        label: "MiniMax-H3",
        pipelines: &["MiniMaxH3ModularPipeline"],
        signatures: &[
            original(&[has("video_patch_proj.weight"), has("audio_patch_proj.weight")]),
            diffusers(&[
                has("token_refiner.refiner_blocks.0.norm1.weight"),
                has("token_refiner.final_norm.weight"),
            ]),
        ],
        ..Row::NOT_BUILT
    },
];
