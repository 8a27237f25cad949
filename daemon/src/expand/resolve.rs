//! A request and its model's card made into a task: each value is the request's, else the settings', the given picture's, the
//! model's or the table's, and then checked against the model. `server/verbs/submit.rs` and `server/verbs/load.rs` call it in the
//! daemon, `bench` in the command's own process. The card comes from `catalog/`, the random seed from `seed.rs`; what of the
//! prompt is not understood is said by `notice.rs`.

use std::path::Path;

use darkroom_formats::card::check_size;
use darkroom_protocol::device::canonical_device;
use darkroom_protocol::hires;
use darkroom_protocol::inpaint::Frame;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::params::{MAX_SEED, RANDOM_SEEDS};
use darkroom_protocol::sampler::Named;
use darkroom_protocol::task::{Guidance, Inputs, sides};
use darkroom_protocol::text::escape_line;
use darkroom_protocol::upscaler::{self, Filter};
use darkroom_protocol::{GenerateRequest, ImageTask, ModelCard, ModelTask, Prediction, Tiling};

use super::like::{is_enlarged, like};
use super::micro_batch::micro_batch;
use crate::settings::Settings;

/// The most pixels of one picture: 4096 × 4096.
pub const MAX_PIXELS: u64 = 1 << 24;
/// The most pixels of a given picture with what is added to it: as many as one may have.
const MAX_FRAMED: u64 = darkroom_formats::input::MAX_PIXELS;

/// The task that `request` comes to with the model of `card`. Pure: `random` is the seed to take when none is given, `input` the width
/// and height of the picture to begin with, and `default_device` the device of the worker that will run it, for requests and settings
/// that leave it open (`auto` too).
///
/// # Errors
/// Usage errors: a parameter out of its range, a size that the model cannot make or of more than [`MAX_PIXELS`], a batch
/// whose last seed is beyond 2⁵³ − 1, a device that is none.
pub fn resolve(
    request: &GenerateRequest,
    card: &ModelCard,
    settings: &Settings,
    default_device: &str,
    input: Option<(u32, u32)>,
    random: u64,
) -> Result<ImageTask, RemoteError> {
    request.check().map_err(|e| RemoteError::usage(e.to_string()))?;
    let input = framed(request, input)?;
    let asked = request
        .clone()
        .or(of_settings(settings))
        .or(like(request, input, card))
        .or(GenerateRequest::defaults(card));
    let mut task = ImageTask::default();
    asked.put_into(&mut task);
    task.what.model.clone_from(&card.name);
    task.what.source = card.source.clone();
    task.sampling.prediction = request.prediction.or(unusual(card.prediction));
    task.inputs.denoise = denoise(request, task.sampling.steps)?;
    task.inpaint = task.inpaint.resolved();
    told_sizes(&task)?;
    of_picture(&mut task, card);
    of_model(&mut task, card)?;
    check_steps(&task)?;
    second_pass(&mut task, card)?;
    check_only(&task)?;
    upscaling(&mut task, request, is_enlarged(request, input, card))?;
    task.sampling.seed = seed(request.seed, task.size.batch, random)?;
    task.compute.device = device(asked.device.as_deref(), default_device)?;
    check_pixels(&task, card)?;
    let (width, height) = task.made_size();
    task.compute.micro_batch = micro_batch(task.size.batch, width, height);
    Ok(task)
}

/// The size of the picture to begin with, and what is added around it.
fn framed(request: &GenerateRequest, input: Option<(u32, u32)>) -> Result<Option<(u32, u32)>, RemoteError> {
    let frame = Frame::of(request.outpaint.as_deref().unwrap_or_default());
    let Some(size) = input.map(|size| frame.around(size)) else {
        return Ok(None);
    };
    let pixels = u64::from(size.0) * u64::from(size.1);
    if !frame.is_none() && pixels > MAX_FRAMED {
        return Err(RemoteError::usage(format!(
            "With what outpaint adds the picture has {}×{} pixels, and the most is {MAX_FRAMED} in all: add less.",
            size.0, size.1
        )));
    }
    Ok(Some(size))
}

/// What the settings say of every request.
fn of_settings(settings: &Settings) -> GenerateRequest {
    GenerateRequest {
        device: settings.device.clone(),
        dtype: settings.dtype,
        threads: settings.threads,
        ..GenerateRequest::default()
    }
}

/// How far the picture to begin with may change; nothing where there is none.
fn denoise(request: &GenerateRequest, steps: u32) -> Result<Option<f64>, RemoteError> {
    match (&request.init_image, request.denoise) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(RemoteError::usage(
            "denoise says how far a picture may change: give one with init_image, or leave it out.",
        )),
        (Some(_), asked) => {
            // Where nobody says, one step at least: models that make pictures in one begin with pictures too.
            let denoise = asked.unwrap_or(Inputs::DENOISE.max(1.0 / f64::from(steps.max(1))));
            Ok(Some(denoise))
        }
    }
}

