//! open_clip's names of a CLIP text encoder, in which single files of Stable Diffusion 2 and SDXL have theirs, in transformers'
//! spelling: three projections of each attention are one tensor, and the pooled state's projection is turned. `keys.rs` asks.

use crate::weights::{Piece, Rows};

/// Modules of a layer before and after.
const LAYER: [(&str, &str); 5] = [
    ("ln_1", "layer_norm1"),
    ("ln_2", "layer_norm2"),
    ("mlp.c_fc", "mlp.fc1"),
    ("mlp.c_proj", "mlp.fc2"),
    ("attn.out_proj", "self_attn.out_proj"),
];
/// Tensors that stand alone.
const ALONE: [(&str, &str); 4] = [
    ("token_embedding.weight", "text_model.embeddings.token_embedding.weight"),
    (
        "positional_embedding",
        "text_model.embeddings.position_embedding.weight",
    ),
    ("ln_final.weight", "text_model.final_layer_norm.weight"),
    ("ln_final.bias", "text_model.final_layer_norm.bias"),
];
const BLOCKS: &str = "transformer.resblocks.";
const LAYERS: &str = "text_model.encoder.layers.";
const PROJECTION: (&str, &str) = ("text_projection", "text_projection.weight");
/// Whose rows stand below each other in `in_proj`.
const FUSED: [&str; 3] = ["q_proj", "k_proj", "v_proj"];

/// A text encoder of open_clip's, as far as its layers are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenClip {
    /// Layers that are read; files may have more, of which nobody asks for the output.
    pub layers: i64,
    /// Whether the pooled state is projected.
    pub projects: bool,
}

impl OpenClip {
    /// What the tensor that open_clip calls `key` is in transformers' model.
    pub fn spell(self, key: &str) -> Vec<Piece> {
        if let Some((_, name)) = ALONE.iter().find(|(known, _)| *known == key) {
            return vec![Piece::whole(*name)];
        }
        if self.projects && key == PROJECTION.0 {
            return vec![Piece::whole(PROJECTION.1).turned()];
        }
        // Some savers keep transformers' own tensor.
        if self.projects && key == PROJECTION.1 {
            return vec![Piece::whole(PROJECTION.1)];
        }
        self.of_layer(key).unwrap_or_default()
    }

    fn of_layer(self, key: &str) -> Option<Vec<Piece>> {
        let (number, rest) = key.strip_prefix(BLOCKS)?.split_once('.')?;
        if !(0..self.layers).contains(&number.parse().ok()?) {
            return None;
        }
        let at = format!("{LAYERS}{number}");
        if let Some(leaf) = rest.strip_prefix("attn.in_proj_") {
            let part = |(nth, proj): (usize, &str)| {
                Piece::whole(format!("{at}.self_attn.{proj}.{leaf}")).rows(Rows::Part(nth, FUSED.len()))
            };
            return Some(FUSED.into_iter().enumerate().map(part).collect());
        }
        let (module, leaf) = rest.rsplit_once('.')?;
        let (_, name) = LAYER.iter().find(|(known, _)| *known == module)?;
        Some(vec![Piece::whole(format!("{at}.{name}.{leaf}"))])
    }

    /// What open_clip calls the tensor that holds transformers' `name`.
    pub fn spelling(self, name: &str) -> Option<String> {
        if let Some((key, _)) = ALONE.iter().find(|(_, known)| *known == name) {
            return Some((*key).to_owned());
        }
        if name == PROJECTION.1 {
            return Some(PROJECTION.0.to_owned());
        }
        let (number, rest) = name.strip_prefix(LAYERS)?.split_once('.')?;
        let (module, leaf) = rest.rsplit_once('.')?;
        let fused = module
            .strip_prefix("self_attn.")
            .is_some_and(|proj| FUSED.contains(&proj));
        if fused {
            return Some(format!("{BLOCKS}{number}.attn.in_proj_{leaf}"));
        }
        let (key, _) = LAYER.iter().find(|(_, known)| *known == module)?;
        Some(format!("{BLOCKS}{number}.{key}.{leaf}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENCODER: OpenClip = OpenClip {
        layers: 23,
        projects: true,
    };

    #[test]
    fn three_projections_are_one_tensor() {
        let names: Vec<_> = ENCODER
            .spell("transformer.resblocks.22.attn.in_proj_bias")
            .into_iter()
            .map(|piece| (piece.name, piece.rows, piece.turned))
            .collect();
        let at = "text_model.encoder.layers.22.self_attn";
        let part = |nth, proj: &str| (format!("{at}.{proj}_proj.bias"), Rows::Part(nth, 3), false);
        assert_eq!(names, [part(0, "q"), part(1, "k"), part(2, "v")]);
        assert_eq!(
            ENCODER.spelling(&format!("{at}.v_proj.weight")).as_deref(),
            Some("transformer.resblocks.22.attn.in_proj_weight")
        );
    }

    #[test]
    fn what_is_not_read_is_nothing() {
        for key in [
            "transformer.resblocks.23.ln_1.weight",
            "transformer.resblocks.-1.ln_1.weight",
            "transformer.resblocks.0.ln_3.weight",
            "logit_scale",
            "attn_mask",
            "",
        ] {
            assert!(ENCODER.spell(key).is_empty(), "{key}");
        }
        assert_eq!(ENCODER.spelling("text_model.encoder.layers.0.mlp.fc3.weight"), None);
        assert!(ENCODER.spell("text_projection")[0].turned);
        let plain = OpenClip {
            projects: false,
            ..ENCODER
        };
        assert!(plain.spell("text_projection").is_empty());
    }
}
