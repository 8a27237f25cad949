//! The parameter table itself: one row a parameter, which makes the flag, the JSON field, the metadata key, the documentation, and
//! the way into a task and back. A new parameter is a row here, a field in `task.rs`, and its use.

use super::parameter::{Category, Kind, Parameter, Unset, choice};
use super::value::{Field, Value};
use super::{MAX_NAME, MAX_PRIORITY, MAX_PROMPT, MAX_SEED, MIN_PRIORITY};
use crate::device::Dtype;
use crate::inpaint::{InpaintArea, InpaintFill, MaskMode};
use crate::keep_alive::KeepAlive;
use crate::picture::Format;
use crate::prediction::Prediction;
use crate::quant::Quant;
use crate::sampler::{Sampler, Schedule};
use crate::tag;
use crate::task::ImageTask;

/// `task: always a.b` is the field `a.b` of a task; `changed a.b` is asked for again only where it is not the default; `given a.b`
/// is an option there too; `none` is settled elsewhere or is not the task's.
macro_rules! parameters {
    ($($field:ident: $type:ty {
        flag: $flag:literal, short: $short:expr, aliases: $aliases:expr,
        category: $category:expr, task: $how:ident $($group:ident.$of_task:ident)?, kind: $kind:expr,
        unset: $unset:expr, metadata: $metadata:literal, help: $help:literal $(, long: $long:literal)? $(, needs: $needs:literal)? $(,)?
    })*) => {
        /// What a person asks for. A field that is `None` takes the default that its row names.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct GenerateRequest {
            $(#[doc = $help] pub $field: Option<$type>,)*
        }

        /// Every parameter, in the order in which metadata show them.
        pub const TABLE: &[Parameter] = &[$(Parameter {
            name: stringify!($field), flag: $flag, short: $short, aliases: $aliases, category: $category, kind: $kind,
            unset: $unset, metadata: $metadata, help: $help,
            long: or!($($long)?, ""), needs: or!($($needs)?, "image"),
        }),*];

        impl GenerateRequest {
            /// The value of the row called `name`.
            pub fn get(&self, name: &str) -> Option<Value> {
                match name {
                    $(stringify!($field) => self.$field.as_ref().map(Field::to_value),)*
                    _ => None,
                }
            }

            /// Sets the row called `name` to a value that [`Parameter::check`] has passed.
            pub(super) fn put(&mut self, name: &str, value: &Value) {
                match name {
                    $(stringify!($field) => self.$field = Field::from_value(value),)*
                    _ => {}
                }
            }

            /// Leaves the row called `name` to its default.
            pub fn unset(&mut self, name: &str) {
                match name {
                    $(stringify!($field) => self.$field = None,)*
                    _ => {}
                }
            }

            /// This request, and what `other` says where it says nothing.
            pub fn or(self, other: Self) -> Self {
                Self { $($field: self.$field.or(other.$field),)* }
            }

            /// Puts what is set into `task`, but for what only the whole request can settle (its seed).
            pub fn put_into(&self, task: &mut ImageTask) {
                $(put_into!(self.$field, task, $how $($group.$of_task)?);)*
            }

            /// The rows that a task says, but for its seed.
            pub(crate) fn of_task(task: &ImageTask) -> Self {
                Self { $($field: of_task!(task, $how $($group.$of_task)?),)* }
            }
        }
    };
}

macro_rules! or {
    (, $default:literal) => {
        $default
    };
    ($given:literal, $default:literal) => {
        $given
    };
}

macro_rules! put_into {
    ($value:expr, $task:ident, none) => {};
    ($value:expr, $task:ident, given $group:ident.$field:ident) => {
        if $value.is_some() {
            $task.$group.$field.clone_from(&$value);
        }
    };
    ($value:expr, $task:ident, $how:ident $group:ident.$field:ident) => {
        if let Some(value) = &$value {
            $task.$group.$field = value.to_owned();
        }
    };
}

macro_rules! of_task {
    ($task:ident, none) => {
        None
    };
    ($task:ident, given $group:ident.$field:ident) => {
        $task.$group.$field.to_owned()
    };
    ($task:ident, always $group:ident.$field:ident) => {
        Some($task.$group.$field.to_owned())
    };
    ($task:ident, changed $group:ident.$field:ident) => {
        ($task.$group.$field != ImageTask::default().$group.$field).then(|| $task.$group.$field.to_owned())
    };
}