/// What makes finished pictures larger, and by how much; the model's own upscaler where `enlarged`, or a factor is asked for.
fn upscaling(task: &mut ImageTask, request: &GenerateRequest, enlarged: bool) -> Result<(), RemoteError> {
    let made = task.made_size();
    let size = &mut task.size;
    if request.upscaler.is_none() && request.upscale.is_none() && !enlarged {
        size.upscaler = upscaler::NONE.to_owned();
    }
    if let Some(known) = upscaler::known(&size.upscaler) {
        size.upscaler = known.to_owned();
    } else if !Path::new(&size.upscaler).is_absolute() {
        return Err(RemoteError::usage(format!(
            "There is no upscaler {}: give none, lanczos, {}, or the path of a network's file.",
            escape_line(&size.upscaler),
            upscaler::EMBEDDED
        )));
    }
    match (size.upscaler.as_str(), size.upscale) {
        (upscaler::NONE, Some(by)) if request.upscaler.is_some() && by > 1.0 => {
            return Err(RemoteError::usage(format!(
                "upscale {by} needs an upscaler, and that is none: give one, such as lanczos, or leave upscale out."
            )));
        }
        (upscaler::NONE, Some(by)) if by > 1.0 => size.upscaler = Filter::Lanczos.name().to_owned(),
        (upscaler::NONE, _) => size.upscale = None,
        (word, None) if Filter::from_name(word).is_some() => size.upscale = Some(upscaler::FILTER_SCALE),
        (upscaler::EMBEDDED, None) => size.upscale = Some(upscaler::EMBEDDED_SCALE.into()),
        _ => {}
    }
    let by = size.upscale.unwrap_or(1.0);
    let side = |side: u32| (f64::from(side) * by).round() as u64;
    let (width, height) = (side(made.0), side(made.1));
    if width * height > upscaler::MAX_PIXELS {
        return Err(RemoteError::usage(format!(
            "upscale {by} would make {width}×{height}, and the most is {} pixels, which is 8192×8192: give a smaller one.",
            upscaler::MAX_PIXELS
        )));
    }
    Ok(())
}

/// What counts with a picture to begin with, and with no others.
fn of_picture(task: &mut ImageTask, card: &ModelCard) {
    let edits = card.task == ModelTask::Edit;
    if task.inputs.init_image.is_none() || edits {
        task.inputs.color_correction = false;
    }
    task.inputs.resize_mode = task.inputs.init_image.as_ref().and(task.inputs.resize_mode);
}

/// The second pass with its defaults, where one is asked for and possible.
fn second_pass(task: &mut ImageTask, card: &ModelCard) -> Result<(), RemoteError> {
    task.hires = task.hires.resolved();
    let Some(upscaler) = &task.hires.upscaler else {
        return Ok(());
    };
    let refused = |what: String| Err(RemoteError::usage(what));
    if task.inpaint.is_asked() {
        return refused(
            "A second pass makes all of the picture again, and a mask keeps a part of it: leave out hires or mask."
                .to_owned(),
        );
    }
    if card.task == ModelTask::Edit {
        return refused(format!(
            "{} edits a picture at its own size: leave out hires, and take upscale to make the result larger.",
            escape_line(&card.name)
        ));
    }
    if let Some(known) = hires::known(upscaler) {
        task.hires.upscaler = Some(known.to_owned());
    } else if !Path::new(upscaler).is_absolute() {
        return refused(format!(
            "There is no upscaler {} between passes: give Latent, lanczos, {}, or the path of a network's file.",
            escape_line(upscaler),
            upscaler::EMBEDDED
        ));
    }
    let first = (task.size.width, task.size.height);
    let asked = (task.hires.width.unwrap_or(0), task.hires.height.unwrap_or(0));
    for (side, name) in [(asked.0, "hires_width"), (asked.1, "hires_height")] {
        if !side.is_multiple_of(card.vae_factor.max(1)) {
            return refused(format!(
                "{name} {side} is not a multiple of {}, the model's VAE factor: try {}.",
                card.vae_factor,
                side.next_multiple_of(card.vae_factor.max(1))
            ));
        }
    }
    let ((width, height), _) = task.hires.sizes(first, card.vae_factor);
    let pixels = u64::from(width) * u64::from(height);
    if pixels > MAX_PIXELS {
        return refused(format!(
            "The second pass would have {width}×{height}, and the most is {MAX_PIXELS} pixels, which is 4096×4096: give a smaller hires."
        ));
    }
    Ok(())
}

