//! Rows of families that make pictures with a transformer: those with a stream for the prompt beside the picture's, then the others.
//! A row without an original layout is of a family whose files in one piece have diffusers' names too, or that has none.

use crate::family::row::{diffusers, has, original, sized};
use crate::family::{Row, chroma, flux_1, z_image};

pub(in crate::family) const Z_IMAGE: Row = Row {
    label: "Z-Image",
    pipelines: &[
        "ZImagePipeline",
        "ZImageImg2ImgPipeline",
        "ZImageInpaintPipeline",
        "ZImageModularPipeline",
    ],
    facts: &[],
    signatures: &[
        diffusers(&[
            has("layers.0.adaLN_modulation.0.weight"),
            has("all_x_embedder.2-1.weight"),
        ]),
        original(&[has("layers.0.adaLN_modulation.0.weight")]),
        original(&[sized("cap_embedder.1.weight", &[(0, 3840)])]),
    ],
    built: Some(&z_image::BUILT),
};

/// Chroma.
pub(in crate::family) const CHROMA: Row = Row {
    label: "Chroma",
    pipelines: &["ChromaPipeline", "ChromaImg2ImgPipeline", "ChromaInpaintPipeline"],
    signatures: &[
        original(&[has("distilled_guidance_layer.norms.0.scale")]),
        original(&[has("distilled_guidance_layer.0.norms.0.scale")]),
        diffusers(&[has("distilled_guidance_layer.norms.0.weight"), has("proj_out.weight")]),
    ],
    built: Some(&chroma::BUILT),
    ..Row::NOT_BUILT
};

/// FLUX.1.
pub(in crate::family) const FLUX_1: Row = Row {
    label: "FLUX.1",
    pipelines: &[
        "FluxPipeline",
        "FluxImg2ImgPipeline",
        "FluxInpaintPipeline",
        "FluxFillPipeline",
        "FluxKontextPipeline",
        "FluxKontextInpaintPipeline",
        "FluxControlPipeline",
        "FluxControlImg2ImgPipeline",
        "FluxControlInpaintPipeline",
        "FluxModularPipeline",
        "FluxKontextModularPipeline",
    ],
    signatures: &[
        // The control LoRAs of its makers bring whole norms.
        original(&[has("double_blocks.0.img_attn.norm.key_norm.scale")]).without(&["img_in.lora_A.weight"]),
        original(&[has("double_blocks.0.img_attn.norm.key_norm.weight")]).without(&["img_in.lora_A.weight"]),
        diffusers(&[
            has("single_transformer_blocks.0.attn.norm_q.weight"),
            has("time_text_embed.text_embedder.linear_1.weight"),
            has("context_embedder.weight"),
            has("proj_out.weight"),
        ]),
    ],
    built: Some(&flux_1::BUILT),
    ..Row::NOT_BUILT
};

