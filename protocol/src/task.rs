//! Work with every default resolved and every random choice fixed: run again, it gives the same result. `expand` makes it of a
//! request, the store keeps it as JSON, the worker runs it, and a picture carries it in its metadata. Its groups are those of the
//! parameter table's categories. What versions before 4 wrote is read by `written`.

mod written;

use serde::{Deserialize, Serialize};

use crate::lora::Lora;
use crate::part::{self, PartFile, PartRole};
use crate::sampler::Named;
use crate::{
    Dtype, Emphasis, Format, GenerateRequest, GuidanceMethod, Hires, Inpaint, NoiseSource, Prediction, PromptSyntax,
    Quant, ResizeMode, Sampler, ScaleCurve, Schedule, Tiling, upscaler,
};

/// What a worker is to do. A worker says in its capabilities which kinds it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Pictures from a prompt.
    Image(ImageTask),
}

impl Task {
    /// The kind's name, as capabilities list it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Image(_) => "image",
        }
    }
}

/// Where a model's files are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelSource {
    /// Inside the worker, by name.
    Embedded(String),
    /// A diffusers folder, absolute.
    Folder(String),
    /// A single file, absolute.
    File(String),
}

impl ModelSource {
    /// How a request names it: by its path, or by the name of the one inside the worker.
    pub fn given(&self) -> &str {
        match self {
            Self::Embedded(text) | Self::Folder(text) | Self::File(text) => text,
        }
    }

    /// Where it is, for people.
    pub fn place(&self) -> &str {
        match self {
            Self::Embedded(_) => "in the worker",
            Self::Folder(path) | Self::File(path) => path,
        }
    }
}

/// Pictures from a prompt. A group or field that a record lacks has its default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, remote = "Self")]
#[allow(missing_docs, reason = "the types of the groups say it")]
pub struct ImageTask {
    pub what: What,
    pub size: Size,
    pub sampling: Sampling,
    pub guidance: Guidance,
    pub inputs: Inputs,
    pub inpaint: Inpaint,
    pub hires: Hires,
    pub compute: Compute,
}

/// What is shown, by which model, as which kind of file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "names that say it")]
pub struct What {
    /// The model's name, for people.
    pub model: String,
    /// The model's files.
    pub source: ModelSource,
    pub prompt: String,
    /// What to avoid.
    pub negative: String,
    /// How both prompts are written.
    pub syntax: PromptSyntax,
    /// What their weights do; see [`Self::emphasis`].
    pub emphasis: Option<Emphasis>,
    /// The text encoder's layer from its end, from 1, where the task says so.
    pub clip_skip: Option<f64>,
    pub format: Format,
    /// Components that come from files of their own, in place of the model's.
    pub parts: Vec<PartFile>,
    /// What is added to the model's weights, in this order. The tags of those that the prompt names stay in it.
    pub loras: Vec<Lora>,
}

impl What {
    /// What the weights of the prompts do.
    pub fn emphasis(&self) -> Emphasis {
        self.emphasis.unwrap_or(self.syntax.emphasis())
    }
}

impl Default for What {
    fn default() -> Self {
        Self {
            model: String::new(),
            source: ModelSource::Embedded(String::new()),
            prompt: String::new(),
            negative: String::new(),
            syntax: PromptSyntax::default(),
            emphasis: None,
            clip_skip: None,
            format: Format::default(),
            parts: Vec::new(),
            loras: Vec::new(),
        }
    }
}

/// How large and how many.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "names that say it")]
pub struct Size {
    /// Pixels; a multiple of the model's VAE factor.
    pub width: u32,
    /// Pixels; a multiple of the model's VAE factor.
    pub height: u32,
    /// Number of pictures.
    pub batch: u32,
    /// Of these the only one that is made, from 0, as it comes out among the others.
    pub only: Option<u32>,
    /// What makes a finished picture larger: a word of [`crate::upscaler`], or the absolute path of a network's file.
    pub upscaler: String,
    /// How many times as wide and high it becomes; `None` where that is what the network was made for.
    pub upscale: Option<f64>,
    /// What a model is told of a picture's sizes, where it is told them and they are not the picture's own: see [`sides`]. Width and
    /// height before it was cut out, left and top of the cut, and width and height that it is to have.
    pub original_size: Option<String>,
    pub crop: Option<String>,
    pub target_size: Option<String>,
    /// Which of its edges fit each other.
    pub tiling: Tiling,
}