/// What counts with models that were trained for more than prompts, and with no others.
fn of_model(task: &mut ImageTask, card: &ModelCard) -> Result<(), RemoteError> {
    let has_picture = task.inputs.init_image.is_some();
    if task.inpaint.is_asked() && !has_picture {
        let what = match task.inpaint.mask.is_some() {
            true => "mask says where a picture may change: give one with init_image, or leave it out.",
            false => "outpaint says what is added around a picture: give one with init_image, or leave it out.",
        };
        return Err(RemoteError::usage(what));
    }
    if task.size.tiling != Tiling::Off && task.compute.vae_tiling {
        return Err(RemoteError::usage(
            "vae_tiling decodes in tiles with edges of their own, which tiling cannot make fit: leave out one of them.",
        ));
    }
    task.guidance.distilled_cfg_scale = card
        .distilled_cfg_scale
        .map(|own| task.guidance.distilled_cfg_scale.unwrap_or(own));
    if card.task == ModelTask::Reference && has_picture {
        // It refers to the picture beside its noise, and all of its steps are run.
        task.inputs.denoise = Some(1.0);
    }
    if card.task != ModelTask::Edit {
        task.guidance.image_cfg_scale = None;
        return Ok(());
    }
    if !has_picture {
        return Err(RemoteError::usage(format!(
            "{} edits a picture as the prompt says: give one with init_image (-i).",
            escape_line(&card.name)
        )));
    }
    // It reads the picture beside its noise, and all of its steps are run.
    task.inputs.denoise = Some(1.0);
    task.guidance.image_cfg_scale.get_or_insert(Guidance::IMAGE_CFG);
    Ok(())
}

/// What a model is told of sizes is two numbers each.
fn told_sizes(task: &ImageTask) -> Result<(), RemoteError> {
    let size = &task.size;
    for (name, given, example) in [
        ("original_size", &size.original_size, "1024x1024"),
        ("crop", &size.crop, "0,64"),
        ("target_size", &size.target_size, "1024x1024"),
    ] {
        if let Some(text) = given.as_deref().filter(|text| sides(text).is_none()) {
            return Err(RemoteError::usage(format!(
                "{name} must be two whole numbers up to 65536, as {example}, not {}.",
                escape_line(text)
            )));
        }
    }
    Ok(())
}

fn check_only(task: &ImageTask) -> Result<(), RemoteError> {
    match task.size.only {
        Some(only) if only >= task.size.batch => Err(RemoteError::usage(format!(
            "only {only} is none of {} pictures, which are counted from 0: give a smaller one, or a larger batch.",
            task.size.batch
        ))),
        _ => Ok(()),
    }
}

fn check_steps(task: &ImageTask) -> Result<(), RemoteError> {
    if task.steps_run() > 0 {
        return Ok(());
    }
    let (denoise, steps) = (task.inputs.denoise(), task.sampling.steps);
    Err(RemoteError::usage(format!(
        "denoise {denoise} of {steps} steps leaves no step to run: raise denoise or steps."
    )))
}

/// What the model's files say of its denoiser where it is not the noise, so that the record of a picture says it.
fn unusual(prediction: Prediction) -> Option<Prediction> {
    (prediction != Prediction::Epsilon).then_some(prediction)
}

fn check_pixels(task: &ImageTask, card: &ModelCard) -> Result<(), RemoteError> {
    let (width, height, pixels) = (task.size.width, task.size.height, task.pixels());
    check_size(width, height, card.vae_factor).map_err(|e| RemoteError::usage(e.to_string()))?;
    if pixels > MAX_PIXELS {
        return Err(RemoteError::usage(format!(
            "{width}×{height} is {pixels} pixels, the most is {MAX_PIXELS}, which is 4096×4096: give a smaller size."
        )));
    }
    Ok(())
}

/// The first picture's seed: the given one, or `random` where that is missing or negative.
fn seed(given: Option<i64>, batch: u32, random: u64) -> Result<u64, RemoteError> {
    let Some(seed) = given.and_then(|seed| u64::try_from(seed).ok()) else {
        return Ok(random % RANDOM_SEEDS);
    };
    let most = MAX_SEED.unsigned_abs() - u64::from(batch.saturating_sub(1));
    if seed > most {
        return Err(RemoteError::usage(format!(
            "Picture i takes seed + i, and the largest seed is {MAX_SEED}: with a batch of {batch} give a seed up to {most}."
        )));
    }
    Ok(seed)
}

fn device(asked: Option<&str>, default_device: &str) -> Result<String, RemoteError> {
    let open = |text: &&str| !matches!(text.trim().to_ascii_lowercase().as_str(), "" | "auto");
    let Some(text) = asked.filter(open) else {
        return Ok(default_device.to_owned());
    };
    canonical_device(text).ok_or_else(|| {
        let shown = escape_line(text);
        RemoteError::usage(format!(
            "{shown} is no device: give cpu, cuda:0, xpu:0 or mps; `darkroom doctor` lists those that are here."
        ))
    })
}
