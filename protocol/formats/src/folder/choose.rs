//! Which of the files in a component's folder are its weights.

use std::collections::BTreeSet;

use super::Files;
use crate::safetensors::{IndexProblem, MAX_INDEX, ShardIndex};
use crate::{Error, Result};

/// How diffusers and transformers call weights.
const STEMS: [&str; 2] = ["diffusion_pytorch_model", "model"];
/// Whole weights first; a twin in half precision is taken where it is all there is.
const VARIANTS: [Option<&str>; 3] = [None, Some("fp16"), Some("bf16")];
/// Formats that hold Python objects or are another framework's.
const FOREIGN: [&str; 7] = [".bin", ".bin.index.json", ".ckpt", ".pt", ".pth", ".msgpack", ".h5"];

pub(super) struct Choice {
    /// Relative to the component's folder.
    pub files: Vec<String>,
    pub variant: Option<&'static str>,
}

/// The weights of `component`: a plain file, shards by their index, then the same in half precision.
///
/// # Errors
/// [`Error::OnlyForeignWeights`], [`Error::NoWeights`], [`Error::Index`], [`Error::MissingShard`].
pub(super) fn weights(files: &dyn Files, component: &str) -> Result<Choice> {
    let present: BTreeSet<_> = files.list(component)?.into_iter().collect();
    for variant in VARIANTS {
        let dotted = variant.map_or(String::new(), |v| format!(".{v}"));
        for stem in STEMS {
            let single = format!("{stem}{dotted}.safetensors");
            if present.contains(&single) {
                return Ok(Choice {
                    files: vec![single],
                    variant,
                });
            }
            let index = format!("{stem}.safetensors.index{dotted}.json");
            if present.contains(&index) {
                let files = shards(files, component, &index, &present)?;
                return Ok(Choice { files, variant });
            }
        }
    }
    let foreign = present
        .into_iter()
        .find(|name| FOREIGN.iter().any(|end| name.ends_with(end)));
    Err(match foreign {
        Some(file) => Error::OnlyForeignWeights {
            place: files.place(),
            component: component.to_owned(),
            file,
        },
        None => Error::NoWeights {
            place: files.place(),
            component: component.to_owned(),
        },
    })
}

fn shards(files: &dyn Files, component: &str, index: &str, present: &BTreeSet<String>) -> Result<Vec<String>> {
    let index = format!("{component}/{index}");
    let named = |problem: IndexProblem| problem.in_file(files.called(&index));
    let parsed = ShardIndex::parse(&files.read(&index, MAX_INDEX)?).map_err(named)?;
    let shards: Vec<_> = parsed.shards().into_iter().map(str::to_owned).collect();
    match shards.iter().find(|shard| !present.contains(*shard)) {
        Some(shard) => Err(Error::MissingShard {
            index: files.called(&index),
            shard: shard.clone(),
        }),
        None => Ok(shards),
    }
}