/// The two whole numbers of `1024x768`, with one of `x`, `×`, `,` between them; each at most 65536.
pub fn sides(text: &str) -> Option<(u32, u32)> {
    let (first, second) = text.split_once(['x', 'X', '×', ','])?;
    let side = |text: &str| text.trim().parse::<u32>().ok().filter(|side| *side <= 65_536);
    Some((side(first)?, side(second)?))
}

impl Default for Size {
    fn default() -> Self {
        Self {
            width: 512,
            height: 512,
            batch: 1,
            only: None,
            upscaler: upscaler::NONE.to_owned(),
            upscale: None,
            original_size: None,
            crop: None,
            target_size: None,
            tiling: Tiling::Off,
        }
    }
}

/// How noise becomes latents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "names that say it")]
pub struct Sampling {
    /// Picture `i` is made from `seed + i`.
    pub seed: u64,
    pub steps: u32,
    pub sampler: Sampler,
    /// The spacing of σs.
    pub schedule: Schedule,
    /// What the denoiser predicts; `None` where that is what the model's files say of themselves, the noise.
    pub prediction: Option<Prediction>,
    /// What a sampler takes beside; `None` is its own default. The engine's `sampling/tuning.rs` says which takes what.
    pub eta: Option<f64>,
    pub s_churn: Option<f64>,
    pub s_tmin: Option<f64>,
    pub s_tmax: Option<f64>,
    pub s_noise: Option<f64>,
    pub solver_order: Option<u32>,
    pub lower_order_final: Option<bool>,
    /// Whether clean samples are bounded on the way.
    pub thresholding: bool,
    /// Whether the betas are rescaled so that the last training timestep is pure noise.
    pub rescale_betas: bool,
    /// How far a flow's σs are pushed toward noise; `None` is as its model says.
    pub shift: Option<f64>,
    /// σs in place of a schedule's and of `steps`, numbers that fall.
    pub sigmas: Vec<String>,
    /// Timesteps in place of them.
    pub timesteps: Vec<String>,
    pub noise_source: NoiseSource,
    /// The seed of the noise that is mixed in: picture `i` has `subseed + i`. Counts with a strength above 0.
    pub subseed: i64,
    /// 0 to 1: how much of it.
    pub subseed_strength: f64,
    /// The height in pixels at which the seed's noise is drawn, and put in the middle; 0 is the picture's.
    pub seed_resize_from_h: u32,
    /// The width.
    pub seed_resize_from_w: u32,
    /// What is added to the seed for the noise on the way: A1111's ENSD.
    pub eta_noise_seed_delta: i64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            seed: 0,
            steps: 20,
            sampler: Sampler::default(),
            schedule: Schedule::default(),
            prediction: None,
            eta: None,
            s_churn: None,
            s_tmin: None,
            s_tmax: None,
            s_noise: None,
            solver_order: None,
            lower_order_final: None,
            thresholding: false,
            rescale_betas: false,
            shift: None,
            sigmas: Vec::new(),
            timesteps: Vec::new(),
            noise_source: NoiseSource::default(),
            subseed: 0,
            subseed_strength: 0.0,
            seed_resize_from_h: 0,
            seed_resize_from_w: 0,
            eta_noise_seed_delta: 0,
        }
    }
}

