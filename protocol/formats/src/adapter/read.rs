//! A LoRA file's header sorted into modules. Nothing here knows a model; what is no LoRA at all is refused by what it seems to be.

use std::collections::BTreeMap;

use super::Part;
use super::parts::part;
use super::peft::Scales;
use crate::safetensors::{Entry, Header};

/// The largest file that is read as a LoRA, in bytes. Those of the largest models have about two GB.
pub const MAX_FILE: u64 = 8 << 30;

/// What a LoRA file holds.
#[derive(Debug, Default)]
pub struct Adapter {
    /// Its modules by the names that it has for them.
    pub modules: BTreeMap<String, Module>,
    /// Keys that are no part of any, in order.
    pub unknown: Vec<String>,
}

/// What a LoRA file holds for one module of a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Module {
    /// Its tensors.
    pub parts: BTreeMap<Part, Entry>,
    /// The scale that the file's metadata say; counts where there is no alpha.
    pub scale: Option<f64>,
}

/// Why a file is not taken for a LoRA: the end of a sentence that begins with its name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdapterProblem {
    /// Nothing in it is a LoRA's.
    #[error("is no LoRA: {seems}.")]
    None {
        /// What it seems to be, and what to do.
        seems: String,
    },
    /// A module's tensors do not make one of the kinds that there are.
    #[error("is damaged, or of a kind that is not known: {module} has {what}.")]
    Module {
        /// As the file calls it.
        module: String,
        /// What is there.
        what: &'static str,
    },
}

impl Adapter {
    /// What the file of that header holds.
    ///
    /// # Errors
    /// [`AdapterProblem`] where it is no LoRA, or a module of it is not whole.
    pub fn read(header: &Header) -> Result<Self, AdapterProblem> {
        let scales = Scales::read(&header.metadata);
        let mut adapter = Self::default();
        for (key, entry) in &header.tensors {
            match factors(header, key).or_else(|| part(key)) {
                Some((module, part)) => {
                    let module = adapter.modules.entry(module.to_owned()).or_default();
                    module.parts.insert(part, entry.clone());
                }
                None => adapter.unknown.push(key.clone()),
            }
        }
        let (modules, loose): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut adapter.modules)
            .into_iter()
            .partition(|(_, module)| module.parts.keys().any(|part| part.carries()));
        adapter.modules = modules;
        adapter.unknown.extend(loose.into_keys());
        adapter.unknown.sort();
        if adapter.modules.is_empty() {
            return Err(AdapterProblem::None { seems: seems(header) });
        }
        for (name, module) in &mut adapter.modules {
            module.check().map_err(|what| AdapterProblem::Module {
                module: name.clone(),
                what,
            })?;
            module.scale = module.rank().and_then(|rank| scales.scale(name, rank));
        }
        Ok(adapter)
    }
}

/// The module whose factors of IA³ a key is. They are called as any weight is: what says how to read them tells them.
fn factors<'a>(header: &Header, key: &'a str) -> Option<(&'a str, Part)> {
    let module = key.strip_suffix(".weight")?;
    let is_ia3 = header.tensors.contains_key(&format!("{module}.on_input"));
    is_ia3.then_some((module, Part::Ia3))
}

impl Module {
    /// Whether it has that part.
    pub fn has(&self, part: Part) -> bool {
        self.parts.contains_key(&part)
    }

    /// The inner size of its products; `None` where it has none.
    pub fn rank(&self) -> Option<u64> {
        use Part::{Down, GloraA2, HadaW1B, LokrW1B, LokrW2B};
        let inner = [Down, HadaW1B, LokrW1B, LokrW2B, GloraA2];
        inner
            .iter()
            .find_map(|part| self.parts.get(part)?.shape.first().copied())
    }

    /// That what belongs together is there, and numbers are numbers.
    fn check(&self) -> Result<(), &'static str> {
        use Part::{
            Down, GloraA1, GloraA2, GloraB1, GloraB2, HadaT1, HadaT2, HadaW1A, HadaW1B, HadaW2A, HadaW2B, LokrT2,
            LokrW1, LokrW1A, LokrW1B, LokrW2, LokrW2A, LokrW2B, Mid, Up,
        };
        let any = |parts: &[Part]| parts.iter().any(|part| self.has(*part));
        let all = |parts: &[Part]| parts.iter().all(|part| self.has(*part));
        let whole = |parts: &[Part], what| if !any(parts) || all(parts) { Ok(()) } else { Err(what) };
        whole(&[Down, Up], "one of a LoRA's two parts without the other")?;
        if self.has(Mid) && !self.has(Down) {
            return Err("the middle of a LoRA without its ends");
        }
        whole(&[HadaW1A, HadaW1B, HadaW2A, HadaW2B], "a part of a LoHa alone")?;
        whole(&[HadaT1, HadaT2], "one middle of a LoHa without the other")?;
        whole(&[GloraA1, GloraA2, GloraB1, GloraB2], "a part of a GLoRA alone")?;
        whole(&[LokrW1A, LokrW1B], "one half of a LoKr's factor without the other")?;
        whole(&[LokrW2A, LokrW2B], "one half of a LoKr's factor without the other")?;
        let small = any(&[LokrW1, LokrW1A]);
        let large = any(&[LokrW2, LokrW2A]);
        if small != large || (self.has(LokrT2) && !self.has(LokrW2A)) {
            return Err("one factor of a LoKr without the other");
        }
        let number = |(part, entry): (&Part, &Entry)| !part.is_number() || entry.elements() == 1;
        match self.parts.iter().all(number) {
            true => Ok(()),
            false => Err("several numbers where one stands, as its alpha"),
        }
    }
}

/// What a file without a LoRA in it seems to be, and what to do with it.
fn seems(header: &Header) -> String {
    let has = |what: &dyn Fn(&str) -> bool| header.tensors.keys().any(|key| what(key));
    let whole = |key: &str| {
        key.starts_with("model.diffusion_model.") || key.starts_with("cond_stage_model.") || key == "conv_in.weight"
    };
    let embedding = |key: &str| matches!(key, "emb_params" | "clip_l" | "clip_g");
    let control = |key: &str| key.starts_with("control_model.") || key.starts_with("controlnet_");
    let vae = |key: &str| key.starts_with("decoder.") || key.starts_with("first_stage_model.");
    let text = match () {
        () if header.tensors.is_empty() => "it holds no tensor",
        () if has(&control) => "it seems to be a ControlNet",
        () if has(&whole) => "it seems to be a whole model, which -m names",
        () if has(&embedding) => "it seems to be a textual inversion",
        () if has(&vae) => "it seems to be a VAE",
        () => "none of its tensors is called as a LoRA's are",
    };
    text.to_owned()
}
