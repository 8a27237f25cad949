//! Which row of [`families`] a folder or a file is of. By names and shapes of tensors, pipelines and configurations, never by
//! what a file is called. Called for every model that is listed or loaded; no weights are read.

use std::ops::Bound;

use serde_json::{Map, Value};

use super::kind::kind_of;
use super::{Built, Fact, Family, Is, Layout, Mark, Row, Signature, families};
use crate::folder::Folder;
use crate::safetensors::Header;
use crate::schema::{truth, whole};
use crate::{Error, Result};

/// What may stand before a denoiser's keys: checkpoints of the original codes and ComfyUI (`unet_prefix_from_state_dict` of
/// comfy/model_detection.py), pipelines in one file, and nothing where the denoiser is alone.
const PREFIXES: &[&str] = &[
    "model.diffusion_model.",
    "model.model.",
    "net.",
    "model.",
    "diffusion_model.",
    "transformer.",
    "unet.",
    "",
];

/// What a single file holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Found {
    /// A denoiser, alone or with the rest of its model.
    Denoiser(Denoiser),
    /// Something else, in words: `a LoRA`.
    Other(&'static str),
}

/// The denoiser in a single file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Denoiser {
    /// Its family.
    pub(crate) row: &'static Row,
    /// The spelling of its keys.
    pub(crate) layout: Layout,
    /// What stands before its keys.
    pub(crate) prefix: &'static str,
}

/// What a single file holds, from names and shapes; `None` when nothing is recognised.
///
/// The table is tried with look-ups by name, so that what a file costs does not grow with it; only a file that is of no family
/// is read through, once.
pub fn detect_file(header: &Header) -> Option<Found> {
    let prefixes: Vec<&'static str> = PREFIXES
        .iter()
        .copied()
        .filter(|prefix| has_prefix(header, prefix))
        .collect();
    let denoiser = families().find_map(|row| {
        row.signatures.iter().find_map(|signature| {
            let prefix = prefixes.iter().find(|prefix| fits(header, signature, prefix))?;
            Some(Denoiser {
                row,
                layout: signature.layout,
                prefix,
            })
        })
    });
    denoiser
        .map(Found::Denoiser)
        .or_else(|| kind_of(header).map(|kind| Found::Other(kind.label)))
}

fn has_prefix(header: &Header, prefix: &str) -> bool {
    let mut from = header
        .tensors
        .range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
    from.next().is_some_and(|(key, _)| key.starts_with(prefix))
}

fn fits(header: &Header, signature: &Signature, prefix: &str) -> bool {
    let entry = |key: &str| header.tensors.get(&format!("{prefix}{key}"));
    let is_there = |mark: &Mark| {
        entry(mark.key).is_some_and(|found| {
            let mut sizes = mark.sizes.iter();
            sizes.all(|(axis, size)| found.shape.get(*axis) == Some(size))
        })
    };
    signature.present.iter().all(is_there) && signature.absent.iter().all(|key| entry(key).is_none())
}

/// The family of a diffusers folder.
///
/// # Errors
/// [`Error::NotBuilt`] for a family that is only recognised, [`Error::UnknownFamily`] with the first thing that speaks against
/// the family its pipeline names, or with the pipeline when no family has it; [`Error::NoComponent`] when a component is missing.
pub fn detect_folder(folder: &Folder) -> Result<Family> {
    let holds = |fact: &Fact| {
        let component = folder.components.get(fact.component);
        component.is_some_and(|component| is(fact.is, component.config.get(fact.field)))
    };
    let mut against = None;
    for row in rows(&folder.class) {
        match row.built {
            Some(built) => match objection(row, built, folder)? {
                None => return Ok(built.family),
                Some(found) => against = against.or(Some(found)),
            },
            None if row.facts.iter().all(holds) => {
                return Err(refusal(row, &folder.place, &folder.class));
            }
            None => {}
        }
    }
    Err(Error::UnknownFamily {
        place: folder.place.clone(),
        against: against.unwrap_or_else(|| format!("its model_index.json names {}", folder.class)),
        known: built_labels(),
    })
}

/// Why no picture can be made with a folder of that pipeline, where only families have it that are not built. `config` reads a
/// component's config.json, as far as it is there: such a folder need not be complete, nor have parts that are known.
pub(crate) fn not_built(
    place: &str,
    class: &str,
    config: impl Fn(&str) -> Option<Map<String, Value>>,
) -> Option<Error> {
    if rows(class).any(|row| row.built.is_some()) {
        return None;
    }
    let holds = |fact: &Fact| config(fact.component).is_some_and(|config| is(fact.is, config.get(fact.field)));
    let row = rows(class).find(|row| row.facts.iter().all(holds))?;
    Some(refusal(row, place, class))
}

/// Labels of the families that are built, for messages.
pub(crate) fn built_labels() -> String {
    // Variants of a family have rows of their own.
    let is_whole = |row: &&Row| row.built.is_some_and(|built| built.family.label() == row.label);
    let mut labels: Vec<_> = families().filter(is_whole).map(|row| row.label).collect();
    labels.sort_unstable();
    labels.join(", ")
}

fn rows(class: &str) -> impl Iterator<Item = &'static Row> {
    families().filter(move |row| row.pipelines.contains(&class))
}

fn refusal(row: &Row, place: &str, class: &str) -> Error {
    Error::NotBuilt {
        place: place.to_owned(),
        label: row.label,
        class: class.to_owned(),
        known: built_labels(),
    }
}

fn is(wanted: Is, found: Option<&Value>) -> bool {
    let number = || found.and_then(whole).and_then(|n| u64::try_from(n).ok());
    match wanted {
        Is::Number(value) => number() == Some(value),
        Is::NumberOrMissing(value) => found.is_none() || number() == Some(value),
        Is::On => found.is_some_and(truth),
        Is::Off => !found.is_some_and(truth),
    }
}

/// What speaks against a family that is built, in words.
fn objection(row: &Row, built: &Built, folder: &Folder) -> Result<Option<String>> {
    let label = row.label;
    for (name, class) in built.components {
        let found = &folder.component(name)?.class;
        if found != class {
            return Ok(Some(format!(
                "its {name} is of class {found}; in {label} it is {class}"
            )));
        }
    }
    if let Some(name) = built.without.iter().find(|name| folder.components.contains_key(**name)) {
        return Ok(Some(format!("it has a {name}; {label} has none")));
    }
    for (name, classes) in built.tokenizers {
        match folder.tokenizer_facts.get(*name) {
            Some((class, _)) if !classes.contains(&class.as_str()) => {
                return Ok(Some(format!(
                    "its {name} is of class {class}; in {label} it is {}",
                    classes[0]
                )));
            }
            _ => {}
        }
    }
    for Fact {
        component,
        field,
        is: wanted,
    } in row.facts
    {
        let found = folder.component(component)?.config.get(*field);
        if is(*wanted, found) {
            continue;
        }
        let wanted = match wanted {
            Is::Number(value) | Is::NumberOrMissing(value) => value.to_string(),
            Is::On => "on".to_owned(),
            Is::Off => "off".to_owned(),
        };
        let says = match found {
            Some(found) => format!("has {field} = {found}"),
            None => format!("has no {field}"),
        };
        return Ok(Some(format!(
            "{component}/config.json {says}; in {label} it is {wanted}"
        )));
    }
    Ok(None)
}