parameters! {
    prompt: String {
        flag: "prompt", short: None, aliases: &[],
        category: Category::What, task: always what.prompt,
        kind: Kind::Text { max_bytes: MAX_PROMPT },
        unset: Unset::Value(""), metadata: "",
        help: "What to show.",
    }
    negative_prompt: String {
        flag: "negative", short: Some('n'), aliases: &[],
        category: Category::What, task: always what.negative,
        kind: Kind::Text { max_bytes: MAX_PROMPT },
        unset: Unset::Value(""), metadata: "Negative prompt",
        help: "What to avoid.",
        long: "Counts only with a guidance above 1.",
    }
    model: String {
        flag: "model", short: Some('m'), aliases: &["model_name", "checkpoint"],
        category: Category::What, task: always what.model,
        kind: Kind::Text { max_bytes: MAX_NAME },
        unset: Unset::Settled("the configured model, else emoji"), metadata: "Model",
        help: "A model's folder or .safetensors file, or its name.",
        long: "Paths begin with /, ./, ../ or ~; names are those that `darkroom models` lists; a Hugging Face id is looked for in its cache.",
    }
    width: u32 {
        flag: "width", short: Some('W'), aliases: &[],
        category: Category::Size, task: always size.width,
        kind: Kind::Integer { min: 8, max: 8192 },
        unset: Unset::OfModel(|card| card.width.to_value()), metadata: "Width",
        help: "Width in pixels; a multiple of the model's VAE factor.",
    }
    height: u32 {
        flag: "height", short: Some('H'), aliases: &[],
        category: Category::Size, task: always size.height,
        kind: Kind::Integer { min: 8, max: 8192 },
        unset: Unset::OfModel(|card| card.height.to_value()), metadata: "Height",
        help: "Height in pixels; a multiple of the model's VAE factor.",
    }
    init_image: String {
        flag: "init-image", short: Some('i'), aliases: &["image", "init_img", "init_images"],
        category: Category::Inputs, task: given inputs.init_image,
        kind: Kind::File,
        unset: Unset::Settled("none: noise"), metadata: "",
        help: "A picture to begin with instead of noise.",
        long: "PNG, JPEG or WebP; - reads it from standard input. It is scaled and cut to the size of the new one, which is its own where none is asked for, up to twice the model's area.",
    }
    denoise: f64 {
        flag: "denoise", short: None, aliases: &["denoising_strength", "strength"],
        category: Category::Inputs, task: given inputs.denoise,
        kind: Kind::Number { min: 0.0, max: 1.0 },
        unset: Unset::Settled("0.75"), metadata: "Denoising strength",
        help: "How far the picture to begin with may change: 0.2 keeps most of it, 1 only hints of it.",
        long: "It is the part of the steps that is run.",
    }
    mask: String {
        flag: "mask", short: None, aliases: &["mask_image", "image_mask", "inpaint_mask"],
        category: Category::Inpaint, task: given inpaint.mask,
        kind: Kind::File,
        unset: Unset::Settled("none: all of it"), metadata: "",
        help: "Where the picture to begin with may change: white is changed, black stays, to the byte.",
        long: "PNG, JPEG or WebP of any size; one whose opacity differs says it by that. - reads it from standard input.",
        needs: "inpaint",
    }
    mask_mode: MaskMode {
        flag: "mask-mode", short: None, aliases: &["inpainting_mask_invert", "mask_invert", "invert_mask"],
        category: Category::Inpaint, task: given inpaint.mode,
        kind: choice::<MaskMode>(),
        unset: Unset::Settled("Inpaint masked"), metadata: "Mask mode",
        help: "Whether what is white in the mask changes, or what is black.",
        needs: "inpaint",
    }
    mask_blur: u32 {
        flag: "mask-blur", short: None, aliases: &["mask_blur_x"],
        category: Category::Inpaint, task: given inpaint.blur,
        kind: Kind::Integer { min: 0, max: 64 },
        unset: Unset::Settled("4"), metadata: "Mask blur",
        help: "How softly the change ends at the edge of the mask, in pixels.",
        needs: "inpaint",
    }
    inpaint_fill: InpaintFill {
        flag: "inpaint-fill", short: None, aliases: &["inpainting_fill", "masked_content"],
        category: Category::Inpaint, task: given inpaint.fill,
        kind: choice::<InpaintFill>(),
        unset: Unset::Settled("original"), metadata: "Masked content",
        help: "What is under the mask to begin with: the picture, colours from around it, noise, or nothing.",
        needs: "inpaint",
    }
    inpaint_area: InpaintArea {
        flag: "inpaint-area", short: None, aliases: &["inpaint_full_res"],
        category: Category::Inpaint, task: given inpaint.area,
        kind: choice::<InpaintArea>(),
        unset: Unset::Settled("Whole picture"), metadata: "Inpaint area",
        help: "Whether the whole picture is computed, or only the mask's surroundings in all the detail of width and height.",
        long: "Only masked keeps the picture's own size, and is computed at the model's unless width and height say another.",
        needs: "inpaint",
    }
    inpaint_padding: u32 {
        flag: "inpaint-padding", short: None, aliases: &["inpaint_full_res_padding", "padding_mask_crop", "masked_padding"],
        category: Category::Inpaint, task: given inpaint.padding,
        kind: Kind::Integer { min: 0, max: 512 },
        unset: Unset::Settled("32"), metadata: "Masked area padding",
        help: "Pixels around the mask that are looked at too, where only the mask's surroundings are computed.",
        needs: "inpaint",
    }
    soft_mask: bool {
        flag: "soft-mask", short: None, aliases: &["differential_diffusion", "soft_inpainting"],
        category: Category::Inpaint, task: given inpaint.soft,
        kind: Kind::Switch,
        unset: Unset::Settled("off"), metadata: "Soft mask",
        help: "Let greys of the mask say how far each pixel may change, instead of cutting them at one half.",
        long: "A grey of 0.3 is free for the last 0.3 of the steps (differential diffusion, arXiv 2306.00950).",
        needs: "inpaint",
    }
    steps: u32 {
        flag: "steps", short: None, aliases: &["num_inference_steps", "sample_steps"],
        category: Category::Sampling, task: always sampling.steps,
        kind: Kind::Integer { min: 1, max: 1000 },
        unset: Unset::OfModel(|card| card.steps.to_value()), metadata: "Steps",
        help: "Denoising steps.",
        long: "Samplers of the second order call the network twice a step.",
    }
    cfg_scale: f64 {
        flag: "cfg", short: None, aliases: &["guidance_scale", "guidance"],
        category: Category::Guidance, task: always guidance.cfg_scale,
        kind: Kind::Number { min: 0.0, max: 100.0 },
        unset: Unset::OfModel(|card| card.cfg_scale.to_value()), metadata: "CFG scale",
        help: "How closely to follow the prompt; 1 and below is the prompt alone, without the negative prompt, in half the time.",
    }
    guidance_rescale: f64 {
        flag: "guidance-rescale", short: None, aliases: &["cfg_rescale", "rescale_cfg"],
        category: Category::Guidance, task: changed guidance.guidance_rescale,
        kind: Kind::Number { min: 0.0, max: 1.0 },
        unset: Unset::Value("0"), metadata: "CFG rescale",
        help: "How far strong guidance is scaled back to the contrast of the prompt alone.",
        long: "0.7 is usual for models that predict v (Lin et al. 2023, arXiv 2305.08891); without guidance it does nothing.",
    }
    image_cfg_scale: f64 {
        flag: "image-cfg", short: None, aliases: &["image_guidance_scale"],
        category: Category::Guidance, task: given guidance.image_cfg_scale,
        kind: Kind::Number { min: 0.0, max: 100.0 },
        unset: Unset::Settled("1.5 for models that edit a picture"), metadata: "Image CFG scale",
        help: "How closely to follow the picture, by models that edit one as the prompt says (InstructPix2Pix).",
    }
    sampler: Sampler {
        flag: "sampler", short: None, aliases: &["sampler_name", "sample_method"],
        category: Category::Sampling, task: always sampling.sampler,
        kind: choice::<Sampler>(),
        unset: Unset::OfModel(|card| card.sampler.to_value()), metadata: "Sampler",
        help: "How to step from noise to picture; a schedule may follow, as in 'DPM++ 2M Karras'.",
    }
    schedule: Schedule {
        flag: "schedule", short: None, aliases: &["scheduler", "schedule_type"],
        category: Category::Sampling, task: always sampling.schedule,
        kind: choice::<Schedule>(),
        unset: Unset::OfModel(|card| card.schedule.to_value()), metadata: "Schedule type",
        help: "How the noise levels of the steps are spaced.",
        long: "Automatic is as the model's own scheduler has it.",
    }
    prediction: Prediction {
        flag: "prediction", short: None, aliases: &["prediction_type", "parameterization"],
        category: Category::Sampling, task: given sampling.prediction,
        kind: choice::<Prediction>(),
        unset: Unset::OfModel(|card| card.prediction.to_value()), metadata: "Prediction type",
        help: "What the model predicts, where its files say nothing or the wrong thing.",
        long: "A checkpoint that makes noise or grey pictures was often trained for v_prediction.",
    }
    seed: i64 {
        flag: "seed", short: None, aliases: &[],
        category: Category::Sampling, task: none,
        kind: Kind::Integer { min: -1, max: MAX_SEED },
        unset: Unset::Settled("random"), metadata: "Seed",
        help: "Start of the random numbers; picture i of a batch takes seed + i; -1 is random.",
    }
    batch: u32 {
        flag: "batch", short: Some('b'), aliases: &["batch_size", "n", "num_images"],
        category: Category::Size, task: always size.batch,
        kind: Kind::Integer { min: 1, max: 256 },
        unset: Unset::Value("1"), metadata: "",
        help: "How many pictures to make.",
    }
    only: u32 {
        flag: "only", short: None, aliases: &[],
        category: Category::Size, task: given size.only,
        kind: Kind::Integer { min: 0, max: 255 },
        unset: Unset::Settled("all of them"), metadata: "",
        help: "Of a batch make this picture only, from 0, as it comes out among the others.",
    }
    device: String {
        flag: "device", short: None, aliases: &[],
        category: Category::Compute, task: always compute.device,
        kind: Kind::Text { max_bytes: 64 },
        unset: Unset::Settled("the configured device, else the best that the machine has"), metadata: "",
        help: "Where to compute: cpu, cuda:0, xpu:0, mps.",
    }
    dtype: Dtype {
        flag: "dtype", short: None, aliases: &["precision"],
        category: Category::Compute, task: always compute.dtype,
        kind: choice::<Dtype>(),
        unset: Unset::Value("auto"), metadata: "",
        help: "The number format to compute in; auto is what the device does best.",
    }
    quant: Quant {
        flag: "quant", short: None, aliases: &["quantization", "quantize"],
        category: Category::Compute, task: changed compute.quant,
        kind: choice::<Quant>(),
        unset: Unset::Value("none"), metadata: "Quantization",
        help: "How the weights of linear layers are quantised; int8 trades a little likeness for speed on a CPU.",
    }
    threads: u32 {
        flag: "threads", short: None, aliases: &[],
        category: Category::Compute, task: changed compute.threads,
        kind: Kind::Integer { min: 1, max: 1024 },
        unset: Unset::Settled("the configured threads, else one a physical core"), metadata: "",
        help: "Threads of the CPU device.",
    }
    format: Format {
        flag: "format", short: None, aliases: &["output_format"],
        category: Category::What, task: always what.format,
        kind: choice::<Format>(),
        unset: Unset::Value("png"), metadata: "",
        help: "The file format of the pictures; the extension of -o says it too.",
    }
    priority: i32 {
        flag: "priority", short: None, aliases: &[],
        category: Category::Queue, task: none,
        kind: Kind::Integer { min: MIN_PRIORITY as i64, max: MAX_PRIORITY as i64 },
        unset: Unset::Value("0"), metadata: "",
        help: "Jobs of a higher priority run first.",
    }
    vae_tiling: bool {
        flag: "vae-tiling", short: None, aliases: &["vae_tile", "enable_vae_tiling", "tiled_vae"],
        category: Category::Compute, task: changed compute.vae_tiling,
        kind: Kind::Switch,
        unset: Unset::Value("off"), metadata: "VAE tiling",
        help: "Decode a large picture in tiles: less memory, slightly different pixels.",
        long: "Where memory runs out it is turned on, and that is said.",
    }
    offload: bool {
        flag: "offload", short: None, aliases: &["model_offload", "cpu_offload", "enable_model_cpu_offload"],
        category: Category::Compute, task: changed compute.offload,
        kind: Kind::Switch,
        unset: Unset::Value("off"), metadata: "",
        help: "Keep each part of the model on the device only while it is used: less memory, slower; nothing on the CPU.",
        long: "Where memory runs out it is turned on, and that is said.",
    }
    keep_alive: KeepAlive {
        flag: "keep-alive", short: None, aliases: &[],
        category: Category::Queue, task: none,
        kind: Kind::KeepAlive,
        unset: Unset::Settled("the configured one, else 10m"), metadata: "",
        help: "How long the model stays in memory afterwards.",
    }
    tags: Vec<String> {
        flag: "tag", short: None, aliases: &["tag"],
        category: Category::Queue, task: none,
        kind: Kind::List { of: "words of at most 64 characters", most: tag::MAX, canonical: tag::canonical },
        unset: Unset::Settled("none"), metadata: "",
        help: "Words by which history finds the pictures again; may be given several times.",
    }
}
