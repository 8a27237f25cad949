//! The LoRAs of a task, found in a model: which summand goes to which tensor of which component. It is made before any weight is
//! changed, so that a LoRA of another model is refused with the model as it was.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;

use darkroom_formats::adapter::{Adapter, Module, Part};
use darkroom_protocol::lora::Lora;
use darkroom_protocol::text::escape_line;

use super::delta::Summand;
use super::file::File;
use super::formula::Formula;
use super::names::{Names, Target};
use crate::model::{Adapt, Blueprint, ComponentKind};
use crate::weights::{Delta, Deltas, Weights};
use crate::{Cancel, Error, Result};

/// The most names that a message lists.
const LISTED: usize = 4;

/// The LoRAs of a task, found in a model.
#[derive(Debug, Default)]
pub struct Set {
    loras: Vec<(Lora, Arc<File>)>,
    components: HashMap<&'static str, HashMap<String, Deltas>>,
    notices: Vec<String>,
}

impl Set {
    /// These LoRAs in the model of `blueprint`.
    ///
    /// # Errors
    /// [`Error::Lora`] for one of another model; what is wrong with the headers of the model's files; [`Error::Cancelled`].
    pub fn of(blueprint: &Blueprint, loras: Vec<(Lora, Arc<File>)>, cancel: &Cancel) -> Result<Self> {
        let mut set = Self::default();
        if loras.is_empty() {
            return Ok(set);
        }
        let mut names = Vec::new();
        for component in blueprint.components() {
            names.extend(Names::of(blueprint, component, cancel)?);
        }
        for (lora, file) in &loras {
            cancel.check()?;
            set.add(lora, file, &names, &blueprint.key().name)?;
        }
        set.loras = loras;
        Ok(set)
    }

    /// Whether it is made of exactly these.
    pub fn is(&self, loras: &[(Lora, Arc<File>)]) -> bool {
        let equal = |(own, file): &(Lora, Arc<File>), (lora, other): &(Lora, Arc<File>)| {
            (own.unet, own.text) == (lora.unet, lora.text) && Arc::ptr_eq(file, other)
        };
        self.loras.len() == loras.len() && self.loras.iter().zip(loras).all(|(a, b)| equal(a, b))
    }

    /// What the person should know.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    fn add(&mut self, lora: &Lora, file: &Arc<File>, names: &[Names], model: &str) -> Result<()> {
        let mut unknown: Vec<&str> = Vec::new();
        let found = |written: &str| names.iter().find_map(|names| Some((names, names.find(written)?)));
        let whole: HashSet<(&str, &str)> = file
            .adapter
            .modules
            .keys()
            .filter_map(|written| match found(written)? {
                (names, [one]) => Some((names.component, one.module.as_str())),
                _ => None,
            })
            .collect();
        for (written, module) in &file.adapter.modules {
            let Some((names, targets)) = found(written) else {
                unknown.push(written);
                continue;
            };
            // Some files have what is fused in others, and the same once more in its parts: it counts once, as in diffusers.
            let is_there = |target: &Target| whole.contains(&(names.component, target.module.as_str()));
            if targets.len() > 1 && targets.iter().any(is_there) {
                continue;
            }
            let strength = match names.kind {
                ComponentKind::Denoiser => lora.unet,
                ComponentKind::TextEncoder | ComponentKind::Autoencoder => lora.text,
            };
            let module = Arc::new(module.clone());
            for (formula, tensors) in Formula::of(&module) {
                for target in targets {
                    let tensor = format!("{}.{}", target.module, tensors.name());
                    let summand = Summand {
                        file: file.clone(),
                        module: module.clone(),
                        formula,
                        target: target.clone(),
                        strength,
                    };
                    let Some(shape) = names.tensors.get(&tensor) else {
                        unknown.push(written);
                        continue;
                    };
                    if !summand.fits(shape) {
                        return Err(other_model(lora, &file.adapter, model, written, shape));
                    }
                    // Weights of zero change nothing, to the last bit.
                    if strength != 0.0 {
                        let component = self.components.entry(names.component).or_default();
                        component
                            .entry(tensor)
                            .or_default()
                            .push(Arc::new(summand) as Arc<dyn Delta>);
                    }
                }
            }
        }
        unknown.dedup();
        let all = file.adapter.modules.len();
        if unknown.len() >= all {
            let what = format!(
                "none of its {all} modules is in {} ({}): it is of another kind of model{}.",
                escape_line(model),
                list(&unknown),
                seems(&file.adapter)
            );
            return Err(Error::Lora {
                name: lora.name.clone(),
                what,
            });
        }
        self.tell(lora, all, &unknown, &file.adapter.unknown, model);
        Ok(())
    }

    fn tell(&mut self, lora: &Lora, all: usize, unknown: &[&str], foreign: &[String], model: &str) {
        let mut line = String::new();
        if !unknown.is_empty() {
            let (many, model) = (unknown.len(), escape_line(model));
            let _ = write!(
                line,
                " {many} of its {all} modules are not in {model} and count nowhere: {}.",
                list(unknown)
            );
        }
        if !foreign.is_empty() {
            let foreign: Vec<&str> = foreign.iter().map(String::as_str).collect();
            let _ = write!(
                line,
                " {} of its tensors are no LoRA's: {}.",
                foreign.len(),
                list(&foreign)
            );
        }
        if !line.is_empty() {
            self.notices.push(format!("LoRA {}:{line}", escape_line(&lora.name)));
        }
    }
}

impl Adapt for Set {
    fn adapt(&self, component: &str, weights: &Weights) {
        let wanted = self.components.get(component).cloned().unwrap_or_default();
        let unread = weights.patches().set(wanted);
        if !unread.is_empty() {
            tracing::error!(
                "{} tensors of {component} are not read as they were offered",
                unread.len()
            );
        }
    }
}

fn other_model(lora: &Lora, adapter: &Adapter, model: &str, written: &str, shape: &[i64]) -> Error {
    let sizes = |module: &Module| {
        let sizes = module
            .parts
            .values()
            .filter(|entry| !entry.shape.is_empty())
            .map(|entry| format!("{:?}", entry.shape));
        sizes.collect::<Vec<_>>().join(" and ")
    };
    let own = adapter.modules.get(written).map(sizes).unwrap_or_default();
    Error::Lora {
        name: lora.name.clone(),
        what: format!(
            "its module {} ({own}) does not fit the {shape:?} that {} has there: it is of another kind of model{}.",
            escape_line(written),
            escape_line(model),
            seems(adapter)
        ),
    }
}

/// What the width of its prompts says of a LoRA's model, as the end of a sentence.
fn seems(adapter: &Adapter) -> &'static str {
    let reads_prompts = |name: &&String| name.contains("attn2") && name.ends_with("to_k");
    let width = adapter.modules.keys().find(reads_prompts).and_then(|name| {
        let down = adapter.modules[name].parts.get(&Part::Down)?;
        down.shape.get(1).copied()
    });
    match width {
        Some(768) => ", for instance Stable Diffusion 1.x",
        Some(1024) => ", for instance Stable Diffusion 2.x",
        Some(2048) => ", for instance Stable Diffusion XL",
        _ => "",
    }
}

fn list(names: &[&str]) -> String {
    let shown: Vec<_> = names.iter().take(LISTED).map(|name| escape_line(name)).collect();
    match names.len().saturating_sub(LISTED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
