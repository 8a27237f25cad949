//! Which of the files in a component's folder are its weights.
//!
//! The names are those that diffusers and transformers write or read, variants and every spelling of a shard index
//! included. Where a folder holds two sets, the one counts that the component's own library would load, and a line says
//! so.

use std::collections::BTreeSet;

use super::Files;
use crate::safetensors::{IndexProblem, MAX_INDEX, ShardIndex};
use crate::shown::Shown;
use crate::{Error, Result};

/// Formats that hold Python objects or are another framework's.
const FOREIGN: [&str; 8] = [
    ".bin",
    ".bin.index.json",
    ".ckpt",
    ".pt",
    ".pth",
    ".msgpack",
    ".h5",
    ".onnx",
];
/// Variants in the order in which they are taken where there are no plain weights: the most exact first, those of a
/// training in progress last. Others stand between, by name.
const FIRST: [&str; 4] = ["fp32", "fp16", "bf16", "ema"];
const LAST: &str = "non_ema";
/// The most files that a message names.
const NAMED: usize = 8;

/// The library whose class a component is, which decides which of two sets it loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Library {
    /// Shards before a single file.
    Diffusers,
    /// A single file before shards.
    Transformers,
}

pub(super) struct Choice {
    /// Relative to the component's folder.
    pub files: Vec<String>,
    pub variant: Option<String>,
    /// What the person should know about it.
    pub notice: Option<String>,
}

/// A set of weights that a file's name speaks of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Set {
    variant: Rank,
    /// 0 for the stem of the component's own library, 1 for the other's.
    stem: usize,
    /// The set's place in its library's order.
    order: usize,
    shards: bool,
    file: String,
}

/// A variant, in the order in which they are taken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank(usize, String);

impl Library {
    /// Of the library that model_index.json names.
    pub fn named(name: &str) -> Self {
        match name {
            "transformers" => Self::Transformers,
            _ => Self::Diffusers,
        }
    }

    /// How weights are called, the library's own way first.
    fn stems(self) -> [&'static str; 2] {
        match self {
            Self::Diffusers => ["diffusion_pytorch_model", "model"],
            Self::Transformers => ["model", "diffusion_pytorch_model"],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Diffusers => "diffusers",
            Self::Transformers => "transformers",
        }
    }

    /// The place of the spelling in the order of its variant.
    fn order(self, spelling: usize) -> usize {
        match self {
            // Its indexes in their order, then the file.
            Self::Diffusers => (spelling + 3) % 4,
            Self::Transformers => spelling,
        }
    }
}

/// The weights of `component`. `explicit` is the file that its config.json names (`transformers_weights`), if it does.
///
/// # Errors
/// [`Error::OnlyForeignWeights`], [`Error::NoWeights`], [`Error::Index`], [`Error::MissingShard`].
pub(super) fn weights(files: &dyn Files, component: &str, library: Library, explicit: Option<&str>) -> Result<Choice> {
    let present: BTreeSet<_> = files.list(component)?.into_iter().collect();
    let mut sets: Vec<Set> = present.iter().filter_map(|name| read(name, library)).collect();
    sets.sort();
    // As diffusers and transformers do: PyTorch's own files where there is nothing else.
    let pickled = sets.is_empty() && explicit.is_none();
    if pickled {
        sets = present.iter().filter_map(|name| read_pickled(name, library)).collect();
        sets.sort();
    }
    let sets = match explicit {
        Some(name) => present.contains(name).then(|| named(name)).into_iter().collect(),
        None => sets,
    };
    let Some(set) = sets.first() else {
        return Err(missing(files, component, library, &present));
    };
    let chosen = if set.shards {
        shards(files, component, &set.file, &present)?
    } else {
        vec![set.file.clone()]
    };
    let variant = Some(&set.variant.1).filter(|name| !name.is_empty());
    Ok(Choice {
        files: chosen,
        variant: variant.cloned(),
        notice: match pickled {
            true => Some(format!(
                "{component}/ has no .safetensors: of {}, a file of PyTorch, the tensors are read and nothing else.",
                Shown(&set.file)
            )),
            false => unread(component, set, &present).or_else(|| notice(component, library, &sets)),
        },
    })
}

/// The set that `name` speaks of; `None` for a shard and for any other file.
fn read(name: &str, library: Library) -> Option<Set> {
    // A spelling's number is its place among those of one variant: what diffusers and transformers write today, what
    // diffusers wrote until 0.30, what others write.
    let spellings = [
        ("", ".safetensors"),
        (".safetensors.index", ".json"),
        (".safetensors", ".index.json"),
        ("", ".safetensors.index.json"),
    ];
    set(name, library.stems(), &spellings, library)
}

/// The same of PyTorch's own files.
fn read_pickled(name: &str, library: Library) -> Option<Set> {
    let stems = match library {
        Library::Diffusers => ["diffusion_pytorch_model", "pytorch_model"],
        Library::Transformers => ["pytorch_model", "diffusion_pytorch_model"],
    };
    let spellings = [
        ("", ".bin"),
        (".bin.index", ".json"),
        (".bin", ".index.json"),
        ("", ".bin.index.json"),
    ];
    set(name, stems, &spellings, library)
}

