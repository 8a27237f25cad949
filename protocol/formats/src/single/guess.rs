use crate::safetensors::Header;

/// What may stand before a denoiser's keys.
const PREFIXES: &[&str] = &[
    "model.diffusion_model.",
    "model.model.",
    "net.",
    "transformer.",
    "unet.",
    "",
];

/// A tensor, without the prefix, and the size of one of its axes where that decides.
type Mark = (&'static str, Option<(usize, u64)>);

/// Denoisers by a tensor that only they have, first match first. The marks are those of ComfyUI's model_detection.py and
/// stable-diffusion.cpp's model_loader.cpp.
const DENOISERS: &[(&str, &[Mark])] = &[
    (
        "Stable Diffusion 3",
        &[("joint_blocks.0.context_block.attn.qkv.weight", None)],
    ),
    ("Stable Cascade", &[("clip_txt_mapper.weight", None)]),
    ("AuraFlow", &[("double_layers.0.attn.w1q.weight", None)]),
    ("HunyuanDiT", &[("mlp_t5.0.weight", None)]),
    (
        "HunyuanVideo",
        &[("txt_in.individual_token_refiner.blocks.0.norm1.weight", None)],
    ),
    ("FLUX.2", &[("double_stream_modulation_img.lin.weight", None)]),
    ("Chroma", &[("distilled_guidance_layer.norms.0.scale", None)]),
    ("Chroma", &[("distilled_guidance_layer.0.norms.0.scale", None)]),
    ("FLUX.1", &[("double_blocks.0.img_attn.norm.key_norm.scale", None)]),
    ("FLUX.1", &[("double_blocks.0.img_attn.norm.key_norm.weight", None)]),
    ("FLUX.1", &[("single_transformer_blocks.0.attn.norm_q.weight", None)]),
    ("Mochi", &[("t5_yproj.weight", None)]),
    ("PixArt", &[("t_block.1.weight", None)]),
    (
        "LTX-Video",
        &[("adaln_single.emb.timestep_embedder.linear_1.bias", None)],
    ),
    ("Cosmos", &[("blocks.0.mlp.layer1.weight", None)]),
    ("Lumina 2", &[("cap_embedder.1.weight", Some((0, 2304)))]),
    ("Z-Image", &[("cap_embedder.1.weight", Some((0, 3840)))]),
    ("Z-Image", &[("layers.0.adaLN_modulation.0.weight", None)]),
    ("Wan", &[("head.modulation", None)]),
    ("HiDream", &[("caption_projection.0.linear.weight", None)]),
    ("Qwen-Image", &[("txt_norm.weight", Some((0, 3584)))]),
    ("Qwen-Image", &[("transformer_blocks.0.img_mod.1.weight", None)]),
    (
        "Stable Video Diffusion",
        &[("input_blocks.1.0.time_stack.in_layers.0.weight", None)],
    ),
    ("SDXL", &[("label_emb.0.0.weight", Some((1, 2816)))]),
    ("SDXL", &[("add_embedding.linear_1.weight", Some((1, 2816)))]),
    ("the SDXL refiner", &[("label_emb.0.0.weight", Some((1, 2560)))]),
    (
        "the SDXL refiner",
        &[("add_embedding.linear_1.weight", Some((1, 2560)))],
    ),
    ("Stable Diffusion 2 unCLIP", &[("label_emb.0.0.weight", None)]),
    ("an inpainting model", &[("input_blocks.0.0.weight", Some((1, 9)))]),
    (
        "an inpainting model",
        &[
            ("conv_in.weight", Some((1, 9))),
            ("down_blocks.0.resnets.0.conv1.weight", None),
        ],
    ),
    ("InstructPix2Pix", &[("input_blocks.0.0.weight", Some((1, 8)))]),
    ("Stable Diffusion 2 depth", &[("input_blocks.0.0.weight", Some((1, 5)))]),
    (
        "the Stable Diffusion x4 upscaler",
        &[("input_blocks.0.0.weight", Some((1, 7)))],
    ),
    (
        "Stable Diffusion 2.x",
        &[(
            "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight",
            Some((1, 1024)),
        )],
    ),
    (
        "Stable Diffusion 2.x",
        &[(
            "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight",
            Some((1, 1024)),
        )],
    ),
];

/// Other files by the end of a tensor's name.
const OTHERS: &[(&str, &str)] = &[
    ("averaged weights (EMA) alone", "diffusion_modelinput_blocks00weight"),
    ("a LoRA", ".lora_down.weight"),
    ("a LoRA", ".lora_A.weight"),
    ("a LoRA", ".lora.down.weight"),
    ("a LoRA", ".hada_w1_a"),
    ("a LoRA", ".lokr_w1"),
    ("a ControlNet", "input_hint_block.0.weight"),
    ("a ControlNet", "controlnet_cond_embedding.conv_in.weight"),
    ("a textual inversion", "emb_params"),
    ("a textual inversion", "clip_l"),
    ("a Stable Diffusion relative", "input_blocks.0.0.weight"),
    (
        "a T5 text encoder alone",
        "encoder.block.0.layer.0.SelfAttention.q.weight",
    ),
    ("a VAE alone", "decoder.conv_in.weight"),
    ("a CLIP text encoder alone", "embeddings.token_embedding.weight"),
    ("a language model", "layers.0.self_attn.q_proj.weight"),
    ("an upscaler", "conv_first.weight"),
];

/// What a file that fits no known family seems to be, from names and shapes; `None` when nothing is recognised.
pub fn seems(header: &Header) -> Option<&'static str> {
    let has = |prefix: &str, (key, size): &Mark| {
        let found = header.tensors.get(&format!("{prefix}{key}"));
        found.is_some_and(|entry| size.is_none_or(|(axis, size)| entry.shape.get(axis) == Some(&size)))
    };
    let denoiser = DENOISERS
        .iter()
        .find(|(_, marks)| PREFIXES.iter().any(|prefix| marks.iter().all(|mark| has(prefix, mark))));
    let other = || {
        OTHERS
            .iter()
            .find(|(_, end)| header.tensors.keys().any(|key| key.ends_with(end)))
    };
    denoiser
        .map(|(label, _)| *label)
        .or_else(|| other().map(|(label, _)| *label))
}
