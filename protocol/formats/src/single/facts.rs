//! What a single file and the files beside it say of the model, beyond its tensors' shapes: what it predicts, its noise
//! schedule, the scale of its latents, the size of its text encoder's tables. [`super::SingleFile`] puts it into the
//! configurations that it shows; what cannot be followed is refused or said.

use std::collections::BTreeMap;

use darkroom_protocol::Prediction;
use darkroom_protocol::sampler::Named;
use serde_json::{Map, Value, json};

use super::edm::{edm, edm_epsilon, edm_velocity};
use super::flux;
use super::measure::{Numbers, prediction};
use super::yaml;
use crate::family::{Family, Layout};
use crate::parts::{clip_heads, measured};
use crate::safetensors::Header;
use crate::shown::Shown;

/// Tensors that some savers put in, empty, to mark a v-prediction model, and one of zero terminal SNR.
const V_PRED: [&str; 3] = ["v_pred", "model.v_pred", "model.diffusion_model.v_pred"];
const ZERO_SNR: [&str; 3] = ["ztsnr", "model.ztsnr", "model.diffusion_model.ztsnr"];
/// Marks of the noise schedule of Karras et al. 2022 (arXiv 2206.00364), which some SDXL models have.
const EDM: &str = "edm_";
/// Metadata that name a prediction: modelspec.org's, ComfyUI's, plain ones.
const PREDICTION_KEYS: [&str; 5] = [
    "modelspec.prediction_type",
    "modelspec.predict_key",
    "prediction_type",
    "ss_prediction_type",
    "parameterization",
];
/// Metadata that say yes or no to v-prediction.
const V_KEYS: [&str; 4] = ["ss_v_parameterization", "v_parameterization", "v_pred", "v_prediction"];
/// Metadata that say yes or no to zero terminal SNR.
const ZERO_SNR_KEYS: [&str; 7] = [
    "ss_zero_terminal_snr",
    "zero_terminal_snr",
    "modelspec.zero_terminal_snr",
    "ztsnr",
    "zsnr",
    "rescale_betas_zero_snr",
    "ss_rescale_betas_zero_snr",
];
/// A text encoder's tables by the field that has their rows, as transformers and as open_clip end their names.
const TABLES: [(&str, [&str; 2]); 2] = [
    ("vocab_size", ["token_embedding.weight", "token_embedding.weight"]),
    (
        "max_position_embeddings",
        ["position_embedding.weight", "positional_embedding"],
    ),
];
/// diffusers counts averages of the training only where there are more of them.
const EMA_TENSORS: usize = 100;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Facts {
    /// What each component's configuration says otherwise than the published one.
    found: BTreeMap<&'static str, Map<String, Value>>,
    /// Lines for the person.
    pub notices: Vec<String>,
}

impl Facts {
    /// Facts of a file of that family with this header, where that prefix stands before its denoiser's keys of that layout, and, beside
    /// it, the configuration `yaml`. `numbers` reads small
    /// tensors.
    ///
    /// # Errors
    /// What asks for another model than the family's, or cannot be read: a clause with the file as its subject.
    pub fn read(
        header: &Header,
        (family, prefix, layout): (Family, &str, Layout),
        yaml: Option<&str>,
        numbers: &Numbers,
    ) -> Result<Self, String> {
        let mut facts = Self::default();
        let mut words = Vec::new();
        if let Some(text) = yaml {
            let pairs = yaml::scalars(text).map_err(|what| format!("its .yaml cannot be read: {what}"))?;
            for (path, value) in &pairs {
                facts.of_yaml(family, path, value, &mut words)?;
            }
        }
        let has = |names: &[&str]| names.iter().any(|name| header.tensors.contains_key(*name));
        if has(&V_PRED) {
            words.push(("its v_pred tensor", Prediction::VPrediction));
        }
        if header.tensors.keys().any(|name| name.starts_with(EDM)) {
            if family != Family::StableDiffusionXl {
                return Err("its edm_ tensors ask for a noise schedule that its family has not".to_owned());
            }
            for (component, settings) in edm(numbers)? {
                facts.of(component).extend(settings);
            }
        }
        let yes = |keys: &[&str]| {
            keys.iter()
                .any(|key| header.metadata.get(*key).is_some_and(|text| is_yes(text)))
        };
        if has(&ZERO_SNR) || yes(&ZERO_SNR_KEYS) {
            facts
                .of("scheduler")
                .insert("rescale_betas_zero_snr".to_owned(), true.into());
        }
        facts.of_metadata(family, header, &mut words);
        let seen = (family == Family::StableDiffusion2).then(|| prediction(numbers, prefix));
        let told = facts.predict(&words).or(seen.flatten());
        facts.shown(family, told, words.is_empty());
        facts.tables(header, family);
        facts.inputs(header, prefix);
        facts.edits(header, prefix);
        facts.shapes(header, family, (prefix, layout));
        facts.flux(header, family, (prefix, layout));
        facts.read_states(family);
        if header
            .tensors
            .keys()
            .filter(|name| name.starts_with("model_ema."))
            .count()
            > EMA_TENSORS
        {
            let line = "The file holds averaged weights (model_ema) beside the trained ones: the trained ones are used, as in diffusers.";
            facts.notices.push(line.to_owned());
        }
        Ok(facts)
    }

