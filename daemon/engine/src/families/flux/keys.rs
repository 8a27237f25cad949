//! Black Forest Labs' names in diffusers' spelling, and back, for FLUX.1 and Chroma. They keep queries, keys and values in one tensor,
//! single blocks the MLP's way in too, and have the end's shift before its scale. The autoencoder's names are in `autoencoder_kl/`;
//! text encoders have transformers' own.

use darkroom_formats::schema::FluxConfig;

use super::blocks::MLP;
use crate::families::autoencoder_kl;
use crate::families::spelling::{Table, look_up, rows, swap};
use crate::weights::{Piece, Rows};

/// How a model's single file calls what its layers know.
#[derive(Clone, Debug)]
pub struct Spelling {
    /// Width of the blocks' states.
    hidden: u64,
}

/// Modules that a model has once.
const ENDS: Table = &[
    ("img_in", "x_embedder"),
    ("txt_in", "context_embedder"),
    ("time_in.in_layer", "time_text_embed.timestep_embedder.linear_1"),
    ("time_in.out_layer", "time_text_embed.timestep_embedder.linear_2"),
    ("guidance_in.in_layer", "time_text_embed.guidance_embedder.linear_1"),
    ("guidance_in.out_layer", "time_text_embed.guidance_embedder.linear_2"),
    ("vector_in.in_layer", "time_text_embed.text_embedder.linear_1"),
    ("vector_in.out_layer", "time_text_embed.text_embedder.linear_2"),
    ("distilled_guidance_layer.in_proj", "distilled_guidance_layer.in_proj"),
    ("distilled_guidance_layer.out_proj", "distilled_guidance_layer.out_proj"),
    (FINAL.0, FINAL.1),
    ("final_layer.linear", "proj_out"),
];
/// The one whose halves change places.
const FINAL: (&str, &str) = ("final_layer.adaLN_modulation.1", "norm_out.linear");
/// Rows of modules, each with a number behind its name.
const BLOCKS: Table = &[
    ("double_blocks", "transformer_blocks"),
    ("single_blocks", "single_transformer_blocks"),
    ("distilled_guidance_layer.layers", "distilled_guidance_layer.layers"),
    ("distilled_guidance_layer.norms", "distilled_guidance_layer.norms"),
];
/// Inside them; no name is one of two rows' modules.
const INNER: Table = &[
    ("img_mod.lin", "norm1.linear"),
    ("txt_mod.lin", "norm1_context.linear"),
    ("img_attn.proj", "attn.to_out.0"),
    ("txt_attn.proj", "attn.to_add_out"),
    ("img_attn.norm.query_norm", "attn.norm_q"),
    ("img_attn.norm.key_norm", "attn.norm_k"),
    ("txt_attn.norm.query_norm", "attn.norm_added_q"),
    ("txt_attn.norm.key_norm", "attn.norm_added_k"),
    ("img_mlp.0", "ff.net.0.proj"),
    ("img_mlp.2", "ff.net.2"),
    ("txt_mlp.0", "ff_context.net.0.proj"),
    ("txt_mlp.2", "ff_context.net.2"),
    ("modulation.lin", "norm.linear"),
    ("linear2", "proj_out"),
    ("norm.query_norm", "attn.norm_q"),
    ("norm.key_norm", "attn.norm_k"),
    ("in_layer", "linear_1"),
    ("out_layer", "linear_2"),
];
/// What is one tensor: its name, and its parts from the top.
const FUSED: &[(&str, &[&str])] = &[
    ("img_attn.qkv", &["attn.to_q", "attn.to_k", "attn.to_v"]),
    (
        "txt_attn.qkv",
        &["attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"],
    ),
    ("linear1", &["attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"]),
];

impl Spelling {
    /// Of a model with this transformer.
    pub fn new(config: &FluxConfig) -> Self {
        Self {
            hidden: config.hidden().unsigned_abs(),
        }
    }