/// How closely the prompt is followed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Guidance {
    /// As it was asked for; see [`ImageTask::is_guided`].
    pub cfg_scale: f64,
    /// 0 to 1: how much of the guided prediction is scaled to the standard deviation of the one with the prompt.
    pub guidance_rescale: f64,
    /// The rule.
    pub method: GuidanceMethod,
    /// 0 to 1: the part of the steps after which guidance begins.
    pub start: f64,
    /// 0 to 1: and after which it ends. Outside, the prompt is followed without it.
    pub end: f64,
    /// How much of what guidance adds along the prediction itself is kept; 1 is all.
    pub apg_eta: f64,
    /// The most that it adds, as a Euclidean norm over a picture; 0 is without limit.
    pub apg_threshold: f64,
    /// How much of what earlier steps added is added to what a step does; negative pushes away from it.
    pub apg_momentum: f64,
    /// Steps at the beginning of which CFG-Zero* takes nothing for the prediction.
    pub zero_init_steps: u32,
    /// How far to go away from what the denoiser says without the self-attention in its middle; 0 is not at all.
    pub pag_scale: f64,
    /// The method mimic: the scale whose contrast is kept.
    pub mimic_scale: f64,
    /// Its least, where it changes over the steps.
    pub mimic_scale_min: f64,
    /// How it changes.
    pub mimic_mode: ScaleCurve,
    /// How `cfg_scale` changes.
    pub cfg_mode: ScaleCurve,
    /// Its least.
    pub cfg_scale_min: f64,
    /// What some of these changes are told: a power, or how often they repeat.
    pub mimic_curve_value: f64,
    /// 0 to 100: the share of magnitudes that is not clipped.
    pub mimic_percentile: f64,
    /// 0 to 1: how much of the result is this method's; the rest is plain guidance.
    pub mimic_phi: f64,
    /// FreeU: what the backbone's channels are scaled with on the way up of a UNet, in its coarsest block; 1 is not at all.
    pub freeu_b1: f64,
    /// The same in the block after it.
    pub freeu_b2: f64,
    /// FreeU: what the skips' low frequencies are scaled with, in the coarsest block.
    pub freeu_s1: f64,
    /// The same in the block after it.
    pub freeu_s2: f64,
    /// How closely the picture to edit is followed, by models that take one beside the prompt (diffusers' `image_guidance_scale`);
    /// see [`Self::IMAGE_CFG`].
    pub image_cfg_scale: Option<f64>,
    /// What a denoiser is told of how closely to follow the prompt, by models that learned it.
    pub distilled_cfg_scale: Option<f64>,
    /// How good the picture is told to look, by models that are told it.
    pub aesthetic_score: Option<f64>,
    /// The same for what is to be avoided.
    pub negative_aesthetic_score: Option<f64>,
}

impl Guidance {
    /// How closely the picture to edit is followed where nobody says.
    pub const IMAGE_CFG: f64 = 1.5;
}

impl Default for Guidance {
    fn default() -> Self {
        Self {
            cfg_scale: 7.0,
            guidance_rescale: 0.0,
            image_cfg_scale: None,
            distilled_cfg_scale: None,
            aesthetic_score: None,
            negative_aesthetic_score: None,
            method: GuidanceMethod::default(),
            start: 0.0,
            end: 1.0,
            apg_eta: 0.0,
            apg_threshold: 15.0,
            apg_momentum: -0.5,
            zero_init_steps: 0,
            pag_scale: 0.0,
            mimic_scale: 7.0,
            mimic_scale_min: 0.0,
            mimic_mode: ScaleCurve::default(),
            cfg_mode: ScaleCurve::default(),
            cfg_scale_min: 0.0,
            mimic_curve_value: 4.0,
            mimic_percentile: 100.0,
            mimic_phi: 1.0,
            freeu_b1: 1.0,
            freeu_b2: 1.0,
            freeu_s1: 1.0,
            freeu_s2: 1.0,
        }
    }
}

/// What pictures are made from beside the prompt. Files are named by their SHA-256, lower-case hexadecimal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Inputs {
    /// The picture to begin with; noise where there is none.
    pub init_image: Option<String>,
    /// 0 to 1: how far it may change; see [`Self::denoise`]. Set where there is a picture to begin with.
    pub denoise: Option<f64>,
    /// How it is brought to the size of the new one; see [`Self::resize_mode`].
    pub resize_mode: Option<ResizeMode>,
    /// Whether the new picture is given the colours of this one again.
    pub color_correction: bool,
    /// Embeddings that the prompts name.
    pub embeddings: Vec<EmbeddingFile>,
}

/// The file of an embedding (textual inversion), as the daemon found it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EmbeddingFile {
    /// What a prompt calls it: the file's name without its extension.
    pub name: String,
    /// Absolute.
    pub path: String,
    /// Of its bytes, lower-case hexadecimal.
    pub sha256: String,
}

impl Inputs {
    /// How far the picture may change where nobody says.
    pub const DENOISE: f64 = 0.75;

    /// The part of the steps that is run: 1 is all of them, 0.25 the last quarter (diffusers' `strength`).
    pub fn denoise(&self) -> f64 {
        self.denoise.unwrap_or(Self::DENOISE)
    }

