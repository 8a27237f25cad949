//! A UNet (`UNet2DConditionModel`) by its tensors alone: how many blocks it has and how wide they are. Files without a configuration
//! are read so, in the original code's names and in diffusers': distilled kin such as SSD-1B, Vega and KOALA have fewer blocks than
//! the published configuration. What no tensor shows (groups, the number of heads) stays as published. `measure.rs` asks.

use serde_json::{Map, Value, json};

use crate::family::Layout;
use crate::safetensors::Header;

/// No UNet has more blocks on a way, or more transformer blocks in one attention.
const MOST: u64 = 64;

/// The blocks of a UNet, each with the transformer blocks of its attention; 0 where it has none.
struct Blocks {
    /// Level by level, finest first.
    down: Vec<Vec<u64>>,
    /// Of the middle; `None` where there is none.
    middle: Option<u64>,
    /// On the way up, coarsest first.
    up: Vec<Vec<u64>>,
    /// Channels of each level; empty where they cannot be told.
    channels: Vec<u64>,
}

/// The tensors of a UNet behind their prefix.
#[derive(Clone, Copy)]
struct Tensors<'a> {
    header: &'a Header,
    prefix: &'a str,
}

impl Tensors<'_> {
    fn size(self, key: &str, axis: usize) -> Option<u64> {
        let entry = self.header.tensors.get(&format!("{}{key}", self.prefix))?;
        entry.shape.get(axis).copied()
    }

    fn has(self, key: &str) -> bool {
        self.header.tensors.contains_key(&format!("{}{key}", self.prefix))
    }

    /// Transformer blocks of an attention; 0 where it is not there.
    fn depth(self, attention: &str) -> u64 {
        let block = |n: &u64| self.has(&format!("{attention}.transformer_blocks.{n}.norm1.weight"));
        (0..MOST).take_while(block).count() as u64
    }
}

/// What the UNet's configuration says of its blocks, its widths and its channels; `prefix` stands before its keys, and `published` is
/// its family's configuration. `None` where the blocks are not all there.
pub(super) fn unet(
    header: &Header,
    prefix: &str,
    layout: Layout,
    published: &Map<String, Value>,
) -> Option<Map<String, Value>> {
    let tensors = Tensors { header, prefix };
    let blocks = match layout {
        Layout::Original => original(tensors)?,
        Layout::Diffusers => diffusers(tensors)?,
    };
    let mut config = shape(&blocks, published);
    let ends = match layout {
        Layout::Original => ["input_blocks.0.0.weight", "out.2.weight", "label_emb.0.0.weight"],
        Layout::Diffusers => ["conv_in.weight", "conv_out.weight", "add_embedding.linear_1.weight"],
    };
    let cross = header.tensors.iter().find_map(|(key, entry)| {
        let inside = key.strip_prefix(prefix)?;
        inside
            .ends_with(".attn2.to_k.weight")
            .then(|| entry.shape.get(1).copied())?
    });
    for (field, size) in [
        ("in_channels", tensors.size(ends[0], 1)),
        ("out_channels", tensors.size(ends[1], 0)),
        ("projection_class_embeddings_input_dim", tensors.size(ends[2], 1)),
        ("cross_attention_dim", cross),
        ("time_cond_proj_dim", tensors.size("time_embedding.cond_proj.weight", 1)),
    ] {
        if let Some(size) = size {
            config.insert(field.to_owned(), size.into());
        }
    }
    Some(config)
}

/// The way down and up of `openaimodel.UNetModel`, which counts layers through all levels.
fn original(tensors: Tensors<'_>) -> Option<Blocks> {
    let is_resnet = |block: &str| tensors.has(&format!("{block}.0.in_layers.0.weight"));
    let mut levels: Vec<Vec<u64>> = vec![Vec::new()];
    let mut channels = Vec::new();
    for at in 1..MOST {
        let block = format!("input_blocks.{at}");
        if is_resnet(&block) {
            let level = levels.last_mut()?;
            if level.is_empty() {
                channels.extend(tensors.size(&format!("{block}.0.in_layers.2.weight"), 0));
            }
            level.push(tensors.depth(&format!("{block}.1")));
        } else if tensors.has(&format!("{block}.0.op.weight")) {
            levels.push(Vec::new());
        } else {
            break;
        }
    }
    let layers: Vec<usize> = levels.iter().map(Vec::len).collect();
    let mut rest: Vec<u64> = (0..MOST)
        .map(|at| format!("output_blocks.{at}"))
        .take_while(|block| is_resnet(block))
        .map(|block| tensors.depth(&format!("{block}.1")))
        .collect();
    // One more a level than on the way down, coarsest first.
    if layers.contains(&0) || rest.len() != layers.iter().sum::<usize>() + layers.len() {
        return None;
    }
    let mut up = Vec::new();
    for layers in layers.iter().rev() {
        let others = rest.split_off(layers + 1);
        up.push(std::mem::replace(&mut rest, others));
    }
    let middle = is_resnet("middle_block").then(|| tensors.depth("middle_block.1"));
    Some(Blocks {
        down: levels,
        middle,
        up,
        channels,
    })
}

