//! The parameter table itself: one row a parameter, which makes the flag, the JSON field, the metadata key, the documentation, and
//! the way into a task and back. A new parameter is a row here, a field in `task.rs`, and its use.

use super::parameter::{Category, Kind, Parameter, Unset, choice};
use super::value::{Field, Value};
use super::{MAX_NAME, MAX_PRIORITY, MAX_PROMPT, MAX_SEED, MIN_PRIORITY};
use crate::device::Dtype;
use crate::guidance::{GuidanceMethod, ScaleCurve};
use crate::inpaint;
use crate::inpaint::{InpaintArea, InpaintFill, MaskMode};
use crate::keep_alive::KeepAlive;
use crate::lora;
use crate::part;
use crate::picture::Format;
use crate::prediction::Prediction;
use crate::prompting::{Emphasis, PromptSyntax};
use crate::quant::Quant;
use crate::resize::ResizeMode;
use crate::sampler::{NoiseSource, Sampler, Schedule, level};
use crate::tag;
use crate::task::ImageTask;
use crate::tiling::Tiling;

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
    prompt_syntax: PromptSyntax {
        flag: "prompt-syntax", short: None, aliases: &["prompt_attention", "prompt_parser", "parser"],
        category: Category::What, task: changed what.syntax,
        kind: choice::<PromptSyntax>(),
        unset: Unset::Value("a1111"), metadata: "Parser",
        help: "How prompts are written: (a1111:1.3), (comfy:1.3), (compel)1.3, or plain for none.",
        long: "docs/prompts.md shows what each knows.",
    }
    emphasis: Emphasis {
        flag: "emphasis", short: None, aliases: &["emphasis_mode"],
        category: Category::What, task: given what.emphasis,
        kind: choice::<Emphasis>(),
        unset: Unset::Settled("what the program does whose syntax it is"), metadata: "Emphasis",
        help: "What weights in a prompt do.",
        long: "Original scales states and restores their mean, no norm only scales; comfy and compel move them away from an empty prompt's; ignore leaves weights out, none does not even read them.",
    }
    clip_skip: f64 {
        flag: "clip-skip", short: None, aliases: &["clip_stop_at_last_layers"],
        category: Category::What, task: given what.clip_skip,
        kind: Kind::Number { min: 1.0, max: 32.0 },
        unset: Unset::Settled("the layer that the model was trained with"), metadata: "Clip skip",
        help: "Which layer of the text encoder is read, from its end: 1 is the last, 2 the one before.",
        long: "Between two, as in 1.5, their states are blended.",
    }
    model: String {
        flag: "model", short: Some('m'), aliases: &["model_name", "checkpoint"],
        category: Category::What, task: always what.model,
        kind: Kind::Text { max_bytes: MAX_NAME },
        unset: Unset::Settled("the configured model, else emoji"), metadata: "Model",
        help: "A model's folder or .safetensors file, or its name.",
        long: "Paths begin with /, ./, ../ or ~; names are those that `darkroom models` lists; a Hugging Face id is looked for in its cache.",
    }
    loras: Vec<String> {
        flag: "lora", short: None, aliases: &["lora"],
        category: Category::What, task: none,
        kind: Kind::List { of: "LoRAs, each NAME, NAME:0.8 or NAME:0.8:0.5 for the denoiser and the text encoders", most: lora::MAX, canonical: lora::canonical },
        unset: Unset::Settled("those that the prompt names"), metadata: "Loras",
        help: "A LoRA's .safetensors file or its name, with its weight; may be given several times.",
        long: "<lora:NAME:0.8> in the prompt is the same, and its weight counts where both name one.",
    }
    vae: String {
        flag: "vae", short: None, aliases: &["sd_vae"],
        category: Category::What, task: none,
        kind: Kind::Text { max_bytes: MAX_NAME },
        unset: Unset::Settled("automatic: STEM.vae.safetensors, .pt or .ckpt beside the model's file, else its own"), metadata: "VAE",
        help: "Another VAE: its file or diffusers folder, or its name; none for the model's own.",
        long: "Names are looked for in the subfolders vae and VAE of the models folders.",
    }
    text_encoders: Vec<String> {
        flag: "text-encoder", short: None, aliases: &["text_encoder", "te"],
        category: Category::What, task: none,
        kind: Kind::List { of: "text encoders' files, folders or names", most: part::MAX_TEXT_ENCODERS, canonical: part::canonical },
        unset: Unset::Settled("the model's own"), metadata: "Text encoder",
        help: "Another text encoder: its file or folder, or its name; may be given several times.",
        long: "Which of the model's text encoders a file is, its tensors say. Names are looked for in the subfolders text_encoders, text_encoder, clip and Text-encoder of the models folders.",
    }
    denoiser: String {
        flag: "denoiser", short: None, aliases: &["unet", "sd_unet", "transformer"],
        category: Category::What, task: none,
        kind: Kind::Text { max_bytes: MAX_NAME },
        unset: Unset::Settled("the model's own"), metadata: "UNet",
        help: "Another denoiser (UNet, transformer) for the model: its file or folder, or its name.",
        long: "Without -m it is the model itself, which then needs --text-encoder and --vae. Names are looked for in the subfolders unet, UNET and diffusion_models of the models folders.",
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
    resize_mode: ResizeMode {
        flag: "resize-mode", short: None, aliases: &["image_resize_mode"],
        category: Category::Inputs, task: given inputs.resize_mode,
        kind: choice::<ResizeMode>(),
        unset: Unset::Settled("Crop and resize"), metadata: "Resize mode",
        help: "How the picture to begin with is brought to the size of the new one, where that is another.",
        long: "Just resize stretches it, crop and resize cuts off what stands out, resize and fill keeps all of it and continues its edges, and just resize (latent upscale) encodes it at its own size and stretches the latents. A mask goes the same way; with one, pixels are stretched, not latents.",
    }
    color_correction: bool {
        flag: "color-correction", short: None, aliases: &["colour_correction", "img2img_color_correction"],
        category: Category::Inputs, task: changed inputs.color_correction,
        kind: Kind::Switch,
        unset: Unset::Value("off"), metadata: "Color correction",
        help: "Give the new picture the colours of the one to begin with again.",
        long: "Histograms in CIE Lab are matched, and the result keeps its own luminosity, as in A1111.",
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
    outpaint: Vec<String> {
        flag: "outpaint", short: None, aliases: &["extend"],
        category: Category::Inpaint, task: changed inpaint.outpaint,
        kind: Kind::List { of: "sides with their pixels, as in left=64,top=32; a number alone is all four", most: 8, canonical: inpaint::side },
        unset: Unset::Settled("nothing, or what the mask editor drew around the mask"), metadata: "Outpaint",
        help: "Add so much around the picture to begin with, and make that anew.",
        long: "What is added begins with colours from beside it (--inpaint-fill), and grows softly into the picture by twice --mask-blur. A mask may change more of the picture at once.",
        needs: "inpaint",
    }
    tiling: Tiling {
        flag: "tiling", short: None, aliases: &["seamless"],
        category: Category::Size, task: changed size.tiling,
        kind: choice::<Tiling>(),
        unset: Unset::Value("off"), metadata: "Tiling",
        help: "Make a picture whose edges fit each other: left and right (x), top and bottom (y), or both (xy).",
        long: "A decode in tiles has edges of its own, and does not go with it.",
        needs: "tiling",
    }
    hires_scale: f64 {
        flag: "hires", short: None, aliases: &["hr_scale", "hires_fix", "hires_upscale"],
        category: Category::Hires, task: given hires.scale,
        kind: Kind::Number { min: 1.0, max: 8.0 },
        unset: Unset::Settled("no second pass; 2 where another row asks for one"), metadata: "Hires upscale",
        help: "Make the picture at width and height, enlarge it so many times, and denoise it again (hires fix).",
        long: "A picture larger than a model knows shows things twice; this one does not. Hires width, height and upscaler ask for it too.",
        needs: "hires",
    }
    hires_width: u32 {
        flag: "hires-width", short: None, aliases: &["hr_resize_x", "hires_resize_x"],
        category: Category::Hires, task: given hires.width,
        kind: Kind::Integer { min: 0, max: 8192 },
        unset: Unset::Settled("by --hires"), metadata: "Hires resize width",
        help: "The width that the second pass has, in place of --hires; where the height is given too, what stands out is cut off.",
        needs: "hires",
    }
    hires_height: u32 {
        flag: "hires-height", short: None, aliases: &["hr_resize_y", "hires_resize_y"],
        category: Category::Hires, task: given hires.height,
        kind: Kind::Integer { min: 0, max: 8192 },
        unset: Unset::Settled("by --hires"), metadata: "Hires resize height",
        help: "The height that the second pass has.",
        needs: "hires",
    }
    hires_upscaler: String {
        flag: "hires-upscaler", short: None, aliases: &["hr_upscaler"],
        category: Category::Hires, task: given hires.upscaler,
        kind: Kind::Text { max_bytes: MAX_NAME },
        unset: Unset::Settled("Latent"), metadata: "Hires upscaler",
        help: "What enlarges between the passes: Latent and its kin, or anything that --upscaler takes.",
        long: "Latent, Latent (antialiased), Latent (bicubic), Latent (bicubic antialiased), Latent (nearest) and Latent (nearest-exact) enlarge latents and need a denoise of 0.5 and more; the others enlarge pixels.",
        needs: "hires",
    }
    hires_steps: u32 {
        flag: "hires-steps", short: None, aliases: &["hr_second_pass_steps"],
        category: Category::Hires, task: given hires.steps,
        kind: Kind::Integer { min: 0, max: 1000 },
        unset: Unset::Settled("as many as the first"), metadata: "Hires steps",
        help: "The steps that the second pass runs; 0 is as many as the first.",
        needs: "hires",
    }
    hires_denoise: f64 {
        flag: "hires-denoise", short: None, aliases: &["hr_denoising_strength", "hires_strength"],
        category: Category::Hires, task: given hires.denoise,
        kind: Kind::Number { min: 0.0, max: 1.0 },
        unset: Unset::Settled("0.7"), metadata: "Hires denoising strength",
        help: "How far the second pass may change the enlarged picture; 0 only enlarges.",
        needs: "hires",
    }
    hires_sampler: Sampler {
        flag: "hires-sampler", short: None, aliases: &["hr_sampler_name", "hr_sampler"],
        category: Category::Hires, task: given hires.sampler,
        kind: choice::<Sampler>(),
        unset: Unset::Settled("the first pass's"), metadata: "Hires sampler",
        help: "The sampler of the second pass.",
        needs: "hires",
    }
    hires_schedule: Schedule {
        flag: "hires-schedule", short: None, aliases: &["hr_scheduler", "hires_scheduler"],
        category: Category::Hires, task: given hires.schedule,
        kind: choice::<Schedule>(),
        unset: Unset::Settled("the first pass's"), metadata: "Hires schedule type",
        help: "The schedule of the second pass.",
        needs: "hires",
    }
    hires_cfg: f64 {
        flag: "hires-cfg", short: None, aliases: &["hr_cfg", "hires_cfg_scale"],
        category: Category::Hires, task: given hires.cfg_scale,
        kind: Kind::Number { min: 0.0, max: 100.0 },
        unset: Unset::Settled("the first pass's"), metadata: "Hires CFG Scale",
        help: "How closely the second pass follows the prompt.",
        needs: "hires",
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
    distilled_cfg_scale: f64 {
        flag: "distilled-cfg", short: None, aliases: &["distilled_guidance", "flux_guidance", "embedded_guidance"],
        category: Category::Guidance, task: given guidance.distilled_cfg_scale,
        kind: Kind::Number { min: 0.0, max: 100.0 },
        unset: Unset::Settled("3.5 for FLUX.1 dev, 30 for Fill, 2.5 for Kontext"), metadata: "Distilled CFG Scale",
        help: "How closely to follow the prompt, as models are told it that learned guidance: FLUX.1 dev and its kin.",
        long: "It costs no time. cfg_scale above 1 guides such a model by the negative prompt beside, in twice the time.",
    }
    guidance_method: GuidanceMethod {
        flag: "guidance-method", short: None, aliases: &["guider", "cfg_method"],
        category: Category::Guidance, task: changed guidance.method,
        kind: choice::<GuidanceMethod>(),
        unset: Unset::Value("cfg"), metadata: "Guidance method",
        help: "How guidance is reckoned.",
        long: "apg is adaptive projected guidance: strong guidance without its burnt colours (arXiv 2410.02416). cfg_zero_star fits the prediction without the prompt first (arXiv 2503.18886), and is made for flows. mimic is dynamic thresholding: the contrast of --mimic-scale at any greater scale (sd-dynamic-thresholding).",
    }
    guidance_start: f64 {
        flag: "guidance-start", short: None, aliases: &["cfg_start"],
        category: Category::Guidance, task: changed guidance.start,
        kind: Kind::Number { min: 0.0, max: 1.0 },
        unset: Unset::Value("0"), metadata: "Guidance start",
        help: "The part of the steps after which guidance begins.",
        long: "Before it the prompt is followed without guidance, in half the time (arXiv 2404.07724).",
    }
    guidance_end: f64 {
        flag: "guidance-end", short: None, aliases: &["guidance_stop", "cfg_end"],
        category: Category::Guidance, task: changed guidance.end,
        kind: Kind::Number { min: 0.0, max: 1.0 },
        unset: Unset::Value("1"), metadata: "Guidance end",
        help: "The part of the steps after which guidance ends; 0.8 saves a tenth of the time.",
        long: "After it the prompt is followed without guidance, in half the time (arXiv 2404.07724).",
    }
    apg_eta: f64 {
        flag: "apg-eta", short: None, aliases: &[],
        category: Category::Guidance, task: changed guidance.apg_eta,
        kind: Kind::Number { min: 0.0, max: 10.0 },
        unset: Unset::Value("0"), metadata: "APG eta",
        help: "With the method apg: how much of what only makes colours stronger is kept; 1 is all, as in cfg.",
    }
    apg_threshold: f64 {
        flag: "apg-threshold", short: None, aliases: &["apg_norm_threshold", "adaptive_projected_guidance_rescale"],
        category: Category::Guidance, task: changed guidance.apg_threshold,
        kind: Kind::Number { min: 0.0, max: 1000.0 },
        unset: Unset::Value("15"), metadata: "APG threshold",
        help: "With the method apg: the most that guidance adds in a step; 0 is without limit.",
    }
    apg_momentum: f64 {
        flag: "apg-momentum", short: None, aliases: &["adaptive_projected_guidance_momentum"],
        category: Category::Guidance, task: changed guidance.apg_momentum,
        kind: Kind::Number { min: -1.0, max: 1.0 },
        unset: Unset::Value("-0.5"), metadata: "APG momentum",
        help: "With the method apg: how much of what earlier steps added counts; below 0 it is taken away.",
    }
    zero_init_steps: u32 {
        flag: "zero-init-steps", short: None, aliases: &["cfg_zero_init_steps"],
        category: Category::Guidance, task: changed guidance.zero_init_steps,
        kind: Kind::Integer { min: 0, max: 1000 },
        unset: Unset::Value("0"), metadata: "Zero init steps",
        help: "With the method cfg_zero_star: so many first steps predict nothing; 1 is usual for flows.",
    }
    pag_scale: f64 {
        flag: "pag", short: None, aliases: &["perturbed_attention_guidance_scale"],
        category: Category::Guidance, task: changed guidance.pag_scale,
        kind: Kind::Number { min: 0.0, max: 100.0 },
        unset: Unset::Value("0"), metadata: "PAG scale",
        help: "Perturbed-attention guidance: shapes that hold together better, with or without --cfg; 3 is usual.",
        long: "Each step calls the network once more, without the self-attention in its middle (arXiv 2403.17377).",
    }
    mimic_scale: f64 {
        flag: "mimic-scale", short: None, aliases: &[],
        category: Category::Guidance, task: changed guidance.mimic_scale,
        kind: Kind::Number { min: 0.0, max: 100.0 },
        unset: Unset::Value("7"), metadata: "Mimic scale",
        help: "With the method mimic: the scale whose contrast the picture has, where --cfg is greater.",
    }
    mimic_percentile: f64 {
        flag: "mimic-percentile", short: None, aliases: &["threshold_percentile"],
        category: Category::Guidance, task: changed guidance.mimic_percentile,
        kind: Kind::Number { min: 0.0, max: 100.0 },
        unset: Unset::Value("100"), metadata: "Threshold percentile",
        help: "With the method mimic: how many percent of the values are within bounds; 99 clips a hundredth.",
    }
    mimic_mode: ScaleCurve {
        flag: "mimic-mode", short: None, aliases: &[],
        category: Category::Guidance, task: changed guidance.mimic_mode,
        kind: choice::<ScaleCurve>(),
        unset: Unset::Value("Constant"), metadata: "Mimic mode",
        help: "With the method mimic: how its scale goes over the steps.",
    }
    mimic_scale_min: f64 {
        flag: "mimic-scale-min", short: None, aliases: &["mimic_scale_minimum"],
        category: Category::Guidance, task: changed guidance.mimic_scale_min,
        kind: Kind::Number { min: 0.0, max: 100.0 },
        unset: Unset::Value("0"), metadata: "Mimic scale minimum",
        help: "Where the mimic scale changes over the steps: its least.",
    }
    cfg_mode: ScaleCurve {
        flag: "cfg-mode", short: None, aliases: &[],
        category: Category::Guidance, task: changed guidance.cfg_mode,
        kind: choice::<ScaleCurve>(),
        unset: Unset::Value("Constant"), metadata: "CFG mode",
        help: "With the method mimic: how --cfg goes over the steps.",
    }
    cfg_scale_min: f64 {
        flag: "cfg-scale-min", short: None, aliases: &["cfg_scale_minimum"],
        category: Category::Guidance, task: changed guidance.cfg_scale_min,
        kind: Kind::Number { min: 0.0, max: 100.0 },
        unset: Unset::Value("0"), metadata: "CFG scale minimum",
        help: "Where --cfg changes over the steps: its least.",
    }
    mimic_curve_value: f64 {
        flag: "mimic-curve-value", short: None, aliases: &["mimic_sched_val", "scheduler_value"],
        category: Category::Guidance, task: changed guidance.mimic_curve_value,
        kind: Kind::Number { min: 0.0, max: 100.0 },
        unset: Unset::Value("4"), metadata: "Scheduler value",
        help: "The power of the modes that have one, and how often those that repeat do.",
    }
    mimic_phi: f64 {
        flag: "mimic-phi", short: None, aliases: &["interpolate_phi"],
        category: Category::Guidance, task: changed guidance.mimic_phi,
        kind: Kind::Number { min: 0.0, max: 1.0 },
        unset: Unset::Value("1"), metadata: "Interpolate Phi",
        help: "With the method mimic: how much of the result is its own; the rest is plain guidance.",
    }
    freeu_b1: f64 {
        flag: "freeu-b1", short: None, aliases: &[],
        category: Category::Guidance, task: changed guidance.freeu_b1,
        kind: Kind::Number { min: 0.0, max: 10.0 },
        unset: Unset::Value("1"), metadata: "FreeU b1",
        help: "FreeU: what the backbone's coarsest block on the way up is scaled with; 1 is off, 1.5 is usual for SD 1, 1.3 for SDXL.",
        long: "More of what is shown and less of its texture, at no cost (arXiv 2309.11497). Only for UNets.",
    }
    freeu_b2: f64 {
        flag: "freeu-b2", short: None, aliases: &[],
        category: Category::Guidance, task: changed guidance.freeu_b2,
        kind: Kind::Number { min: 0.0, max: 10.0 },
        unset: Unset::Value("1"), metadata: "FreeU b2",
        help: "FreeU: the same in the block after it; 1 is off, 1.6 is usual for SD 1, 1.4 for SDXL.",
    }
    freeu_s1: f64 {
        flag: "freeu-s1", short: None, aliases: &[],
        category: Category::Guidance, task: changed guidance.freeu_s1,
        kind: Kind::Number { min: 0.0, max: 10.0 },
        unset: Unset::Value("1"), metadata: "FreeU s1",
        help: "FreeU: what the low frequencies of the coarsest skips are scaled with; 1 is off, 0.9 is usual.",
    }
    freeu_s2: f64 {
        flag: "freeu-s2", short: None, aliases: &[],
        category: Category::Guidance, task: changed guidance.freeu_s2,
        kind: Kind::Number { min: 0.0, max: 10.0 },
        unset: Unset::Value("1"), metadata: "FreeU s2",
        help: "FreeU: the same in the block after it; 1 is off, 0.2 is usual.",
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
    eta: f64 {
        flag: "eta", short: None, aliases: &["scheduler_eta", "ddim_eta"],
        category: Category::Sampling, task: given sampling.eta,
        kind: Kind::Number { min: 0.0, max: 10.0 },
        unset: Unset::Settled("the sampler's own"), metadata: "Eta",
        help: "How much of a step is fresh noise, for ancestral and SDE samplers, DDIM and TCD.",
        long: "docs/samplers.md says which samplers take it; one that does not leaves it out and says so. That holds for all options of samplers.",
    }
    s_churn: f64 {
        flag: "s-churn", short: None, aliases: &[],
        category: Category::Sampling, task: given sampling.s_churn,
        kind: Kind::Number { min: 0.0, max: 100.0 },
        unset: Unset::Settled("0"), metadata: "Sigma churn",
        help: "Noise thrown in before steps, over all of them (Euler, Heun, DPM2, HeunPP2).",
    }
    s_tmin: f64 {
        flag: "s-tmin", short: None, aliases: &["s_min"],
        category: Category::Sampling, task: given sampling.s_tmin,
        kind: Kind::Number { min: 0.0, max: 1e6 },
        unset: Unset::Settled("0"), metadata: "Sigma tmin",
        help: "The lowest noise level at which --s-churn throws it in.",
    }
    s_tmax: f64 {
        flag: "s-tmax", short: None, aliases: &["s_max"],
        category: Category::Sampling, task: given sampling.s_tmax,
        kind: Kind::Number { min: 0.0, max: 1e6 },
        unset: Unset::Settled("no limit"), metadata: "Sigma tmax",
        help: "The highest noise level at which --s-churn throws it in.",
    }
    s_noise: f64 {
        flag: "s-noise", short: None, aliases: &[],
        category: Category::Sampling, task: given sampling.s_noise,
        kind: Kind::Number { min: 0.0, max: 2.0 },
        unset: Unset::Settled("1"), metadata: "Sigma noise",
        help: "What fresh noise is scaled with.",
    }
    solver_order: u32 {
        flag: "solver-order", short: None, aliases: &["schedulers_solver_order"],
        category: Category::Sampling, task: given sampling.solver_order,
        kind: Kind::Integer { min: 1, max: 4 },
        unset: Unset::Settled("the sampler's own"), metadata: "Solver order",
        help: "The highest order of a step, for multistep samplers.",
    }
    lower_order_final: bool {
        flag: "lower-order-final", short: None, aliases: &["schedulers_use_loworder"],
        category: Category::Sampling, task: given sampling.lower_order_final,
        kind: Kind::Switch,
        unset: Unset::Settled("the sampler's own"), metadata: "Lower order final",
        help: "Whether the last steps are of lower order, for UniPC, DEIS logrho, SA-Solver and DPM++ 3M.",
    }
    thresholding: bool {
        flag: "thresholding", short: None, aliases: &["dynamic_thresholding", "schedulers_use_thresholding"],
        category: Category::Sampling, task: changed sampling.thresholding,
        kind: Kind::Switch,
        unset: Unset::Value("off"), metadata: "Thresholding",
        help: "Keep what each step takes for the clean sample within bounds; for models of pixels.",
    }
    rescale_betas: bool {
        flag: "rescale-betas", short: None, aliases: &["rescale_betas_zero_snr", "schedulers_rescale_betas", "zero_terminal_snr"],
        category: Category::Sampling, task: changed sampling.rescale_betas,
        kind: Kind::Switch,
        unset: Unset::Value("off"), metadata: "Rescale betas",
        help: "Rescale the model's betas so that it begins at nothing but noise, for models trained so.",
        long: "Lin et al. 2023, arXiv 2305.08891; models that say it of themselves need no asking.",
    }
    shift: f64 {
        flag: "shift", short: None, aliases: &["schedulers_shift", "flow_shift"],
        category: Category::Sampling, task: given sampling.shift,
        kind: Kind::Number { min: 0.01, max: 100.0 },
        unset: Unset::Settled("the model's own"), metadata: "Shift",
        help: "How far the noise levels of a flow-matching model are pushed toward noise.",
    }
    sigmas: Vec<String> {
        flag: "sigmas", short: None, aliases: &["schedulers_sigmas"],
        category: Category::Sampling, task: changed sampling.sigmas,
        kind: Kind::List { of: "numbers of 0 and above that fall", most: 1000, canonical: level },
        unset: Unset::Settled("none: the schedule's"), metadata: "Sigmas",
        help: "Noise levels in place of a schedule and of --steps, as in 14.6,6.5,2.9,1.1,0.4.",
        long: "The last step ends without noise.",
    }
    timesteps: Vec<String> {
        flag: "timesteps", short: None, aliases: &["schedulers_timesteps"],
        category: Category::Sampling, task: changed sampling.timesteps,
        kind: Kind::List { of: "numbers of 0 and above that fall", most: 1000, canonical: level },
        unset: Unset::Settled("none: the schedule's"), metadata: "Timesteps",
        help: "Timesteps in place of a schedule and of --steps, as in 999,850,736,645,545,455,343,233,124,24.",
        long: "The last step ends without noise.",
    }
    noise_source: NoiseSource {
        flag: "noise-source", short: None, aliases: &["randn_source", "rng"],
        category: Category::Sampling, task: changed sampling.noise_source,
        kind: choice::<NoiseSource>(),
        unset: Unset::Value("cpu"), metadata: "RNG",
        help: "Whose random numbers: cpu is diffusers' and A1111's CPU, philox A1111's GPU and NV, comfy ComfyUI's, one draw for a batch.",
    }
    subseed: i64 {
        flag: "subseed", short: None, aliases: &["variation_seed"],
        category: Category::Sampling, task: changed sampling.subseed,
        kind: Kind::Integer { min: 0, max: MAX_SEED },
        unset: Unset::Value("0"), metadata: "Variation seed",
        help: "The seed of noise that is mixed in; counts with --subseed-strength.",
    }
    subseed_strength: f64 {
        flag: "subseed-strength", short: None, aliases: &["variation_strength", "variation_seed_strength"],
        category: Category::Sampling, task: changed sampling.subseed_strength,
        kind: Kind::Number { min: 0.0, max: 1.0 },
        unset: Unset::Value("0"), metadata: "Variation seed strength",
        help: "How much of the subseed's noise there is in a picture's: 0 none, 1 nothing else.",
    }
    seed_resize_from_w: u32 {
        flag: "seed-resize-from-w", short: None, aliases: &[],
        category: Category::Sampling, task: changed sampling.seed_resize_from_w,
        kind: Kind::Integer { min: 0, max: 8192 },
        unset: Unset::Value("0"), metadata: "Seed resize from width",
        help: "Draw the seed's noise at this width and put it in the middle, so that a picture of another size is like that one; 0 does not.",
        long: "Counts with --seed-resize-from-h, both multiples of the model's VAE factor.",
    }
    seed_resize_from_h: u32 {
        flag: "seed-resize-from-h", short: None, aliases: &[],
        category: Category::Sampling, task: changed sampling.seed_resize_from_h,
        kind: Kind::Integer { min: 0, max: 8192 },
        unset: Unset::Value("0"), metadata: "Seed resize from height",
        help: "The height to it.",
    }
    eta_noise_seed_delta: i64 {
        flag: "eta-noise-seed-delta", short: None, aliases: &["ensd"],
        category: Category::Sampling, task: changed sampling.eta_noise_seed_delta,
        kind: Kind::Integer { min: -1000000, max: 1000000 },
        unset: Unset::Value("0"), metadata: "ENSD",
        help: "What is added to the seed for the noise on the way; 31337 is what some pictures of A1111's were made with.",
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
    upscaler: String {
        flag: "upscaler", short: None, aliases: &["upscaler_1", "postprocess_upscaler"],
        category: Category::Size, task: always size.upscaler,
        kind: Kind::Text { max_bytes: MAX_NAME },
        unset: Unset::OfModel(|card| card.upscaler.to_value()), metadata: "Postprocess upscaler",
        help: "What makes a finished picture larger: none, a filter, realesr-animevideov3, or a network's file.",
        long: "Filters are nearest, box, bilinear, bicubic and lanczos. Files are ESRGAN, Real-ESRGAN and Real-ESRGAN Compact as .safetensors or .pth: paths, or names in the subfolders upscale_models, ESRGAN and RealESRGAN of the models folders. Only emoji has one by itself, for pictures whose size nobody names.",
    }
    upscale: f64 {
        flag: "upscale", short: None, aliases: &["upscale_by", "upscaling_resize", "postprocess_upscale_by"],
        category: Category::Size, task: given size.upscale,
        kind: Kind::Number { min: 1.0, max: 16.0 },
        unset: Unset::Settled("what the network was made for; 2 with a filter"), metadata: "Postprocess upscale by",
        help: "How many times as wide and high the upscaler makes a finished picture.",
        long: "Where the model has no upscaler and none is named, lanczos does it. A network goes over the picture until it is large enough, and lanczos makes the rest.",
    }
    original_size: String {
        flag: "original-size", short: None, aliases: &[],
        category: Category::Size, task: given size.original_size,
        kind: Kind::Text { max_bytes: 32 },
        unset: Unset::Settled("the picture's own"), metadata: "Original size",
        help: "SDXL: the size that the picture is told to have been before it was cut, as 1024x1024.",
        long: "Small sizes make pictures look as if they had been enlarged.",
    }
    crop: String {
        flag: "crop", short: None, aliases: &["crops_coords_top_left"],
        category: Category::Size, task: given size.crop,
        kind: Kind::Text { max_bytes: 32 },
        unset: Unset::Settled("0,0"), metadata: "Crop",
        help: "SDXL: how far from left and top the picture is told to have been cut out, as 0,64.",
    }
    target_size: String {
        flag: "target-size", short: None, aliases: &[],
        category: Category::Size, task: given size.target_size,
        kind: Kind::Text { max_bytes: 32 },
        unset: Unset::Settled("the picture's own"), metadata: "Target size",
        help: "SDXL: the size that the picture is told to have, as 1024x1024.",
    }
    aesthetic_score: f64 {
        flag: "aesthetic-score", short: None, aliases: &[],
        category: Category::Guidance, task: given guidance.aesthetic_score,
        kind: Kind::Number { min: 0.0, max: 10.0 },
        unset: Unset::Settled("6"), metadata: "Aesthetic score",
        help: "SDXL's refiner: how good the picture is told to look.",
    }
    negative_aesthetic_score: f64 {
        flag: "negative-aesthetic-score", short: None, aliases: &[],
        category: Category::Guidance, task: given guidance.negative_aesthetic_score,
        kind: Kind::Number { min: 0.0, max: 10.0 },
        unset: Unset::Settled("2.5"), metadata: "Negative aesthetic score",
        help: "The same for what is to be avoided.",
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
    token_merging: f64 {
        flag: "token-merging", short: None, aliases: &["token_merging_ratio", "tome_ratio", "tome"],
        category: Category::Compute, task: changed compute.token_merging,
        kind: Kind::Number { min: 0.0, max: 0.75 },
        unset: Unset::Value("0"), metadata: "Token merging ratio",
        help: "Merge that share of a picture's places where a UNet compares them all: faster when large, less detail; 0.5 is much.",
        long: "Token merging (arXiv 2303.17604), as AUTOMATIC1111 has it; in SDXL at its finest level that compares places.",
    }
    deep_cache: u32 {
        flag: "deep-cache", short: None, aliases: &["deep_cache_interval", "deepcache_interval"],
        category: Category::Compute, task: changed compute.deep_cache,
        kind: Kind::Integer { min: 1, max: 100 },
        unset: Unset::Value("1"), metadata: "DeepCache interval",
        help: "Compute all of a UNet once in so many steps and take its inside from there in the others: faster, another picture; 1 is off.",
        long: "DeepCache (arXiv 2312.00858); docs/performance.md says what it costs in quality. Samplers that look twice a step count each look.",
    }
    deep_cache_branch: u32 {
        flag: "deep-cache-branch", short: None, aliases: &["deepcache_branch", "cache_branch_id"],
        category: Category::Compute, task: changed compute.deep_cache_branch,
        kind: Kind::Integer { min: 0, max: 63 },
        unset: Unset::Value("0"), metadata: "DeepCache branch",
        help: "With --deep-cache: how far down a UNet is computed at every step; 0 is least and fastest.",
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