    /// What the tensor that a single file calls `key` in `component` is for the layers; nothing for tensors that none reads.
    pub fn spell(&self, component: &str, key: &str) -> Vec<Piece> {
        match component {
            "transformer" => self.pieces(key).unwrap_or_default(),
            "vae" => autoencoder_kl::renamed(key).map(Piece::whole).into_iter().collect(),
            _ => vec![Piece::whole(key)],
        }
    }

    /// What a single file calls the tensor that is diffusers' `name` in `component`, or the one that it is a part of: the inverse of
    /// [`Self::spell`].
    pub fn spelling(&self, component: &str, name: &str) -> Option<String> {
        match component {
            "transformer" => original(name),
            "vae" => autoencoder_kl::named_back(name),
            _ => Some(name.to_owned()),
        }
    }

    fn pieces(&self, key: &str) -> Option<Vec<Piece>> {
        // Some files call a norm's scale its weight.
        let leaf = |rest: &str| match rest {
            "scale" => "weight".to_owned(),
            rest => rest.to_owned(),
        };
        if let Some((module, rest)) = look_up(rows(ENDS), key) {
            let name = format!("{module}.{}", leaf(rest));
            return Some(match module == FINAL.1 {
                true => halves(&name),
                false => vec![Piece::whole(name)],
            });
        }
        let (blocks, rest) = look_up(rows(BLOCKS), key)?;
        let (number, inner) = numbered(rest)?;
        if blocks.ends_with("norms") {
            return Some(vec![Piece::whole(format!("{blocks}.{number}.{}", leaf(inner)))]);
        }
        let fused = |(from, parts): &(&str, &'static [&'static str])| {
            Some((*parts, inner.strip_prefix(from)?.strip_prefix('.')?.to_owned()))
        };
        if let Some((parts, leaf)) = FUSED.iter().find_map(fused) {
            let name = |part: &str| Piece::whole(format!("{blocks}.{number}.{part}.{leaf}"));
            let part = |(nth, part): (usize, &&str)| name(part).rows(self.rows(parts.len(), nth));
            return Some(parts.iter().enumerate().map(part).collect());
        }
        let (module, rest) = look_up(rows(INNER), inner)?;
        Some(vec![Piece::whole(format!("{blocks}.{number}.{module}.{}", leaf(rest)))])
    }

    /// The rows of the nth of so many parts: queries, keys, values, and the MLP's.
    fn rows(&self, parts: usize, nth: usize) -> Rows {
        if parts == 3 {
            return Rows::Part(nth, parts);
        }
        let from = self.hidden * nth as u64;
        let rows = if nth < 3 {
            self.hidden
        } else {
            self.hidden * MLP.unsigned_abs()
        };
        Rows::Range(from..from + rows)
    }
}

/// Shift before scale, as diffusers' scale before shift.
fn halves(name: &str) -> Vec<Piece> {
    let half = |nth: usize| Piece::whole(name).rows(Rows::Part(nth, 2)).placed(1 - nth, 2);
    vec![half(0), half(1)]
}

fn original(name: &str) -> Option<String> {
    if let Some((module, rest)) = look_up(rows(ENDS).map(swap), name) {
        return Some(format!("{module}.{rest}"));
    }
    let (blocks, rest) = look_up(rows(BLOCKS).map(swap), name)?;
    let (number, inner) = numbered(rest)?;
    if blocks.ends_with("norms") {
        return Some(format!("{blocks}.{number}.scale"));
    }
    let single = blocks == "single_blocks";
    // Modules of single blocks have names that double ones have too, and the other way round.
    let belongs = |from: &str| match from {
        "linear1" | "linear2" | "modulation.lin" | "norm.query_norm" | "norm.key_norm" => single,
        "in_layer" | "out_layer" => true,
        _ => !single,
    };
    let fused = FUSED
        .iter()
        .filter(|(from, _)| belongs(from))
        .find_map(|(from, parts)| {
            let leaf = parts
                .iter()
                .find_map(|part| inner.strip_prefix(part)?.strip_prefix('.'))?;
            Some(format!("{blocks}.{number}.{from}.{leaf}"))
        });
    if fused.is_some() {
        return fused;
    }
    let (module, leaf) = look_up(rows(INNER).filter(|(from, _)| belongs(from)).map(swap), inner)?;
    let leaf = if module.ends_with("_norm") { "scale" } else { leaf };
    Some(format!("{blocks}.{number}.{module}.{leaf}"))
}