pub(super) const ROWS: &[Row] = &[
    // Two streams.
    Row {
        label: "Stable Diffusion 3",
        pipelines: &[
            "StableDiffusion3Pipeline",
            "StableDiffusion3Img2ImgPipeline",
            "StableDiffusion3InpaintPipeline",
            "StableDiffusion3ModularPipeline",
        ],
        signatures: &[
            original(&[has("joint_blocks.0.context_block.attn.qkv.weight")]),
            diffusers(&[
                has("pos_embed.pos_embed"),
                has("transformer_blocks.0.attn.add_q_proj.weight"),
                has("time_text_embed.text_embedder.linear_1.weight"),
                has("norm_out.linear.weight"),
            ]),
        ],
        ..Row::NOT_BUILT
    },
    Row {
        label: "FLUX.3",
        pipelines: &["Flux3ModularPipeline", "Flux3DistilledModularPipeline"],
        signatures: &[
            original(&[has("early_stream_modulations.image.lin.weight")]),
            diffusers(&[
                has("x_embedders.image.weight"),
                has("txt_mode_blocks.0.attn.to_q.weight"),
            ]),
        ],
        ..Row::NOT_BUILT
    },
    Row {
        label: "FLUX.2",
        pipelines: &[
            "Flux2Pipeline",
            "Flux2KleinPipeline",
            "Flux2KleinInpaintPipeline",
            "Flux2KleinKVPipeline",
            "Flux2ModularPipeline",
            "Flux2KleinModularPipeline",
            "Flux2KleinBaseModularPipeline",
        ],
        signatures: &[
            original(&[has("double_stream_modulation_img.lin.weight")]),
            diffusers(&[has("double_stream_modulation_img.linear.weight")]),
        ],
        ..Row::NOT_BUILT
    },
    Row {
        label: "Chroma Radiance",
        signatures: &[
            original(&[
                has("distilled_guidance_layer.norms.0.scale"),
                has("nerf_blocks.0.norm.scale"),
            ]),
            original(&[
                has("distilled_guidance_layer.0.norms.0.scale"),
                has("nerf_blocks.0.norm.scale"),
            ]),
        ],
        ..Row::NOT_BUILT
    },
    CHROMA,
    Row {
        label: "Ovis-Image",
        pipelines: &["OvisImagePipeline"],
        signatures: &[
            original(&[has("double_blocks.0.img_mlp.gate_proj.weight")]),
            diffusers(&[has("context_embedder_norm.weight"), has("proj_out.weight")]),
        ],
        ..Row::NOT_BUILT
    },
    Row {
        label: "LongCat-Image",
        pipelines: &["LongCatImagePipeline", "LongCatImageEditPipeline"],
        signatures: &[
            original(&[
                has("double_blocks.0.img_attn.norm.key_norm.scale"),
                sized("txt_in.weight", &[(1, 3584)]),
            ])
            .without(&["vector_in.in_layer.weight"]),
            diffusers(&[
                has("single_transformer_blocks.0.attn.norm_q.weight"),
                sized("context_embedder.weight", &[(1, 3584)]),
                has("time_embed.timestep_embedder.linear_1.weight"),
                has("proj_out.weight"),
            ]),
        ],
        ..Row::NOT_BUILT
    },
    Row {
        label: "BRIA FIBO",
        pipelines: &["BriaFiboPipeline", "BriaFiboEditPipeline", "BriaFibo2Pipeline"],
        signatures: &[diffusers(&[
            has("single_transformer_blocks.0.attn.norm_q.weight"),
            has("caption_projection.0.linear.weight"),
            has("proj_out.weight"),
        ])],
        ..Row::NOT_BUILT
    },
    Row {
        label: "BRIA",
        pipelines: &["BriaPipeline"],
        signatures: &[diffusers(&[
            has("single_transformer_blocks.0.attn.norm_q.weight"),
            has("time_embed.timestep_embedder.linear_1.weight"),
            has("proj_out.weight"),
        ])],
        ..Row::NOT_BUILT
    },
    Row {
        label: "HunyuanImage 2.1",
        pipelines: &["HunyuanImagePipeline", "HunyuanImageRefinerPipeline"],
        signatures: &[
            original(&[
                has("txt_in.individual_token_refiner.blocks.0.norm1.weight"),
                sized("img_in.proj.weight", &[(0, 3584)]),
            ]),
            diffusers(&[
                has("context_embedder.token_refiner.refiner_blocks.0.norm1.weight"),
                sized("x_embedder.proj.weight", &[(0, 3584)]),
                has("proj_out.weight"),
            ]),
        ],
        ..Row::NOT_BUILT
    },
    FLUX_1,
    Row {
        label: "JoyImage",
        pipelines: &["JoyImageEditPipeline", "JoyImageEditPlusPipeline"],
        signatures: &[diffusers(&[has("double_blocks.0.attn.img_attn_qkv.weight")])],
        ..Row::NOT_BUILT
    },
    Row {
        label: "AuraFlow",
        pipelines: &["AuraFlowPipeline"],
        signatures: &[
            original(&[has("double_layers.0.attn.w1q.weight")]),
            diffusers(&[has("joint_transformer_blocks.0.attn.to_q.weight")]),
        ],
        ..Row::NOT_BUILT
    },
    Row {
        label: "Lens",
        signatures: &[original(&[
            has("transformer_blocks.0.attn.norm_added_q.weight"),
            has("transformer_blocks.0.img_mlp.w1.weight"),
        ])],
        ..Row::NOT_BUILT
    },
    Row {
        label: "Mage-Flow",
        signatures: &[original(&[
            sized("txt_norm.weight", &[(0, 2560)]),
            sized("proj_out.weight", &[(0, 128)]),
        ])],
        ..Row::NOT_BUILT
    },
    Row {
        label: "Qwen-Image-2.1",
        pipelines: &[
            "QwenImage21Pipeline",
            "QwenImage21ModularPipeline",
            "QwenImage21TurboModularPipeline",
        ],
        signatures: &[
            original(&[
                has("txt_in.text_norm.weight"),
                has("transformer_blocks.0.img_mlp.gate_up.weight"),
            ]),
            diffusers(&[has("txt_in.text_norm.weight")]),
        ],
        ..Row::NOT_BUILT
    },
    Row {
        label: "Nucleus-Image",
        pipelines: &["NucleusMoEImagePipeline"],
        signatures: &[diffusers(&[has("transformer_blocks.0.encoder_proj.weight")])],
        ..Row::NOT_BUILT
    },
    Row {
        label: "Qwen-Image",
        pipelines: &[
            "QwenImagePipeline",
            "QwenImageImg2ImgPipeline",
            "QwenImageInpaintPipeline",
            "QwenImageEditPipeline",
            "QwenImageEditInpaintPipeline",
            "QwenImageEditPlusPipeline",
            "QwenImageLayeredPipeline",
            "QwenImageModularPipeline",
            "QwenImageEditModularPipeline",
            "QwenImageEditPlusModularPipeline",
            "QwenImageLayeredModularPipeline",
        ],
        signatures: &[
            diffusers(&[sized("txt_norm.weight", &[(0, 3584)])]).without(&["controlnet_x_embedder.weight"]),
            diffusers(&[has("transformer_blocks.0.img_mod.1.weight")]).without(&["controlnet_x_embedder.weight"]),
        ],
        ..Row::NOT_BUILT
    },
    Row {
        label: "HiDream-O1",
        signatures: &[original(&[
            has("t_embedder1.mlp.0.weight"),
            has("x_embedder.proj1.weight"),
        ])],
        ..Row::NOT_BUILT
    },
    Row {
        label: "HiDream",
        pipelines: &["HiDreamImagePipeline"],
        signatures: &[diffusers(&[has("caption_projection.0.linear.weight")])],
        ..Row::NOT_BUILT
    },
    // One stream.
    Row {
        label: "Krea 2",
        pipelines: &["Krea2Pipeline", "Krea2ModularPipeline", "Krea2TurboModularPipeline"],
        signatures: &[
            original(&[has("txtfusion.projector.weight")]),
            diffusers(&[has("text_fusion.projector.weight")]),
        ],
        ..Row::NOT_BUILT
    },
    Row {
        label: "Ideogram 4",
        pipelines: &["Ideogram4Pipeline", "Ideogram4ModularPipeline"],
        signatures: &[diffusers(&[has("embed_image_indicator.weight")])],
        ..Row::NOT_BUILT
    },
    Row {
        label: "Zeta-Chroma",
        signatures: &[original(&[
            has("dec_net.cond_embed.weight"),
            has("layers.0.adaLN_modulation.0.weight"),
        ])],
        ..Row::NOT_BUILT
    },
    Z_IMAGE,
    // One that also looks at pictures.
    Row {
        label: "Z-Image Omni",
        pipelines: &["ZImageOmniPipeline"],
        ..Row::NOT_BUILT
    },
    Row {
        label: "Lumina-Next",
        pipelines: &["LuminaPipeline", "LuminaText2ImgPipeline"],
        signatures: &[diffusers(&[has("patch_embedder.proj.weight"), has("layers.0.gate")])],
        ..Row::NOT_BUILT
    },
    Row {
        label: "NewBie",
        signatures: &[original(&[
            has("cap_embedder.1.weight"),
            has("clip_text_pooled_proj.0.weight"),
        ])],
        ..Row::NOT_BUILT
    },
    Row {
        label: "Lumina 2",
        pipelines: &["Lumina2Pipeline", "Lumina2Text2ImgPipeline"],
        signatures: &[
            original(&[sized("cap_embedder.1.weight", &[(0, 2304)])]),
            original(&[has("cap_embedder.1.weight"), has("layers.0.adaLN_modulation.1.weight")]),
            diffusers(&[
                has("time_caption_embed.caption_embedder.1.weight"),
                has("layers.0.norm1.linear.weight"),
            ])
            .without(&["ref_image_patch_embedder.weight"]),
        ],
        ..Row::NOT_BUILT
    },
    Row {
        label: "Boogu",
        signatures: &[original(&[has(
            "double_stream_layers.0.img_instruct_attn.processor.img_to_q.weight",
        )])],
        ..Row::NOT_BUILT
    },
    Row {
        label: "OmniGen2",
        pipelines: &["OmniGen2Pipeline"],
        signatures: &[diffusers(&[
            has("time_caption_embed.timestep_embedder.linear_1.weight"),
            has("ref_image_patch_embedder.weight"),
        ])],
        ..Row::NOT_BUILT
    },
    Row {
        label: "OmniGen",
        pipelines: &["OmniGenPipeline"],
        signatures: &[diffusers(&[
            has("time_token.linear_1.weight"),
            has("patch_embedding.pos_embed"),
        ])],
        ..Row::NOT_BUILT
    },
    Row {
        label: "Anima",
        pipelines: &["AnimaModularPipeline"],
        // In diffusers' layout its transformer is one of Cosmos.
        signatures: &[original(&[has("llm_adapter.blocks.0.cross_attn.q_proj.weight")])],
        ..Row::NOT_BUILT
    },
    Row {
        label: "Cosmos",
        pipelines: &[
            "CosmosTextToWorldPipeline",
            "CosmosVideoToWorldPipeline",
            "Cosmos2TextToImagePipeline",
            "Cosmos2VideoToWorldPipeline",
            "Cosmos2_5_PredictBasePipeline",
            "Cosmos2_5_TransferPipeline",
        ],
        signatures: &[
            original(&[has("blocks.block0.blocks.0.block.attn.to_q.0.weight")]),
            original(&[has("blocks.0.mlp.layer1.weight")]),
            diffusers(&[has("time_embed.t_embedder.linear_1.weight"), has("proj_out.weight")]),
        ],
        ..Row::NOT_BUILT
    },
    Row {
        label: "HunyuanDiT",
        pipelines: &["HunyuanDiTPipeline", "HunyuanDiTPAGPipeline"],
        signatures: &[
            original(&[has("mlp_t5.0.weight")]),
            diffusers(&[has("text_embedding_padding"), has("norm_out.linear.weight")]),
        ],
        ..Row::NOT_BUILT
    },
    Row {
        label: "Sana",
        pipelines: &[
            "SanaPipeline",
            "SanaSprintPipeline",
            "SanaSprintImg2ImgPipeline",
            "SanaPAGPipeline",
            "SanaVideoPipeline",
            "SanaImageToVideoPipeline",
        ],
        signatures: &[
            original(&[has("attention_y_norm.weight"), has("t_block.1.weight")]),
            diffusers(&[
                has("caption_norm.weight"),
                has("transformer_blocks.0.ff.conv_depth.weight"),
            ]),
        ],
        ..Row::NOT_BUILT
    },
    Row {
        label: "PixArt",
        pipelines: &["PixArtAlphaPipeline", "PixArtSigmaPipeline", "PixArtSigmaPAGPipeline"],
        signatures: &[
            original(&[has("t_block.1.weight")]),
            diffusers(&[
                has("adaln_single.emb.timestep_embedder.linear_1.bias"),
                sized("pos_embed.proj.weight", &[(0, 1152)]),
            ]),
        ],
        ..Row::NOT_BUILT
    },
    Row {
        label: "GLM-Image",
        pipelines: &["GlmImagePipeline"],
        signatures: &[diffusers(&[has("glyph_projector.net.2.weight")])],
        ..Row::NOT_BUILT
    },
    Row {
        label: "CogView",
        pipelines: &["CogView3PlusPipeline", "CogView4Pipeline", "CogView4ControlPipeline"],
        signatures: &[diffusers(&[
            has("patch_embed.text_proj.weight"),
            has("time_condition_embed.condition_embedder.linear_1.weight"),
        ])],
        ..Row::NOT_BUILT
    },
    Row {
        label: "ChronoEdit",
        pipelines: &["ChronoEditPipeline"],
        ..Row::NOT_BUILT
    },
    Row {
        label: "Kandinsky 5",
        pipelines: &[
            "Kandinsky5T2IPipeline",
            "Kandinsky5I2IPipeline",
            "Kandinsky5T2VPipeline",
            "Kandinsky5I2VPipeline",
        ],
        signatures: &[diffusers(&[has(
            "visual_transformer_blocks.0.cross_attention.key_norm.weight",
        )])],
        ..Row::NOT_BUILT
    },
    Row {
        label: "ERNIE-Image",
        pipelines: &["ErnieImagePipeline", "ErnieImageModularPipeline"],
        signatures: &[diffusers(&[has("layers.0.adaLN_sa_ln.weight")])],
        ..Row::NOT_BUILT
    },
    Row {
        label: "PRX",
        pipelines: &["PRXPipeline", "PRXPixelPipeline"],
        signatures: &[diffusers(&[
            has("time_in.in_layer.weight"),
            has("blocks.0.up_proj.weight"),
        ])],
        ..Row::NOT_BUILT
    },
    Row {
        label: "SeFi-Image",
        signatures: &[original(&[has("dual_time_embed.semantic_embedder.linear_1.weight")])],
        ..Row::NOT_BUILT
    },
    Row {
        label: "SenseNova U1.5",
        signatures: &[original(&[has(
            "language_model.model.layers.0.self_attn.q_proj_mot_gen.weight",
        )])],
        ..Row::NOT_BUILT
    },
    Row {
        label: "PiD",
        signatures: &[original(&[has("lq_proj.latent_proj.0.weight")])],
        ..Row::NOT_BUILT
    },
    Row {
        label: "PixelDiT",
        signatures: &[original(&[has("core.pixel_embedder.proj.weight")])],
        ..Row::NOT_BUILT
    },
    Row {
        label: "aMUSEd",
        pipelines: &["AmusedPipeline", "AmusedImg2ImgPipeline", "AmusedInpaintPipeline"],
        signatures: &[diffusers(&[has("mlm_layer.conv1.weight"), has("encoder_proj.weight")])],
        ..Row::NOT_BUILT
    },
];