fn set(name: &str, stems: [&str; 2], spellings: &[(&str, &str)], library: Library) -> Option<Set> {
    let stems = stems.into_iter().enumerate();
    let (stem, rest) = stems
        .into_iter()
        .find_map(|(at, stem)| Some((at, name.strip_prefix(stem)?)))?;
    let between = |start: &str, end: &str| {
        let middle = rest.strip_prefix(start)?.strip_suffix(end)?;
        match middle.strip_prefix('.') {
            None if middle.is_empty() => Some(String::new()),
            Some(variant) if is_variant(variant) => Some(variant.to_owned()),
            _ => None,
        }
    };
    let found = spellings.iter().enumerate();
    let (spelling, variant) = found
        .into_iter()
        .find_map(|(at, (start, end))| Some((at, between(start, end)?)))?;
    Some(Set {
        variant: rank(variant),
        stem,
        order: library.order(spelling),
        shards: spelling > 0,
        file: name.to_owned(),
    })
}

/// A set by a name that no rule gives it.
fn named(name: &str) -> Set {
    Set {
        variant: rank(String::new()),
        stem: 0,
        order: 0,
        shards: name.ends_with(".json"),
        file: name.to_owned(),
    }
}

/// Whether it is a variant's name, as `fp16` and `non_ema` are, and no shard's number.
fn is_variant(name: &str) -> bool {
    let shard = name
        .rsplit_once("-of-")
        .is_some_and(|(_, of)| of.bytes().all(|b| b.is_ascii_digit()));
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    !name.is_empty() && name.len() <= 64 && !shard && name.chars().all(plain) && name != "index"
}

fn rank(variant: String) -> Rank {
    let at = match FIRST.iter().position(|name| *name == variant) {
        _ if variant.is_empty() => 0,
        Some(at) => 1 + at,
        None if variant == LAST => 2 + FIRST.len(),
        None => 1 + FIRST.len(),
    };
    Rank(at, variant)
}

/// What is said where the first of `sets` was not the only choice, or not one that everybody expects.
fn notice(component: &str, library: Library, sets: &[Set]) -> Option<String> {
    let chosen = sets.first()?;
    let variant = &chosen.variant.1;
    let twin = sets
        .iter()
        .find(|set| (&set.variant, set.stem) == (&chosen.variant, chosen.stem) && set.shards != chosen.shards);
    if let Some(other) = twin {
        let (used, library) = (Shown(&chosen.file), library.name());
        let other = Shown(&other.file);
        return Some(format!(
            "{component}/ holds two sets of weights, {used} and {other}: using {used}, as {library} does."
        ));
    }
    let variants: BTreeSet<&str> = sets.iter().map(|set| set.variant.1.as_str()).collect();
    let usual = matches!(variant.as_str(), "" | "fp32" | "fp16" | "bf16");
    if usual && (variants.len() == 1 || variant.is_empty()) {
        return None;
    }
    let all: Vec<_> = variants.into_iter().map(|name| Shown(name).to_string()).collect();
    Some(format!(
        "{component}/ has no plain weights, only the variants {}: using {}.",
        all.join(", "),
        Shown(variant)
    ))
}

/// What is said where the plain weights are in a file of PyTorch, and a variant in safetensors stands in for them.
fn unread(component: &str, chosen: &Set, present: &BTreeSet<String>) -> Option<String> {
    let plain = ["diffusion_pytorch_model", "pytorch_model"]
        .map(|stem| [".bin", ".bin.index.json"].map(|end| format!("{stem}{end}")));
    let file = plain.as_flattened().iter().find(|name| present.contains(*name))?;
    (!chosen.variant.1.is_empty()).then(|| {
        format!(
            "{component}/ has its plain weights in {file}, a file of PyTorch: using {}.",
            Shown(&chosen.file)
        )
    })
}

fn missing(files: &dyn Files, component: &str, library: Library, present: &BTreeSet<String>) -> Error {
    let foreign: Vec<&String> = present
        .iter()
        .filter(|name| FOREIGN.iter().any(|end| name.ends_with(end)))
        .collect();
    if !foreign.is_empty() && !present.iter().any(|name| name.ends_with(".safetensors")) {
        return Error::OnlyForeignWeights {
            place: files.place(),
            component: component.to_owned(),
            file: list(foreign.into_iter()),
        };
    }
    let there = match present.is_empty() {
        true => "it has no file".to_owned(),
        false => format!("it has {}", list(present.iter())),
    };
    Error::NoWeights {
        place: files.place(),
        component: component.to_owned(),
        wanted: format!("{}.safetensors", library.stems()[0]),
        there,
    }
}

/// The first few names, and how many more there are.
fn list<'a>(names: impl ExactSizeIterator<Item = &'a String>) -> String {
    let more = names.len().saturating_sub(NAMED);
    let shown: Vec<_> = names.take(NAMED).map(|name| Shown(name).to_string()).collect();
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
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
            there: list(present.iter()),
        }),
        None => Ok(shards),
    }
}