/// `12.norm.scale` as its number and the rest.
fn numbered(rest: &str) -> Option<(&str, &str)> {
    let (number, inner) = rest.split_once('.')?;
    number
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some((number, inner))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use rstest::rstest;

    use super::*;
    use crate::families::fixture::Fixture;

    /// The lines of a key list of `tests/oracle/flux_keys.py`: name and shape.
    fn list(name: &str) -> BTreeMap<String, Vec<u64>> {
        let line = |line: &str| {
            let (key, shape) = line.split_once(' ').unwrap();
            let shape = shape.split(',').map(|n| n.parse().unwrap()).collect();
            (key.to_owned(), shape)
        };
        Fixture::open("flux").key_list(name).lines().map(line).collect()
    }

    /// Every tensor of a published file goes somewhere, what they make is the folder's tensors, each whole and of its shape, and each is
    /// called by its file's name again.
    #[rstest]
    #[case::dev("flux-dev", 3072)]
    #[case::schnell("flux-schnell", 3072)]
    #[case::chroma("chroma", 3072)]
    fn every_tensor_of_a_published_file_has_its_place(#[case] model: &str, #[case] hidden: u64) {
        let spelling = Spelling { hidden };
        let mut made: HashMap<String, (Vec<u64>, Vec<usize>, usize)> = HashMap::new();
        for (key, shape) in list(&format!("{model}-bfl")) {
            let pieces = spelling.spell("transformer", &key);
            assert!(!pieces.is_empty(), "{key}");
            let mut rows = 0;
            for piece in pieces {
                assert_eq!(
                    spelling.spelling("transformer", &piece.name).as_deref(),
                    Some(key.as_str())
                );
                let range = piece.rows.of(shape[0]).unwrap();
                assert_eq!(range.start, rows, "{key}");
                rows = range.end;
                let entry = made.entry(piece.name).or_default();
                let own = [&[range.end - range.start], &shape[1..]].concat();
                entry.0 = match entry.0.is_empty() {
                    true => own,
                    false => [&[entry.0[0] + own[0]], &own[1..]].concat(),
                };
                entry.1.push(piece.place.0);
                entry.2 = piece.place.1;
            }
            assert_eq!(rows, shape[0], "{key} is used whole");
        }
        let made: BTreeMap<String, Vec<u64>> = made
            .into_iter()
            .map(|(name, (shape, mut places, of))| {
                places.sort_unstable();
                assert_eq!(places, (0..of).collect::<Vec<_>>(), "{name}");
                (name, shape)
            })
            .collect();
        assert_eq!(made, list(model));
    }

    #[test]
    fn shift_and_scale_of_the_end_change_places() {
        let pieces = Spelling { hidden: 8 }.spell("transformer", "final_layer.adaLN_modulation.1.bias");
        let of: Vec<_> = pieces.into_iter().map(|piece| (piece.rows, piece.place)).collect();
        assert_eq!(of, [(Rows::Part(0, 2), (1, 2)), (Rows::Part(1, 2), (0, 2))]);
    }

    #[rstest]
    #[case(
        "double_blocks.3.img_attn.norm.key_norm.weight",
        Some("transformer_blocks.3.attn.norm_k.weight")
    )]
    #[case("double_blocks.x.img_mod.lin.weight", None)]
    #[case("double_blocks.3", None)]
    #[case("double_blocks.3.img_attn", None)]
    #[case("optimizer.state", None)]
    #[case("", None)]
    fn names_beside_the_published_ones(#[case] key: &str, #[case] name: Option<&str>) {
        let mut pieces = Spelling { hidden: 8 }.spell("transformer", key);
        assert_eq!(pieces.pop().map(|piece| piece.name).as_deref(), name);
    }
}