    /// How the picture is brought to the size of the new one.
    pub fn resize_mode(&self) -> ResizeMode {
        self.resize_mode.unwrap_or_default()
    }
}

/// Where and how it is computed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "names that say it")]
pub struct Compute {
    /// `cpu`, `cuda:0`, …; empty lets the worker take the best that it finds.
    pub device: String,
    pub dtype: Dtype,
    /// Threads of the CPU device; 0 means one a physical core.
    pub threads: u32,
    pub quant: Quant,
    /// How many pictures are computed together.
    pub micro_batch: u32,
    /// Whether large pictures are decoded in tiles, which needs less memory and differs a little at their seams.
    pub vae_tiling: bool,
    /// Whether each part of the model is on the device only while it is used. Means nothing on the CPU.
    pub offload: bool,
    /// 0 to 1: the share of a picture's places that self-attention merges at the finest level of a UNet.
    pub token_merging: f64,
    /// One look of the sampler in so many computes all of a UNet, the others take its inside from it.
    pub deep_cache: u32,
    /// Where the inside begins: the state of the way down, from 0, that is the last to be computed at every look.
    pub deep_cache_branch: u32,
    /// Whether the predictions with and without the prompt are computed one after the other, which needs less memory. Where it
    /// runs out this is set; nobody asks for it.
    pub two_passes: bool,
    /// The largest side of the tiles in which a network makes pictures larger, in pixels of the smaller picture. Where memory runs
    /// out this is halved; nobody asks for it.
    pub upscale_tile: u32,
}

impl Default for Compute {
    fn default() -> Self {
        Self {
            device: String::new(),
            dtype: Dtype::default(),
            threads: 0,
            quant: Quant::default(),
            micro_batch: 1,
            vae_tiling: false,
            offload: false,
            token_merging: 0.0,
            deep_cache: 1,
            deep_cache_branch: 0,
            two_passes: false,
            upscale_tile: 256,
        }
    }
}

impl ImageTask {
    /// One picture of `prompt` by the embedded model of that name, everything else by default: what tests begin with.
    pub fn of(model: &str, prompt: &str) -> Self {
        let what = What {
            model: model.to_owned(),
            source: ModelSource::Embedded(model.to_owned()),
            prompt: prompt.to_owned(),
            ..What::default()
        };
        Self {
            what,
            ..Self::default()
        }
    }

    /// Whether the negative prompt counts. Up to a guidance of 1 the picture is the prompt's alone, as in diffusers, and the
    /// prediction without it is not computed; but samplers of the CFG++ kind go by it at any guidance.
    pub fn is_guided(&self) -> bool {
        self.guidance.cfg_scale > 1.0 || self.sampling.sampler.is_cfg_pp()
    }

    /// Steps that are run: fewer than are asked for where there is a picture to begin with.
    pub fn steps_run(&self) -> u32 {
        match &self.inputs.init_image {
            Some(_) => (f64::from(self.sampling.steps) * self.inputs.denoise()) as u32,
            None => self.sampling.steps,
        }
    }

    /// Pixels of one picture.
    pub fn pixels(&self) -> u64 {
        u64::from(self.size.width) * u64::from(self.size.height)
    }

    /// Whether finished pictures are made larger.
    pub fn is_upscaled(&self) -> bool {
        self.size.upscaler != upscaler::NONE
    }

    /// The task that makes picture `index` of this one alone: what one that is to be like it begins with.
    pub fn alone(&self, index: u32) -> Self {
        let mut task = self.clone();
        task.sampling.seed = task.sampling.seed.saturating_add(u64::from(index));
        task.sampling.subseed = self.subseed_of(index);
        task.size.batch = 1;
        task.size.only = None;
        task.compute.micro_batch = 1;
        task
    }

    /// The subseed of picture `index`; 0 where none is mixed in.
    fn subseed_of(&self, index: u32) -> i64 {
        match self.sampling.subseed_strength > 0.0 {
            true => self.sampling.subseed.saturating_add(i64::from(index)),
            false => 0,
        }
    }

    /// The task that makes picture `index` of this one once more: among the same others, so that it is the same to the last bit on any
    /// device.
    pub fn again(&self, index: u32) -> Self {
        let mut task = self.clone();
        task.size.only = (self.size.batch > 1).then_some(index);
        task
    }

    /// How many pictures it makes.
    pub fn pictures(&self) -> u32 {
        self.size.only.map_or(self.size.batch, |_| 1)
    }

