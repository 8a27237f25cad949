//! The blocks of an SDXL UNet in a single file, counted by the names of its tensors: distilled kin such as SSD-1B, Vega and KOALA
//! have fewer of them, and no configuration. `facts.rs` puts what is found into `unet/config.json`, in diffusers' words. How wide
//! the layers are is the same in all of them.

use serde_json::{Map, Value, json};

use crate::safetensors::Header;

/// No UNet has more blocks on a way, or more transformer blocks in one attention.
const MOST: u64 = 64;

/// What the UNet's configuration says of its blocks; `prefix` stands before its keys. `None` where they are not all there.
pub(super) fn blocks(header: &Header, prefix: &str) -> Option<Map<String, Value>> {
    let has = |key: String| header.tensors.contains_key(&format!("{prefix}{key}"));
    let is_resnet = |block: &str| has(format!("{block}.0.in_layers.0.weight"));
    let depth = |attention: &str| {
        let block = |n: u64| has(format!("{attention}.transformer_blocks.{n}.norm1.weight"));
        (0..MOST).take_while(|n| block(*n)).count() as u64
    };
    let mut levels: Vec<Vec<u64>> = vec![Vec::new()];
    for at in 1..MOST {
        let block = format!("input_blocks.{at}");
        if is_resnet(&block) {
            levels.last_mut()?.push(depth(&format!("{block}.1")));
        } else if has(format!("{block}.0.op.weight")) {
            levels.push(Vec::new());
        } else {
            break;
        }
    }
    let layers: Vec<usize> = levels.iter().map(Vec::len).collect();
    let mut rest: Vec<u64> = (0..MOST)
        .map(|at| format!("output_blocks.{at}"))
        .take_while(|block| is_resnet(block))
        .map(|block| depth(&format!("{block}.1")))
        .collect();
    // One more a level than on the way down, coarsest first.
    if layers.contains(&0) || rest.len() != layers.iter().sum::<usize>() + layers.len() {
        return None;
    }
    let mut way_up = Vec::new();
    for layers in layers.iter().rev() {
        let others = rest.split_off(layers + 1);
        way_up.push(std::mem::replace(&mut rest, others));
    }
    let middle = match (is_resnet("middle_block"), depth("middle_block.1")) {
        (false, _) => Value::Null,
        (true, 0) => json!("UNetMidBlock2D"),
        (true, _) => json!("UNetMidBlock2DCrossAttn"),
    };
    let mut config = Map::new();
    config.insert("layers_per_block".to_owned(), json!(layers));
    config.insert("mid_block_type".to_owned(), middle);
    config.insert("transformer_layers_per_block".to_owned(), json!(levels));
    config.insert("reverse_transformer_layers_per_block".to_owned(), json!(way_up));
    Some(config)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::safetensors::{Dtype, Entry};

    fn header(names: impl IntoIterator<Item = String>) -> Header {
        let entry = Entry {
            dtype: Dtype::F16,
            shape: vec![1],
            range: 0..0,
        };
        Header {
            tensors: names.into_iter().map(|name| (name, entry.clone())).collect(),
            ..Header::default()
        }
    }

    /// The names that count, of a UNet whose attentions have so many blocks: on the way down, level by level, in the middle, which
    /// may be missing or have none, and on the way up.
    fn names(down: &[Vec<u64>], middle: Option<u64>, up: &[u64]) -> Vec<String> {
        let mut all = Vec::new();
        let mut put = |block: &str, depth: u64| {
            all.push(format!("m.{block}.0.in_layers.0.weight"));
            all.extend((0..depth).map(|n| format!("m.{block}.1.transformer_blocks.{n}.norm1.weight")));
        };
        let mut downs = Vec::new();
        let mut at = 1;
        for (i, level) in down.iter().enumerate() {
            for depth in level {
                put(&format!("input_blocks.{at}"), *depth);
                at += 1;
            }
            if i + 1 < down.len() {
                downs.push(format!("m.input_blocks.{at}.0.op.weight"));
                at += 1;
            }
        }
        for (at, depth) in up.iter().enumerate() {
            put(&format!("output_blocks.{at}"), *depth);
        }
        if let Some(depth) = middle {
            all.push("m.middle_block.0.in_layers.0.weight".to_owned());
            all.extend((0..depth).map(|n| format!("m.middle_block.1.transformer_blocks.{n}.norm1.weight")));
        }
        all.extend(downs);
        all
    }

    #[rstest]
    #[case::sdxl(vec![vec![0, 0], vec![2, 2], vec![10, 10]], Some(10), &[10, 10, 10, 2, 2, 2, 0, 0, 0],
        json!({"layers_per_block": [2, 2, 2], "mid_block_type": "UNetMidBlock2DCrossAttn",
            "transformer_layers_per_block": [[0, 0], [2, 2], [10, 10]],
            "reverse_transformer_layers_per_block": [[10, 10, 10], [2, 2, 2], [0, 0, 0]]}))]
    #[case::ssd_1b(vec![vec![0, 0], vec![2, 2], vec![4, 4]], Some(0), &[4, 4, 10, 2, 1, 1, 0, 0, 0],
        json!({"layers_per_block": [2, 2, 2], "mid_block_type": "UNetMidBlock2D",
            "transformer_layers_per_block": [[0, 0], [2, 2], [4, 4]],
            "reverse_transformer_layers_per_block": [[4, 4, 10], [2, 1, 1], [0, 0, 0]]}))]
    #[case::koala_700m(vec![vec![0], vec![2], vec![5]], None, &[5, 5, 2, 2, 0, 0],
        json!({"layers_per_block": [1, 1, 1], "mid_block_type": null, "transformer_layers_per_block": [[0], [2], [5]],
            "reverse_transformer_layers_per_block": [[5, 5], [2, 2], [0, 0]]}))]
    fn blocks_are_counted(
        #[case] down: Vec<Vec<u64>>,
        #[case] middle: Option<u64>,
        #[case] up: &[u64],
        #[case] expected: Value,
    ) {
        let found = blocks(&header(names(&down, middle, up)), "m.");
        assert_eq!(Value::Object(found.unwrap()), expected);
    }

    #[test]
    fn what_is_not_all_there_is_not_counted() {
        let whole = names(&[vec![0], vec![2]], Some(2), &[2, 2, 0, 0]);
        assert!(blocks(&header(whole.clone()), "m.").is_some());
        assert!(blocks(&header(whole.clone()), "n.").is_none());
        let short = whole.into_iter().filter(|name| !name.starts_with("m.output_blocks.3."));
        assert!(blocks(&header(short), "m.").is_none());
        assert!(blocks(&Header::default(), "").is_none());
    }
}
