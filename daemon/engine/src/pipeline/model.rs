use darkroom_formats::folder::{Files, Folder};
use darkroom_protocol::{Phase, Progress, Quant};
use tch::{Kind, Tensor};

use super::Observer;
use crate::families::stable_diffusion::{AutoencoderKl, UNet2DConditionModel, UNetConfig, VaeConfig};
use crate::residency::Key;
use crate::sampling::SchedulerConfig;
use crate::text::Tokenizer;
use crate::text::clip::{ClipSelect, ClipTextConfig, ClipTextModel};
use crate::torch::{self, Device};
use crate::weights::{Source, Weights};
use crate::{Cancel, Error, Result};

/// A Stable Diffusion ready to use.
#[derive(Debug)]
pub struct Model {
    tokenizer: Tokenizer,
    text_encoder: ClipTextModel,
    /// The denoiser.
    pub(super) unet: UNet2DConditionModel,
    /// Between latents and pixels.
    pub(super) vae: AutoencoderKl,
    /// What scheduler_config.json says.
    pub(super) scheduler: SchedulerConfig,
    /// Where it is.
    pub(super) device: Device,
    source: Source,
    files: Vec<String>,
    stamp: u64,
    bytes: u64,
}

/// A model's files, read as far as their configuration.
pub struct ModelFiles {
    source: Source,
    folder: Folder,
    device: Device,
    kind: Kind,
    quant: Quant,
    cancel: Cancel,
}

impl Model {
    /// Reads the configuration of the model that `key` names. No weights yet.
    ///
    /// # Errors
    /// What is wrong with the folder, in words.
    pub fn open(key: &Key, cancel: &Cancel) -> Result<ModelFiles> {
        let source = Source::open(&key.source)?;
        let folder = Folder::read(&source)?;
        Ok(ModelFiles {
            source,
            folder,
            device: key.device,
            kind: key.kind,
            quant: key.quant,
            cancel: cancel.clone(),
        })
    }

    /// Whether its files are still those it was read from.
    pub fn is_current(&self) -> bool {
        self.source.stamp(self.files.iter().map(String::as_str)) == self.stamp
    }

    /// Bytes of weights in memory.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Pixels a latent covers along each side.
    pub fn vae_factor(&self) -> u32 {
        self.vae.config().factor() as u32
    }

    /// Channels of a latent.
    pub(super) fn latent_channels(&self) -> i64 {
        self.vae.config().latent_channels
    }

    /// Token ids [1, 77] of `text`, and one line when its end found no room.
    pub(super) fn tokens(&self, text: &str) -> Result<(Tensor, Option<String>)> {
        let chunk = self.tokenizer.chunk77(text)?;
        let line = chunk.dropped.map(|dropped| {
            let text = darkroom_protocol::text::escape_line(dropped.text.trim()).into_owned();
            format!(
                "the model reads 75 tokens, the last {} are not used: “{}”.",
                dropped.tokens,
                shorten(&text)
            )
        });
        Ok((Tensor::from_slice(&chunk.ids).unsqueeze(0), line))
    }

    /// Says that no prompt is encoded for a while.
    pub(super) fn rest_after_prompts(&self) {
        self.text_encoder.rest();
    }

    /// Token ids [1, 77] to hidden states [1, 77, width].
    pub(super) fn encode(&self, ids: &Tensor, cancel: &Cancel) -> Result<Tensor> {
        let ids = torch::to(ids, self.device, Kind::Int64)?;
        Ok(self
            .text_encoder
            .forward(&ids, ClipSelect::default(), cancel)?
            .hidden_states)
    }
}

impl ModelFiles {
    /// Bytes of its weights on disk.
    pub fn bytes(&self) -> u64 {
        self.folder.components.values().map(|c| c.bytes).sum()
    }

    /// Reads the weights.
    ///
    /// # Errors
    /// A config or tensor that does not fit, out of memory, cancelled.
    pub fn load(self, observer: &mut dyn Observer) -> Result<Model> {
        let mut load = |step| observer.progress(loading(step));
        let files = self.file_names();
        let stamp = self.source.stamp(files.iter().map(String::as_str));
        load(0);
        let tokenizer = self.tokenizer()?;
        let (weights, json) = self.component("text_encoder")?;
        let text_encoder = ClipTextModel::new(&weights, &ClipTextConfig::from_json(&json)?)?;
        load(1);
        let (weights, json) = self.component("unet")?;
        let unet = UNet2DConditionModel::new(&weights.quantised(self.quant), &UNetConfig::from_json(&json)?)?;
        load(2);
        let (weights, json) = self.component("vae")?;
        let vae = AutoencoderKl::new(&weights, &VaeConfig::from_json(&json)?)?;
        load(3);
        Ok(Model {
            tokenizer,
            text_encoder,
            unet,
            vae,
            scheduler: self.scheduler()?,
            device: self.device,
            files,
            stamp,
            bytes: self.bytes(),
            source: self.source,
        })
    }

    /// The files whose change makes the model another one.
    fn file_names(&self) -> Vec<String> {
        let configs = self.folder.components.keys().map(|name| format!("{name}/config.json"));
        let weights = self.folder.components.values().flat_map(|c| c.weights.iter().cloned());
        let index = ["model_index.json", "scheduler/scheduler_config.json"].map(str::to_owned);
        index.into_iter().chain(configs).chain(weights).collect()
    }

    fn component(&self, name: &str) -> Result<(Weights, Vec<u8>)> {
        let component = self.folder.component(name)?;
        let json = serde_json::to_vec(&component.config).map_err(|e| self.bad(name, &e))?;
        let weights = Weights::open(
            name,
            &self.source,
            &component.weights,
            self.device,
            Some(self.kind),
            self.cancel.clone(),
        )?;
        Ok((weights, json))
    }

    fn tokenizer(&self) -> Result<Tokenizer> {
        const MAX: u64 = 32 << 20;
        Tokenizer::open(|file| {
            let name = format!("tokenizer/{file}");
            Ok(match self.source.len(&name)? {
                Some(_) => Some(self.source.read(&name, MAX)?.into()),
                None => None,
            })
        })
    }

    fn scheduler(&self) -> Result<SchedulerConfig> {
        let json = serde_json::to_vec(&self.folder.scheduler.config).map_err(|e| self.bad("scheduler", &e))?;
        SchedulerConfig::from_json(&json)
    }

    fn bad(&self, component: &str, why: &serde_json::Error) -> Error {
        Error::Config {
            component: component.to_owned(),
            field: "file".to_owned(),
            what: why.to_string(),
        }
    }
}

fn loading(step: u32) -> Progress {
    Progress {
        phase: Phase::Load,
        image: 0,
        images: 0,
        step,
        steps: 3,
        sigma: None,
        step_s: None,
        eta_s: None,
    }
}

/// The first 60 characters.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
