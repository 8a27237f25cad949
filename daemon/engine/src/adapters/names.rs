//! What the modules of LoRA files are called in a model. Every trainer has prefixes for the parts of a model, and writes a module's
//! path with dots or with underscores, in diffusers' names or in those of the original code. Here all of a component's tensors are
//! entered under each of their spellings, which its family says (`Family::spelling`, `Family::spell`), so that no table of modules is
//! needed for any family. Prefixes: ComfyUI's `comfy/lora.py`, diffusers' `loaders/lora_conversion_utils.py`.

use std::collections::{BTreeMap, HashMap};

use crate::model::{Blueprint, Component, ComponentKind};
use crate::weights::{Piece, Rows};
use crate::{Cancel, Result};

/// Where a module of a file goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The layers' module: its tensors are this and `.weight` or `.bias`.
    pub module: String,
    /// Which rows of the file's module it is.
    pub rows: Rows,
    /// Whether the file's module has its axes the other way round.
    pub turned: bool,
    /// Which part of the layers' module the file's is.
    pub place: (usize, usize),
}

/// The spellings of one component's modules.
#[derive(Debug)]
pub struct Names {
    /// The component.
    pub component: &'static str,
    /// What it does.
    pub kind: ComponentKind,
    /// Every tensor to which something can be added, and its shape.
    pub tensors: HashMap<String, Vec<i64>>,
    modules: HashMap<String, Vec<Target>>,
    prefixes: &'static [&'static str],
}

/// Before a module of the denoiser.
const DENOISER: &[&str] = &[
    // Trainers of Z-Image and Lumina end the prefix once more.
    "lora_unet__",
    "lora_unet_",
    "lora_transformer_",
    "lycoris_unet_",
    "lycoris_",
    "unet_base_model_model_",
    "unet_",
    "transformer_",
    "base_model_model_",
    "model_diffusion_model_",
    "diffusion_model_",
    "",
];
/// Before a module of the first text encoder.
const FIRST_ENCODER: &[&str] = &[
    "lora_te_",
    "lora_te1_",
    "lycoris_te_",
    "lycoris_te1_",
    "text_encoder_base_model_model_",
    "text_encoder_",
    "text_encoders_clip_l_transformer_",
    "text_encoders_clip_l_",
    "clip_l_transformer_",
    "clip_l_",
    "text_encoders_qwen3_4b_transformer_",
    "qwen3_4b_transformer_",
    "text_encoders_t5xxl_transformer_",
    "t5xxl_transformer_",
];
/// Before a module of the second.
const SECOND_ENCODER: &[&str] = &[
    "lora_te2_",
    "lycoris_te2_",
    "text_encoder_2_base_model_model_",
    "text_encoder_2_",
    "text_encoders_clip_g_transformer_",
    "text_encoders_clip_g_",
    "clip_g_transformer_",
    "clip_g_",
    // T5, the third encoder of Stable Diffusion 3, after which trainers name FLUX.1's second.
    "lora_te3_",
    "text_encoders_t5xxl_transformer_",
    "t5xxl_transformer_",
];

impl Names {
    /// The spellings of the modules of `component`; `None` for one that LoRAs say nothing of.
    ///
    /// # Errors
    /// What is wrong with the headers of its files.
    pub fn of(blueprint: &Blueprint, component: &Component, cancel: &Cancel) -> Result<Option<Self>> {
        let prefixes = match (component.kind, component.name) {
            (ComponentKind::Denoiser, _) => DENOISER,
            (ComponentKind::TextEncoder, "text_encoder_2") => SECOND_ENCODER,
            (ComponentKind::TextEncoder, _) => FIRST_ENCODER,
            (ComponentKind::Autoencoder, _) => return Ok(None),
        };
        let tensors = blueprint.offered(component, cancel)?;
        let family = blueprint.family();
        let mut names = Self {
            component: component.name,
            kind: component.kind,
            modules: HashMap::new(),
            tensors,
            prefixes,
        };
        let mut others: BTreeMap<String, Vec<Target>> = BTreeMap::new();
        let modules: Vec<String> = names
            .tensors
            .keys()
            .filter_map(|name| name.strip_suffix(".weight"))
            .map(str::to_owned)
            .collect();
        for module in modules {
            names.enter(&module);
            let name = format!("{module}.weight");
            let Some(key) = family.spelling(component.name, &name).filter(|key| *key != name) else {
                continue;
            };
            let Some(other) = key.strip_suffix(".weight").or_else(|| key.strip_suffix("_weight")) else {
                continue;
            };
            others.entry(fold(other)).or_insert_with(|| {
                family
                    .spell(component.name, &key)
                    .into_iter()
                    .filter_map(target)
                    .collect()
            });
        }
        for (other, targets) in others {
            let there = |target: &Target| names.tensors.contains_key(&format!("{}.weight", target.module));
            if targets.iter().all(there) {
                names.modules.entry(other).or_insert(targets);
            }
        }
        Ok(Some(names))
    }

    /// Enters a module under its own name, and under those that files have for it beside.
    fn enter(&mut self, module: &str) {
        let whole = || {
            vec![Target {
                module: module.to_owned(),
                rows: Rows::All,
                turned: false,
                place: (0, 1),
            }]
        };
        let own = fold(module);
        let mut spellings = vec![own.clone()];
        match self.kind {
            // An attention's output is the first of a list in newer diffusers.
            ComponentKind::Denoiser => {
                spellings.extend(own.strip_suffix("_to_out_0").map(|rest| format!("{rest}_to_out")))
            }
            ComponentKind::TextEncoder => {
                let bare = bare(&own).to_owned();
                for (theirs, before) in [
                    ("q_proj", "to_q"),
                    ("k_proj", "to_k"),
                    ("v_proj", "to_v"),
                    ("out_proj", "to_out"),
                ] {
                    spellings.extend(bare.strip_suffix(theirs).map(|rest| format!("{rest}{before}")));
                }
                spellings.push(bare);
            }
            ComponentKind::Autoencoder => {}
        }
        for spelling in spellings {
            self.modules.entry(spelling).or_insert_with(whole);
        }
    }

    /// Where the module that a file calls `written` goes; `None` where it is none of this component.
    pub fn find(&self, written: &str) -> Option<&[Target]> {
        let folded = fold(written).replace("_processor_", "_");
        let inside = self.prefixes.iter().filter_map(|prefix| folded.strip_prefix(prefix));
        let mut found = inside.filter_map(|rest| {
            let rest = match self.kind {
                ComponentKind::TextEncoder => bare(rest),
                ComponentKind::Denoiser | ComponentKind::Autoencoder => rest,
            };
            self.modules.get(rest)
        });
        found.next().map(Vec::as_slice)
    }
}

/// A path as every spelling of it comes to.
fn fold(path: &str) -> String {
    path.replace('.', "_")
}

/// An encoder's module without the name of the model around it, CLIP's or a language model's, which some leave out.
fn bare(folded: &str) -> &str {
    let around = ["text_model_", "model_"];
    around
        .iter()
        .find_map(|name| folded.strip_prefix(name))
        .unwrap_or(folded)
}

fn target(piece: Piece) -> Option<Target> {
    let module = piece.name.strip_suffix(".weight")?.to_owned();
    Some(Target {
        module,
        rows: piece.rows,
        turned: piece.turned,
        place: piece.place,
    })
}
