//! What else a safetensors file is that people take for a model: parts of one, and what changes one. Asked when no family's
//! denoiser is in a file, only to say what it is.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::safetensors::Header;

/// A kind of file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// What it is, in a sentence: `a LoRA`.
    pub label: &'static str,
    /// Ends of its tensors' names, whole words between dots; any of them will do.
    pub ends: &'static [&'static str],
}

/// Every kind that is told, in the order in which they are tried: what changes a model before what is a part of one, as it
/// borrows the names. Spellings of LoRAs: comfy/lora.py and comfy/weight_adapter of ComfyUI, loaders/lora_conversion_utils.py of
/// diffusers. The rest: classes of diffusers 0.42 and transformers 5, and comfy/sd.py of ComfyUI.
pub(crate) const KINDS: &[Kind] = &[
    Kind {
        label: "averaged weights (EMA) alone",
        ends: &["diffusion_modelinput_blocks00weight"],
    },
    Kind {
        label: "a LoRA",
        ends: &[
            "lora_down.weight",
            "lora_A.weight",
            "lora_A.default.weight",
            "lora_A",
            "lora.down.weight",
            "to_q_lora.down.weight",
            "lora_linear_layer.down.weight",
            "hada_w1_a",
            "lokr_w1",
            "lokr_w1_a",
            "oft_blocks",
            "oft_diag",
        ],
    },
    Kind {
        label: "a ControlNet",
        ends: &[
            "input_hint_block.0.weight",
            "controlnet_cond_embedding.conv_in.weight",
            "controlnet_x_embedder.weight",
            "controlnet_blocks.0.weight",
            "control_all_x_embedder.2-1.weight",
            "control_layers.0.adaLN_modulation.0.weight",
        ],
    },
    Kind {
        label: "an IP-Adapter",
        ends: &["1.to_k_ip.weight"],
    },
    Kind {
        label: "a T2I-Adapter",
        ends: &["body.0.resnets.0.block1.weight", "body.0.block1.weight"],
    },
    Kind {
        label: "a motion module of AnimateDiff",
        ends: &[
            "motion_modules.0.temporal_transformer.norm.weight",
            "motion_modules.0.norm.weight",
        ],
    },
    Kind {
        label: "a textual inversion",
        ends: &["emb_params", "clip_l", "clip_g"],
    },
    Kind {
        label: "a Stable Diffusion relative",
        ends: &["input_blocks.0.0.weight"],
    },
    Kind {
        label: "a T5 text encoder alone",
        ends: &["encoder.block.0.layer.0.SelfAttention.q.weight"],
    },
    Kind {
        label: "a VAE alone",
        ends: &[
            "decoder.conv_in.weight",
            // Wan's and Qwen-Image's, and LTX-Video's.
            "decoder.middle.0.residual.0.gamma",
            "decoder.conv_in.conv.weight",
        ],
    },
    Kind {
        label: "a CLIP text encoder alone",
        ends: &["token_embedding.weight"],
    },
    Kind {
        label: "a CLIP vision encoder alone",
        ends: &["vision_model.embeddings.patch_embedding.weight"],
    },
    Kind {
        label: "a language model",
        ends: &["layers.0.self_attn.q_proj.weight"],
    },
    Kind {
        label: "an upscaler",
        ends: &["conv_first.weight", "model.1.sub.0.RDB1.conv1.0.weight"],
    },
];

/// No end is longer, in bytes: names may be of any length, and most of their words.
const LONGEST: usize = 64;

/// A kind's place by an end of a name.
static BY_END: LazyLock<HashMap<&'static str, usize>> = LazyLock::new(|| {
    let kinds = KINDS.iter().enumerate();
    kinds
        .flat_map(|(at, kind)| kind.ends.iter().map(move |end| (*end, at)))
        .collect()
});

/// The first kind that has a tensor in `header`. Costs a few look-ups for each name.
pub(super) fn kind_of(header: &Header) -> Option<&'static Kind> {
    let first = header.tensors.keys().filter_map(|key| place(key)).min()?;
    KINDS.get(first)
}

fn place(key: &str) -> Option<usize> {
    let after_dots = key.rmatch_indices('.').map(|(dot, _)| dot + 1);
    let words = after_dots.chain(std::iter::once(0)).map(|from| &key[from..]);
    let ends = words.take_while(|end| end.len() <= LONGEST);
    ends.filter_map(|end| BY_END.get(end).copied()).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_is_found_and_no_two_kinds_share_one() {
        let ends = KINDS.iter().map(|kind| kind.ends.len()).sum::<usize>();
        assert_eq!(BY_END.len(), ends);
        for (at, kind) in KINDS.iter().enumerate() {
            for end in kind.ends {
                assert!(end.len() <= LONGEST, "{end}");
                assert_eq!(place(end), Some(at), "{end}");
                assert_eq!(place(&format!("a.b.{end}")), place(end));
                assert_eq!(place(&format!("{end}.x")), None);
            }
        }
    }

    #[test]
    fn a_name_of_many_words_costs_no_more_than_its_end() {
        let long = format!("{}lora_down.weight", "a.".repeat(1 << 20));
        assert_eq!(place(&long).map(|at| KINDS[at].label), Some("a LoRA"));
        assert_eq!(place(&"a.".repeat(1 << 20)), None);
    }
}
