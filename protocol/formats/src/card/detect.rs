use super::{FAMILIES, Fact, Family, FamilyRow, Signature};
use crate::folder::Folder;
use crate::safetensors::Header;
use crate::schema::{truth, whole};
use crate::{Error, Result};

/// Whose names the tensors have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// diffusers: `down_blocks.0.resnets.0.conv1.weight`.
    Diffusers,
    /// The original latent-diffusion code: `input_blocks.1.0.in_layers.2.weight`.
    Ldm,
}

/// What a single file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detected {
    /// The family of its denoiser.
    pub family: Family,
    /// The spelling of its keys.
    pub layout: Layout,
    /// What stands before the denoiser's keys.
    pub prefix: &'static str,
}

/// The family and layout of a single file, from names and shapes; `None` when no row of [`FAMILIES`] fits.
pub fn detect_file(header: &Header) -> Option<Detected> {
    FAMILIES.iter().find_map(|row| {
        row.signatures.iter().find_map(|signature| {
            let prefix = signature
                .prefixes
                .iter()
                .find(|prefix| fits(header, signature, prefix))?;
            Some(Detected {
                family: row.family,
                layout: signature.layout,
                prefix,
            })
        })
    })
}

fn fits(header: &Header, signature: &Signature, prefix: &str) -> bool {
    let entry = |key: &str| header.tensors.get(&format!("{prefix}{key}"));
    signature.absent.iter().all(|key| entry(key).is_none())
        && signature
            .present
            .iter()
            .all(|want| entry(want.key).is_some_and(|found| found.shape.get(want.axis) == Some(&want.size)))
}

/// The family of a diffusers folder.
///
/// # Errors
/// [`Error::UnknownFamily`] with the first thing that speaks against the family its pipeline names, or with the pipeline
/// when no family has it; [`Error::NoComponent`] when a component is missing.
pub fn detect_folder(folder: &Folder) -> Result<Family> {
    let mut against = format!("its model_index.json names {}", folder.class);
    for row in FAMILIES
        .iter()
        .filter(|row| row.pipelines.contains(&folder.class.as_str()))
    {
        match objection(row, folder)? {
            None => return Ok(row.family),
            Some(found) => against = found,
        }
    }
    let known: Vec<_> = FAMILIES.iter().map(|row| row.label).collect();
    Err(Error::UnknownFamily {
        place: folder.place.clone(),
        against,
        known: known.join(", "),
    })
}

/// What speaks against `row`, in words.
fn objection(row: &FamilyRow, folder: &Folder) -> Result<Option<String>> {
    for (name, class) in row.components {
        let found = &folder.component(name)?.class;
        if found != class {
            return Ok(Some(format!(
                "its {name} is of class {found}; in {} it is {class}",
                row.label
            )));
        }
    }
    for (name, classes) in row.tokenizers {
        match folder.tokenizer_facts.get(*name) {
            Some((class, _)) if !classes.contains(&class.as_str()) => {
                return Ok(Some(format!(
                    "its {name} is of class {class}; in {} it is {}",
                    row.label, classes[0]
                )));
            }
            _ => {}
        }
    }
    for fact in row.facts {
        let (component, field, wanted) = match fact {
            Fact::Number {
                component,
                field,
                value,
            } => (component, field, value.to_string()),
            Fact::Off { component, field } => (component, field, "off".to_owned()),
        };
        let Some(found) = folder.component(component)?.config.get(*field) else {
            continue;
        };
        let holds = match fact {
            Fact::Number { value, .. } => whole(found).and_then(|n| u64::try_from(n).ok()) == Some(*value),
            Fact::Off { .. } => !truth(found),
        };
        if !holds {
            let label = row.label;
            return Ok(Some(format!(
                "{component}/config.json has {field} = {found}; in {label} it is {wanted}"
            )));
        }
    }
    Ok(None)
}
