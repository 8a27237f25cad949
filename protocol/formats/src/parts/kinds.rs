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
        Some((*prefix, look.0))
    })
}
