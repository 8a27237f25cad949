//! How a file that holds one component looks, by the component's class: what may stand before its keys, and which tensors tell it.
//! Denoisers are not here: whose they are, `family::detect_file` says.
//!
//! Prefixes are those of checkpoints (CompVis' and Stability's), of ComfyUI's saved text encoders and of pipelines in one file.

use super::own::Naming;
use crate::safetensors::Header;

/// A class of components.
struct Kind {
    class: &'static str,
    /// What may stand before its keys.
    prefixes: &'static [&'static str],
    /// Whose names it may have: all of these are there.
    looks: &'static [(Naming, &'static [&'static str])],
    /// Tensors of its kin, which a file of this class has not.
    absent: &'static [&'static str],
}

const CLIP: &[(Naming, &[&str])] = &[
    (Naming::Layers, &["text_model.embeddings.token_embedding.weight"]),
    (Naming::Layers, &["embeddings.token_embedding.weight"]),
    // open_clip's.
    (
        Naming::Original,
        &["token_embedding.weight", "transformer.resblocks.0.attn.in_proj_weight"],
    ),
];

const T5_GATE: &str = "encoder.block.0.layer.1.DenseReluDense.wi_0.weight";

const KINDS: &[Kind] = &[
    Kind {
        class: "CLIPTextModel",
        prefixes: &[
            "cond_stage_model.transformer.",
            "cond_stage_model.model.",
            "conditioner.embedders.0.transformer.",
            "text_encoders.clip_l.transformer.",
            "text_encoders.clip_h.transformer.",
            "text_encoder.",
            "clip_l.transformer.",
            "clip_l.",
            "clip_h.",
            "transformer.",
            "",
        ],
        looks: CLIP,
        absent: &[],
    },
    Kind {
        class: "CLIPTextModelWithProjection",
        prefixes: &[
            "conditioner.embedders.1.model.",
            "conditioner.embedders.0.model.",
            "text_encoders.clip_g.transformer.",
            "text_encoder_2.",
            "clip_g.transformer.",
            "clip_g.",
            "transformer.",
            "",
        ],
        looks: CLIP,
        absent: &[],
    },
    Kind {
        class: "AutoencoderKL",
        prefixes: &["first_stage_model.", "vae.", ""],
        looks: &[
            (
                Naming::Layers,
                &["decoder.conv_in.weight", "decoder.mid_block.resnets.0.conv1.weight"],
            ),
            (
                Naming::Original,
                &["decoder.conv_in.weight", "decoder.mid.block_1.conv1.weight"],
            ),
        ],
        absent: &[],
    },
    Kind {
        class: "T5EncoderModel",
        prefixes: &[
            "text_encoders.t5xxl.transformer.",
            "text_encoder_2.",
            "text_encoder_3.",
            "text_encoder.",
            "t5xxl.transformer.",
            "t5xxl.",
            "transformer.",
            "",
        ],
        // The gate is that of version 1.1.
        looks: &[
            (Naming::Layers, &[T5_GATE, "shared.weight"]),
            (Naming::Layers, &[T5_GATE, "encoder.embed_tokens.weight"]),
        ],
        // UMT5's layers have a table of distances each.
        absent: &["encoder.block.1.layer.0.SelfAttention.relative_attention_bias.weight"],
    },
    Kind {
        class: "Qwen3Model",
        prefixes: &[
            "text_encoders.qwen3_4b.transformer.",
            "text_encoder.",
            "qwen3_4b.transformer.",
            "qwen3_4b.",
            "transformer.",
            "",
        ],
        looks: &[
            (
                Naming::Layers,
                &["model.layers.0.self_attn.q_norm.weight", "model.embed_tokens.weight"],
            ),
            (
                Naming::Layers,
                &["layers.0.self_attn.q_norm.weight", "embed_tokens.weight"],
            ),
        ],
        // Qwen3-VL's eyes.
        absent: &["model.visual.patch_embed.proj.weight", "visual.patch_embed.proj.weight"],
    },
];

/// What stands before the keys of a component of that class, and whose names they are; `None` where the file has none, and for a
/// class that is not known here.
pub(super) fn found(class: &str, header: &Header) -> Option<(&'static str, Naming)> {
    let kind = KINDS.iter().find(|kind| kind.class == class)?;
    let has = |prefix: &str, keys: &[&str]| {
        keys.iter()
            .all(|key| header.tensors.contains_key(&format!("{prefix}{key}")))
    };
    kind.prefixes.iter().find_map(|prefix| {
        let look = kind.looks.iter().find(|(_, keys)| has(prefix, keys))?;
        if kind.absent.iter().any(|key| has(prefix, &[key])) {
            return None;
        }
        Some((*prefix, look.0))
    })
}