    fn of_metadata(&mut self, family: Family, header: &Header, words: &mut Vec<(&'static str, Prediction)>) {
        let get = |key: &str| {
            header
                .metadata
                .get(key)
                .map(|text| text.trim())
                .filter(|text| !text.is_empty())
        };
        for text in PREDICTION_KEYS.iter().filter_map(|key| get(key)) {
            match Prediction::from_name(text) {
                Some(prediction) => words.push(("its metadata", prediction)),
                None => self.notices.push(format!(
                    "The file's metadata say that it predicts {}, which is not known: --prediction says what it does.",
                    Shown(text)
                )),
            }
        }
        if V_KEYS.iter().filter_map(|key| get(key)).any(is_yes) {
            words.push(("its metadata", Prediction::VPrediction));
        }
        let Some(architecture) = get("modelspec.architecture") else {
            return;
        };
        let base = architecture.split('/').next().unwrap_or_default();
        if base.ends_with("-v") {
            words.push(("its metadata", Prediction::VPrediction));
        } else if base.starts_with("stable-diffusion-") && !base.starts_with(family.built().checkpoint.architecture) {
            self.notices.push(format!(
                "The file's metadata call it {}, and its tensors are {}'s: read as what the tensors are.",
                Shown(architecture),
                family.label()
            ));
        }
    }

    /// One setting of the configuration beside the file.
    fn of_yaml(
        &mut self,
        family: Family,
        path: &str,
        value: &str,
        words: &mut Vec<(&'static str, Prediction)>,
    ) -> Result<(), String> {
        const YAML: &str = "its .yaml";
        let Some(setting) = path.strip_prefix("model.params.") else {
            return Ok(());
        };
        match setting {
            "parameterization" => match Prediction::from_name(value) {
                Some(prediction) => words.push((YAML, prediction)),
                None => return Err(format!("its .yaml has the parameterization {}, which is not built", Shown(value))),
            },
            "linear_start" => set(self.of("scheduler"), "beta_start", setting, value)?,
            "linear_end" => set(self.of("scheduler"), "beta_end", setting, value)?,
            "timesteps" => set(self.of("scheduler"), "num_train_timesteps", setting, value)?,
            "scale_factor" => set(self.of("vae"), "scaling_factor", setting, value)?,
            "beta_schedule" if value != "linear" => {
                return Err(format!("its .yaml has the beta_schedule {}, which is not built", Shown(value)));
            }
            "zero_terminal_snr" | "rescale_betas_zero_snr" | "ztsnr" | "zsnr" if is_yes(value) => {
                self.of("scheduler").insert("rescale_betas_zero_snr".to_owned(), true.into());
            }
            "denoiser_config.params.scaling_config.target" => match value.rsplit('.').next().unwrap_or_default() {
                "EpsScaling" => words.push((YAML, Prediction::Epsilon)),
                "VScaling" => words.push((YAML, Prediction::VPrediction)),
                // Preconditioning of Karras et al. 2022, and its range of noise with the velocity for output.
                "EDMScaling" if family == Family::StableDiffusionXl => self.noise(edm_epsilon()),
                "VScalingWithEDMcNoise" if family == Family::StableDiffusionXl => self.noise(edm_velocity(None, None)),
                other => return Err(format!("its .yaml has the scaling {}, which is not built", Shown(other))),
            },
            "denoiser_config.params.scaling_config.params.sigma_data" => {
                set(self.of("scheduler"), "sigma_data", setting, value)?;
            }
            "cond_stage_config.target" => {
                let class = value.rsplit_once('.').map(|(_, class)| class);
                if class != Some(family.built().checkpoint.text_encoder) {
                    return Err(format!(
                        "its .yaml has the text encoder {}, which is not {}'s",
                        Shown(value),
                        family.label()
                    ));
                }
            }
            "cond_stage_config.params.layer" if value != family.built().checkpoint.layer => self.notices.push(format!(
                "The .yaml beside the file asks for the text encoder's layer {}, which is not built: its {} one is used.",
                Shown(value),
                family.built().checkpoint.layer
            )),
            _ => {
                let unet = ["unet_config.params.", "network_config.params."];
                if let Some(setting) = unet.iter().find_map(|prefix| setting.strip_prefix(prefix)) {
                    return self.of_unet(family, setting, value);
                }
            }
        }
        Ok(())
    }

    fn of_unet(&mut self, family: Family, setting: &str, value: &str) -> Result<(), String> {
        if setting == "num_heads" {
            if value != "-1" && family == Family::StableDiffusion1 {
                // diffusers calls the number of heads so in this family.
                set(self.of("unet"), "attention_head_dim", setting, value)?;
            }
            return Ok(());
        }
        let plain: String = value
            .chars()
            .filter(|c| !c.is_whitespace())
            .flat_map(char::to_lowercase)
            .collect();
        let mut settings = family.built().checkpoint.denoiser.iter();
        match settings.find(|(known, _)| *known == setting) {
            Some((_, expected)) if plain != *expected => Err(format!(
                "its .yaml has {setting} = {}; in {} it is {expected}",
                Shown(value),
                family.label()
            )),
            _ => Ok(()),
        }
    }

    /// The first word counts: the configuration beside the file, then its tensors, then its metadata.
    fn predict(&mut self, words: &[(&'static str, Prediction)]) -> Option<Prediction> {
        let (source, prediction) = words.first()?;
        self.of("scheduler")
            .insert("prediction_type".to_owned(), prediction.name().into());
        if let Some((other, says)) = words.iter().find(|(_, says)| says != prediction) {
            self.notices.push(format!(
                "For this file {source} says {}, {other} says {}: using {}, --prediction says otherwise.",
                prediction.name(),
                says.name(),
                prediction.name()
            ));
        }
        Some(*prediction)
    }

    /// What follows from the prediction in Stable Diffusion 2: its models of 512 pixels predict the noise, those of 768 the
    /// velocity, and published files say neither. Where nobody said it, the weights did.
    fn shown(&mut self, family: Family, prediction: Option<Prediction>, alone: bool) {
        let (Family::StableDiffusion2, Some(prediction)) = (family, prediction) else {
            return;
        };
        if alone {
            self.of("scheduler")
                .insert("prediction_type".to_owned(), prediction.name().into());
        }
        if prediction == Prediction::Epsilon {
            self.of("unet").insert("sample_size".to_owned(), 64.into());
        }
    }

    /// Another scheduler than the family's.
    fn noise(&mut self, scheduler: Map<String, Value>) {
        let index = json!(["diffusers", scheduler.get("_class_name")]);
        self.of("model_index.json").insert("scheduler".to_owned(), index);
        self.of("scheduler").extend(scheduler);
    }

    /// What is found of a component's configuration.
    fn of(&mut self, component: &'static str) -> &mut Map<String, Value> {
        self.found.entry(component).or_default()
    }

    /// Rows of each text encoder's two tables, which are longer where tokens or positions were added.
    fn tables(&mut self, header: &Header, family: Family) {
        let parts = family.built().checkpoint.parts.iter();
        for part in parts.filter(|part| part.component.starts_with("text_encoder")) {
            let prefix = part.prefix.unwrap_or_default();
            let rows = |ends: [&str; 2]| {
                let mut tensors = header.tensors.iter();
                let found = tensors.find(|(name, _)| {
                    let inside = name.strip_prefix(prefix);
                    inside.is_some_and(|name| ends.iter().any(|end| name.ends_with(end)))
                });
                found.and_then(|(_, entry)| entry.shape.first().copied())
            };
            for (field, ends) in TABLES {
                if let Some(rows) = rows(ends) {
                    self.of(part.component).insert(field.to_owned(), rows.into());
                }
            }
        }
    }

    /// CosXL's form for editing is told by both: its noise, and the channels for the picture (ComfyUI's `SDXL_instructpix2pix`).
    fn edits(&mut self, header: &Header, prefix: &str) {
        let first = header.tensors.get(&format!("{prefix}input_blocks.0.0.weight"));
        let edits = first.is_some_and(|entry| entry.shape.get(1) == Some(&8));
        let scheduler = self.found.get("scheduler").and_then(|found| found.get("_class_name"));
        if edits && scheduler.is_some_and(|class| class == "EDMEulerScheduler") {
            self.of("model_index.json")
                .insert("is_cosxl_edit".to_owned(), true.into());
        }
    }

    /// Blocks and widths of each component that is there.
    fn shapes(&mut self, header: &Header, family: Family, (prefix, layout): (&str, Layout)) {
        let built = family.built();
        for (component, class) in built.components {
            let part = built.checkpoint.parts.iter().find(|part| part.component == *component);
            let published = built.checkpoint.config(&format!("{component}/config.json"));
            let published = published
                .and_then(|text| serde_json::from_str(text).ok())
                .unwrap_or_default();
            let place = match part.and_then(|part| part.prefix) {
                Some(prefix) => (prefix, Layout::Original),
                None => (prefix, layout),
            };
            self.of(component).extend(measured(class, header, place, &published));
        }
    }

    /// Channels that the denoiser reads: more than the published one's in models for inpainting and editing.
    fn inputs(&mut self, header: &Header, prefix: &str) {
        let first = header.tensors.get(&format!("{prefix}input_blocks.0.0.weight"));
        if let Some(channels @ (8 | 9)) = first.and_then(|entry| entry.shape.get(1)) {
            self.of("unet").insert("in_channels".to_owned(), (*channels).into());
        }
    }

    /// What a FLUX.1 says beyond its shapes.
    fn flux(&mut self, header: &Header, family: Family, place: (&str, Layout)) {
        if family != Family::Flux1 {
            return;
        }
        self.of("scheduler").extend(flux::scheduler(header, place));
        if flux::is_kontext(header) {
            self.of("model_index.json")
                .insert("_class_name".to_owned(), "FluxKontextPipeline".into());
        }
    }

    /// How wide the states of text encoders are that the file has not: its transformer reads them.
    fn read_states(&mut self, family: Family) {
        const CLIP: (&str, &str, &str) = ("text_encoder", "hidden_size", "pooled_projection_dim");
        let reads: &[(&'static str, &str, &str)] = match family {
            Family::ZImage => &[("text_encoder", "hidden_size", "cap_feat_dim")],
            Family::Flux1 => &[CLIP, ("text_encoder_2", "d_model", "joint_attention_dim")],
            Family::Chroma => &[("text_encoder", "d_model", "joint_attention_dim")],
            _ => &[],
        };
        for read in reads {
            let (component, field, of) = *read;
            let transformer = self.found.get("transformer");
            let Some(width) = transformer.and_then(|found| found.get(of)?.as_u64()) else {
                continue;
            };
            let encoder = self.of(component);
            if encoder.contains_key(field) {
                continue;
            }
            encoder.insert(field.to_owned(), width.into());
            if *read == CLIP {
                encoder.insert("num_attention_heads".to_owned(), clip_heads(width).into());
            }
        }
    }

    /// The configuration `name` with what was found in it; `None` where the published one stands.
    pub fn configuration(&self, name: &str, published: &str) -> Option<String> {
        let component = match name.split_once('/') {
            None => name,
            Some((component, "config.json" | "scheduler_config.json")) => component,
            Some(_) => return None,
        };
        let found = self.found.get(component)?;
        let mut config: Map<String, Value> = serde_json::from_str(published).ok()?;
        config.extend(found.clone());
        (!found.is_empty()).then(|| json!(config).to_string())
    }
}

fn is_yes(text: &str) -> bool {
    matches!(text.trim().to_ascii_lowercase().as_str(), "true" | "1" | "yes" | "on")
}

/// Sets `field` of a configuration to the number that `setting` has.
fn set(config: &mut Map<String, Value>, field: &str, setting: &str, value: &str) -> Result<(), String> {
    let whole = value.parse::<u64>().map(Value::from).ok();
    let parsed = whole.or_else(|| value.parse::<f64>().ok().filter(|n| n.is_finite()).map(Value::from));
    let wrong = || format!("its .yaml has {setting} = {}, which is no number", Shown(value));
    config.insert(field.to_owned(), parsed.ok_or_else(wrong)?);
    Ok(())
}