    /// The request that asks for exactly this task: for "reuse" and for metadata.
    pub fn to_request(&self) -> GenerateRequest {
        GenerateRequest {
            seed: Some(self.sampling.seed as i64),
            loras: self.loras(Lora::pinned),
            vae: self.vae(),
            text_encoders: self.text_encoders(),
            denoiser: self.parts(PartRole::Denoiser).next().map(PartFile::pinned),
            ..GenerateRequest::of_task(self)
        }
    }

    /// Its components of that role that come from files of their own.
    pub fn parts(&self, role: PartRole) -> impl Iterator<Item = &PartFile> {
        self.what.parts.iter().filter(move |part| part.role == role)
    }

    /// The word for its VAE. Beside a model in one file another may lie that would be taken where nobody says: then it is said that
    /// this one's own is meant.
    fn vae(&self) -> Option<String> {
        let given = self.parts(PartRole::Vae).next().map(PartFile::pinned);
        let alone = matches!(self.what.source, ModelSource::File(_));
        given.or_else(|| alone.then(|| part::OWN_VAE.to_owned()))
    }

    fn text_encoders(&self) -> Option<Vec<String>> {
        let words: Vec<String> = self.parts(PartRole::TextEncoder).map(PartFile::pinned).collect();
        (!words.is_empty()).then_some(words)
    }

    /// Its LoRAs as words of a request; `None` where it has none.
    fn loras(&self, word: fn(&Lora) -> String) -> Option<Vec<String>> {
        let words: Vec<String> = self.what.loras.iter().map(word).collect();
        (!words.is_empty()).then_some(words)
    }

    /// What metadata say of picture `index`, in A1111's order: key and value.
    pub fn metadata(&self, index: u32) -> Vec<(&'static str, String)> {
        let mut request = self.to_request();
        request.seed = Some((self.sampling.seed + u64::from(index)) as i64);
        request.subseed = request.subseed.map(|_| self.subseed_of(index));
        request.loras = self.loras(Lora::named);
        // As A1111 has it: the file's name, and nothing where the model's own counts.
        let name = |role| self.parts(role).next().map(|part| part.name.clone());
        (request.vae, request.denoiser) = (name(PartRole::Vae), name(PartRole::Denoiser));
        let texts = self.parts(PartRole::TextEncoder).map(|part| part.name.clone());
        request.text_encoders = request.text_encoders.map(|_| texts.collect());
        // Where there is none, other programs say nothing of it; and a path is nobody else's business.
        let upscaler = request.upscaler.filter(|upscaler| upscaler != upscaler::NONE);
        request.upscaler = upscaler.map(|upscaler| upscaler::short(&upscaler).to_owned());
        let between = request.hires_upscaler.take();
        request.hires_upscaler = between.map(|upscaler| upscaler::short(&upscaler).to_owned());
        let mut metadata = request.metadata();
        // Other programs have one strength, which is the second pass's where nothing else has one.
        for (key, _) in metadata.iter_mut().filter(|_| self.inputs.init_image.is_none()) {
            if *key == "Hires denoising strength" {
                *key = "Denoising strength";
            }
        }
        // A1111 has one switch.
        for (_, value) in metadata.iter_mut().filter(|(key, _)| *key == "Tiling") {
            if self.size.tiling == Tiling::Xy {
                *value = "True".to_owned();
            }
        }
        // As other programs have it: the first ten digits of each file's hash.
        let hash = |lora: &Lora| format!("{}: {}", lora.name, lora.sha256.get(..10).unwrap_or(&lora.sha256));
        let hashes: Vec<String> = self.what.loras.iter().map(hash).collect();
        if !hashes.is_empty() {
            metadata.push(("Lora hashes", hashes.join(", ")));
        }
        let vae = self.parts(PartRole::Vae).find_map(|part| part.sha256.as_deref());
        metadata.extend(vae.and_then(|hash| Some(("VAE hash", hash.get(..10)?.to_owned()))));
        metadata
    }

    /// The sampler and schedule as A1111 names them.
    pub fn sampler_label(&self) -> String {
        match self.sampling.schedule {
            Schedule::Auto => self.sampling.sampler.name().to_owned(),
            schedule => format!("{} {}", self.sampling.sampler.name(), schedule.name()),
        }
    }
}
