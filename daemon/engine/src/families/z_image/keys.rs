//! The original code's names of the transformer, which ComfyUI keeps, in diffusers' spelling, and back: queries, keys and values of a block
//! are one tensor there. The autoencoder's are in `autoencoder_kl/keys.rs`; the text encoder has transformers' own in both.

use crate::families::autoencoder_kl;
use crate::families::spelling::{Table, look_up, swap};
use crate::weights::{Piece, Rows};

/// What stands at the beginning.
const ENDS: Table = &[
    ("x_embedder", "all_x_embedder.2-1"),
    ("final_layer", "all_final_layer.2-1"),
];
/// What stands within a block's attention.
const ATTENTION: Table = &[("q_norm", "norm_q"), ("k_norm", "norm_k"), ("out", "to_out.0")];
const FUSED: (&str, [&str; 3]) = ("qkv.", ["to_q.", "to_k.", "to_v."]);
const WITHIN: &str = ".attention.";

/// What the tensor that a single file calls `key` in `component` is for the layers.
pub fn spell(component: &str, key: &str) -> Vec<Piece> {
    match component {
        "transformer" => of_transformer(key),
        "vae" => autoencoder_kl::renamed(key).map(Piece::whole).into_iter().collect(),
        // A head that says words is not asked for.
        _ if key.starts_with("lm_head.") => Vec::new(),
        _ => vec![Piece::whole(key)],
    }
}

fn of_transformer(key: &str) -> Vec<Piece> {
    if let Some((place, rest)) = look_up(ENDS.iter().copied(), key) {
        return vec![Piece::whole(format!("{place}.{rest}"))];
    }
    let Some((block, rest)) = key.split_once(WITHIN) else {
        return vec![Piece::whole(key)];
    };
    if let Some(leaf) = rest.strip_prefix(FUSED.0) {
        let part = |(nth, proj): (usize, &str)| {
            Piece::whole(format!("{block}{WITHIN}{proj}{leaf}")).rows(Rows::Part(nth, FUSED.1.len()))
        };
        return FUSED.1.into_iter().enumerate().map(part).collect();
    }
    let name = match look_up(ATTENTION.iter().copied(), rest) {
        Some((module, leaf)) => format!("{block}{WITHIN}{module}.{leaf}"),
        None => key.to_owned(),
    };
    vec![Piece::whole(name)]
}

/// What a single file calls the tensor that holds what the layers of `component` know as `name`: the inverse of [`spell`].
pub fn spelling(component: &str, name: &str) -> Option<String> {
    match component {
        "transformer" => {}
        "vae" => return autoencoder_kl::named_back(name),
        _ => return Some(name.to_owned()),
    }
    if let Some((place, rest)) = look_up(ENDS.iter().copied().map(swap), name) {
        return Some(format!("{place}.{rest}"));
    }
    let Some((block, rest)) = name.split_once(WITHIN) else {
        return Some(name.to_owned());
    };
    if let Some(leaf) = FUSED.1.iter().find_map(|proj| rest.strip_prefix(proj)) {
        return Some(format!("{block}{WITHIN}{}{leaf}", FUSED.0));
    }
    Some(match look_up(ATTENTION.iter().copied().map(swap), rest) {
        Some((module, leaf)) => format!("{block}{WITHIN}{module}.{leaf}"),
        None => name.to_owned(),
    })
}