/// The same of diffusers' class.
fn diffusers(tensors: Tensors<'_>) -> Option<Blocks> {
    let is_resnet = |block: &str| tensors.has(&format!("{block}.conv1.weight"));
    let way = |way: &str| -> Vec<Vec<u64>> {
        let level = |i: u64| -> Vec<u64> {
            (0..MOST)
                .take_while(|j| is_resnet(&format!("{way}.{i}.resnets.{j}")))
                .map(|j| tensors.depth(&format!("{way}.{i}.attentions.{j}")))
                .collect()
        };
        (0..MOST).map(level).take_while(|level| !level.is_empty()).collect()
    };
    let (down, up) = (way("down_blocks"), way("up_blocks"));
    let fits = |(down, up): (&Vec<u64>, &Vec<u64>)| up.len() == down.len() + 1;
    if down.is_empty() || up.len() != down.len() || !down.iter().zip(up.iter().rev()).all(fits) {
        return None;
    }
    let width = |i: usize| tensors.size(&format!("down_blocks.{i}.resnets.0.conv1.weight"), 0);
    Some(Blocks {
        middle: is_resnet("mid_block.resnets.0").then(|| tensors.depth("mid_block.attentions.0")),
        channels: (0..down.len()).filter_map(width).collect(),
        down,
        up,
    })
}

/// The fields that say it, in diffusers' words.
fn shape(blocks: &Blocks, published: &Map<String, Value>) -> Map<String, Value> {
    let layers: Vec<usize> = blocks.down.iter().map(Vec::len).collect();
    let middle = match blocks.middle {
        None => Value::Null,
        Some(0) => json!("UNetMidBlock2D"),
        Some(_) => json!("UNetMidBlock2DCrossAttn"),
    };
    let types = |way: &[Vec<u64>], [with, without]: [&str; 2]| -> Value {
        let attends = |level: &Vec<u64>| level.iter().any(|depth| *depth > 0);
        way.iter()
            .map(|level| if attends(level) { with } else { without })
            .collect()
    };
    // Where a level has no attention a number stands all the same, as in published configurations.
    let filled = |way: &[Vec<u64>]| -> Vec<Vec<u64>> {
        let level = |level: &Vec<u64>| match level.iter().all(|depth| *depth == 0) {
            true => vec![1; level.len()],
            false => level.clone(),
        };
        way.iter().map(level).collect()
    };
    let mut down = filled(&blocks.down);
    // diffusers takes the middle's from the coarsest level's, whether that one has attention or not.
    if let (Some(depth @ 1..), Some(last), Some(counted)) = (blocks.middle, down.last_mut(), blocks.down.last())
        && counted.iter().all(|depth| *depth == 0)
    {
        last.fill(depth);
    }
    let mut config = Map::new();
    let mut put = |field: &str, value: Value| config.insert(field.to_owned(), value);
    put("layers_per_block", json!(layers));
    put("mid_block_type", middle);
    put(
        "down_block_types",
        types(&blocks.down, ["CrossAttnDownBlock2D", "DownBlock2D"]),
    );
    put("up_block_types", types(&blocks.up, ["CrossAttnUpBlock2D", "UpBlock2D"]));
    put("transformer_layers_per_block", json!(down));
    put("reverse_transformer_layers_per_block", json!(filled(&blocks.up)));
    if blocks.channels.len() == layers.len() {
        if let Some(heads) = heads(&blocks.channels, published) {
            put("attention_head_dim", heads);
        }
        put("block_out_channels", json!(blocks.channels));
    }
    config
}

/// Heads of each level, each as wide as in the published model; `None` where their number is the same in all levels of all models.
fn heads(channels: &[u64], published: &Map<String, Value>) -> Option<Value> {
    let first = |field: &str| published.get(field)?.as_array()?.first()?.as_u64();
    let width = first("block_out_channels")?.checked_div(first("attention_head_dim")?)?;
    let heads: Option<Vec<u64>> = channels.iter().map(|n| n.checked_div(width)).collect();
    Some(json!(heads?.into_iter().map(|n| n.max(1)).collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn blocks(header: &Header, prefix: &str) -> Option<Map<String, Value>> {
        unet(header, prefix, Layout::Original, &Map::new())
    }

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

    const DOWN: [&str; 3] = ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"];
    const UP: [&str; 3] = ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"];

    #[rstest]
    #[case::sdxl(vec![vec![0, 0], vec![2, 2], vec![10, 10]], Some(10), &[10, 10, 10, 2, 2, 2, 0, 0, 0],
        json!({"layers_per_block": [2, 2, 2], "mid_block_type": "UNetMidBlock2DCrossAttn", "down_block_types": DOWN, "up_block_types": UP,
            "transformer_layers_per_block": [[1, 1], [2, 2], [10, 10]],
            "reverse_transformer_layers_per_block": [[10, 10, 10], [2, 2, 2], [1, 1, 1]]}))]
    #[case::ssd_1b(vec![vec![0, 0], vec![2, 2], vec![4, 4]], Some(0), &[4, 4, 10, 2, 1, 1, 0, 0, 0],
        json!({"layers_per_block": [2, 2, 2], "mid_block_type": "UNetMidBlock2D", "down_block_types": DOWN, "up_block_types": UP,
            "transformer_layers_per_block": [[1, 1], [2, 2], [4, 4]],
            "reverse_transformer_layers_per_block": [[4, 4, 10], [2, 1, 1], [1, 1, 1]]}))]
    #[case::koala_700m(vec![vec![0], vec![2], vec![5]], None, &[5, 5, 2, 2, 0, 0],
        json!({"layers_per_block": [1, 1, 1], "mid_block_type": null, "down_block_types": DOWN, "up_block_types": UP, "transformer_layers_per_block": [[1], [2], [5]],
            "reverse_transformer_layers_per_block": [[5, 5], [2, 2], [1, 1]]}))]
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
