//! The stages before the denoise loop: the picture that a task begins with and its mask, read and turned into latents once, and what
//! each group of pictures begins its loop with. `denoise.rs` goes on from there. What is done to pixels before is in `fit.rs` and
//! `inpaint/`.

use std::io::{ErrorKind, Read as _};
use std::ops::Range;
use std::path::Path;

use darkroom_formats::input;
use darkroom_protocol::hash::{hex, is_sha256};
use darkroom_protocol::hires::LatentMode;
use darkroom_protocol::{ImageTask, InpaintFill, ModelTask, ResizeMode};
use image::RgbImage;
use sha2::{Digest as _, Sha256};
use tch::{Kind, Tensor};

use super::decode::encode;
use super::hires::interpolated;
use super::inpaint::Part;
use super::{Observer, Work, fit};
use crate::model::{Extras, Model, Posterior};
use crate::sampling::{Kept, NoiseStream, Plan, Wish};
use crate::{Error, Result, torch};

/// The most pixels that are encoded at a picture's own size: 4096 × 4096.
const MAX_ENCODED: u64 = 1 << 24;

/// Pictures that are computed together.
pub struct Group<'a> {
    pub task: &'a ImageTask,
    pub work: &'a Work<'a>,
    pub model: &'a Model,
    /// Their places in the task.
    pub pictures: Range<u32>,
}

impl Group<'_> {
    /// How many they are.
    pub fn len(&self) -> usize {
        self.pictures.len()
    }
}

/// What the pictures of a task begin with beside noise, read and encoded once. Tensors are on the model's device.
#[derive(Debug, Default)]
pub struct Beginning {
    /// The picture to begin with, as latents.
    picture: Option<Posterior>,
    /// The height and width in latents that these are stretched to, where the picture was encoded at its own size.
    stretched: Option<[i64; 2]>,
    /// Where that may change, in pixels; everywhere where it is none.
    pub part: Option<Part>,
    /// The same for latents: [1, 1, h, w] in 0..1.
    map: Option<Tensor>,
    /// For a model that fills masks: the mask [1, 1, h, w] of 0 and 1, and the picture without what is masked.
    masked: Option<(Tensor, Posterior)>,
    /// For a model that refers to a picture: its latents, [1, C, h, w].
    reference: Option<Tensor>,
    /// For a model that edits: the picture's latents as the autoencoder has them, unscaled.
    edited: Option<Tensor>,
    /// The picture whose colours the new one is given.
    pub colors: Option<RgbImage>,
}

/// What a group begins its loop with.
pub struct Start {
    /// The state [B, C, H/f, W/f] in f32 on the model's device.
    pub latents: Tensor,
    /// The noise of what follows.
    pub noise: NoiseStream,
    /// What of a picture stays.
    pub kept: Option<Kept>,
    /// What the denoiser reads beside the state.
    pub extras: Extras,
    /// The picture to edit, for guidance: [1, C, H/f, W/f].
    pub edited: Option<Tensor>,
}

/// Reads the files that `task` begins with, and encodes what its model is shown of them.
///
/// # Errors
/// [`Error::Input`] where a file is gone, another one, no picture, or a mask that changes nothing; [`Error::Unsupported`] where a
/// picture is missing.
pub fn beginning(task: &ImageTask, work: &Work, model: &Model, observer: &mut dyn Observer) -> Result<Beginning> {
    let kind = model.family().task();
    let Some(sha256) = &task.inputs.init_image else {
        return without_picture(task, work, model, observer);
    };
    work.cancel.check()?;
    let given = opened(work, sha256, input::read)?;
    let (width, height) = (task.size.width, task.size.height);
    check_frame(task, given.dimensions())?;
    let mask = &task.inpaint.mask;
    let part = match task.inpaint.is_asked() {
        false => None,
        true => {
            let opened = mask
                .as_ref()
                .map(|mask| opened(work, mask, input::read_mask))
                .transpose()?;
            let mode = task.inputs.resize_mode();
            let part = Part::new(given.clone(), opened, (&task.inpaint, mode), (width, height));
            Some(part.ok_or_else(|| Error::Input {
                sha256: mask.clone().unwrap_or_default(),
                what: "nothing of this mask is white, so that nothing would change".to_owned(),
            })?)
        }
    };
    let space = model.family().latents().kind;
    let mode = task.inputs.resize_mode();
    // A part is filled and put back in pixels.
    let latent = (mode == ResizeMode::Latent && part.is_none()).then(|| given.clone());
    let fitted = match &part {
        Some(part) => part.picture.clone(),
        None => fit::fitted(given, width, height, mode),
    };
    let shown = pixels(&fitted);
    let latent = latent.filter(|given| given.dimensions() != (width, height));
    let stretched = latent
        .is_some()
        .then(|| [height, width].map(|side| i64::from(side / space.factor)));
    let picture = match latent {
        Some(given) => whole(&given, (work, model), observer)?,
        None => encoded(&shown, work, model, observer)?,
    };
    let map = part.as_ref().map(|part| part.map(space.factor));
    let map = map
        .map(|map| torch::to(&map, model.device(), Kind::Float))
        .transpose()?;
    let masked = match kind {
        ModelTask::Inpaint => Some(masked(&shown, part.as_ref(), (work, model), observer)?),
        ModelTask::Generate | ModelTask::Edit | ModelTask::Reference => None,
    };
    let reference = (kind == ModelTask::Reference).then(|| picture.mean.to_kind(Kind::Float));
    let edited = (kind == ModelTask::Edit).then(|| {
        let mean = stretch(picture.mean.to_kind(Kind::Float), stretched);
        match model.family().edits_scaled() {
            true => mean,
            false => mean / space.scale + space.shift,
        }
    });
    Ok(Beginning {
        picture: Some(picture),
        stretched,
        part,
        map,
        masked,
        reference,
        edited,
        colors: task.inputs.color_correction.then_some(fitted),
    })
}

/// The daemon has checked this; a task from elsewhere is not believed either.
fn check_frame(task: &ImageTask, given: (u32, u32)) -> Result<()> {
    let frame = task.inpaint.frame();
    let (width, height) = frame.around(given);
    if frame.is_none() || u64::from(width) * u64::from(height) <= input::MAX_PIXELS {
        return Ok(());
    }
    Err(Error::Unsupported(format!(
        "With what outpaint adds the picture has {width}×{height} pixels, and the most is {} in all: add less.",
        input::MAX_PIXELS
    )))
}

/// A picture encoded at its own size, for A1111's "Just resize (latent upscale)". What is no whole latent at its right and bottom edge
/// is cut off.
fn whole(given: &RgbImage, (work, model): (&Work, &Model), observer: &mut dyn Observer) -> Result<Posterior> {
    let factor = model.family().latents().kind.factor;
    let (w, h) = given.dimensions();
    let side = |side: u32| side / factor * factor;
    if side(w) == 0 || side(h) == 0 || u64::from(w) * u64::from(h) > MAX_ENCODED {
        return Err(Error::Unsupported(format!(
            "A latent upscale encodes the picture at its own size, and {w}×{h} is not from {factor}×{factor} to 4096×4096: take another resize mode."
        )));
    }
    let whole = image::imageops::crop_imm(given, 0, 0, side(w), side(h)).to_image();
    encoded(&pixels(&whole), work, model, observer)
}

/// Latents at that height and width.
fn stretch(latents: Tensor, size: Option<[i64; 2]>) -> Tensor {
    match size {
        Some(size) => interpolated(&latents, size, LatentMode::Bilinear),
        None => latents,
    }
}

/// Where there is none: noise, and for a model that fills masks a mask over everything.
///
/// # Errors
/// [`Error::Unsupported`] where a picture is missing.
pub fn without_picture(task: &ImageTask, work: &Work, model: &Model, observer: &mut dyn Observer) -> Result<Beginning> {
    let missing = |what: &str| Err(Error::Unsupported(format!("{what}: give one with -i (init_image).")));
    match model.family().task() {
        _ if task.inpaint.is_asked() => missing("A mask or outpaint says what of a picture changes"),
        ModelTask::Edit => missing("This model edits a picture"),
        ModelTask::Generate | ModelTask::Reference => Ok(Beginning::default()),
        ModelTask::Inpaint => {
            let (height, width) = (i64::from(task.size.height), i64::from(task.size.width));
            let empty = Tensor::zeros([1, 3, height, width], (Kind::Float, tch::Device::Cpu));
            Ok(Beginning {
                masked: Some(masked(&empty, None, (work, model), observer)?),
                ..Beginning::default()
            })
        }
    }
}

/// What a model for inpainting is told, as diffusers tells it: the mask cut at one half, its nearest values for latents, and the
/// picture [1, 3, H, W] with grey in place of what is masked. Without a mask everything is. Where each pixel is told, a latent has one
/// channel for each of its own.
fn masked(
    shown: &Tensor,
    part: Option<&Part>,
    (work, model): (&Work, &Model),
    observer: &mut dyn Observer,
) -> Result<(Tensor, Posterior)> {
    let mask = match part {
        Some(part) => part.hard(),
        None => shown.narrow(1, 0, 1).ones_like(),
    };
    let without = shown * (1.0 - &mask);
    let factor = i64::from(model.family().latents().kind.factor);
    let size = mask.size();
    let small = match model.family().reads_mask_by_pixel() {
        true => mask.pixel_unshuffle(factor),
        false => mask.upsample_nearest2d([size[2] / factor, size[3] / factor], None, None),
    };
    let small = torch::to(&small, model.device(), Kind::Float)?;
    Ok((small, encoded(&without, work, model, observer)?))
}

/// A picture [1, 3, H, W] in −1..1 as latents.
pub fn encoded(pixels: &Tensor, work: &Work, model: &Model, observer: &mut dyn Observer) -> Result<Posterior> {
    let there = torch::to(pixels, model.device(), Kind::Float)?;
    encode(model, &there, work.cancel, observer)
}

/// What a group begins its loop with.
///
/// A picture's generator gives first the noise of the latents that the given picture may have, then that of the first step, then that of
/// the masked picture's latents, as in diffusers' `StableDiffusionImg2ImgPipeline` and `StableDiffusionInpaintPipeline`.
pub fn prepare(group: &Group, plan: &Plan, beginning: &Beginning) -> Result<Start> {
    let (task, device) = (group.task, group.model.device());
    let mut stream = stream(group, plan)?;
    let there = |noise: Tensor| torch::to(&noise, device, Kind::Float);
    let Beginning {
        picture, map, masked, ..
    } = beginning;
    let soft = beginning.part.as_ref().is_some_and(Part::is_soft);
    // Under a hard mask all of the steps begin with noise alone, as in diffusers.
    let by_pixel = group.model.family().reads_mask_by_pixel();
    let afresh = map.is_some() && !soft && task.inputs.denoise() >= 1.0 && task.inpaint.fill() == InpaintFill::Original;
    let picture = picture
        .as_ref()
        .filter(|_| beginning.edited.is_none() && beginning.reference.is_none())
        // diffusers' Fill encodes it all the same.
        .filter(|_| by_pixel || !(afresh && masked.is_some()));
    let clean = picture
        .map(|picture| {
            let size = picture.mean.size();
            let noise = there(stream.posterior_of(size[2], size[3])?)?;
            Ok::<_, Error>(stretch(picture.sample(&noise), beginning.stretched))
        })
        .transpose()?;
    let noise = there(stream.first()?)?;
    let clean = clean.map(|clean| filled(clean, &noise, map.as_ref(), task.inpaint.fill()));
    let latents = match &clean {
        Some(clean) if !afresh => plan.noised(clean, &noise),
        _ => plan.initial(&noise),
    };
    let extras = extras(group, beginning, &mut stream)?;
    let kept = clean.zip(map.as_ref()).filter(|_| masked.is_none() || soft);
    Ok(Start {
        latents,
        noise: stream,
        kept: kept.map(|(clean, map)| Kept {
            clean,
            noise,
            map: map.shallow_clone(),
            soft,
        }),
        extras,
        edited: beginning.edited.as_ref().map(Tensor::shallow_clone),
    })
}

/// The noise of a group's pictures at its task's size, along that plan.
pub fn stream(group: &Group, plan: &Plan) -> Result<NoiseStream> {
    let task = group.task;
    let space = group.model.family().latents().kind;
    let side = |pixels: u32| i64::from(pixels / space.factor);
    let shape = [i64::from(space.channels), side(task.size.height), side(task.size.width)];
    let wish = Wish::of(&task.sampling, space.factor);
    let pictures = i64::from(group.pictures.start)..i64::from(group.pictures.end);
    NoiseStream::of(wish, pictures, i64::from(task.size.batch), &shape)?.along(plan)
}

/// What the denoiser reads beside the state.
pub fn extras(group: &Group, beginning: &Beginning, stream: &mut NoiseStream) -> Result<Extras> {
    let Beginning {
        map, masked, reference, ..
    } = beginning;
    let of_group = |one: &Tensor| one.expand([group.len() as i64, -1, -1, -1], false);
    // diffusers encodes the masked picture also where no model reads it.
    let reads_masked = map.is_some() || masked.is_some();
    let noise = reads_masked
        .then(|| torch::to(&stream.posterior()?, group.model.device(), Kind::Float))
        .transpose()?;
    let channels = masked.as_ref().zip(noise).map(|((mask, picture), noise)| {
        let (mask, picture) = (of_group(mask), picture.sample(&noise));
        match group.model.family().reads_mask_by_pixel() {
            true => Tensor::cat(&[picture, mask], 1),
            false => Tensor::cat(&[mask, picture], 1),
        }
    });
    Ok(Extras {
        channels,
        references: reference.iter().map(of_group).collect(),
        ..Extras::default()
    })
}

/// Clean latents with what a task wants under its mask.
fn filled(clean: Tensor, noise: &Tensor, map: Option<&Tensor>, fill: InpaintFill) -> Tensor {
    match (map, fill) {
        (Some(map), InpaintFill::LatentNoise) => clean.lerp_tensor(noise, map),
        (Some(map), InpaintFill::LatentNothing) => clean * (1.0 - map),
        _ => clean,
    }
}

/// The file of that hash as `read` has it.
fn opened<T>(work: &Work, sha256: &str, as_picture: fn(&[u8]) -> Result<T, input::Problem>) -> Result<T> {
    let bytes = read(work.inputs, sha256)?;
    as_picture(&bytes).map_err(|what| Error::Input {
        sha256: sha256.to_owned(),
        what: what.to_string(),
    })
}

/// The file of that hash, whole and unchanged.
fn read(folder: &Path, sha256: &str) -> Result<Vec<u8>> {
    let wrong = |what: String| Error::Input {
        sha256: sha256.to_owned(),
        what,
    };
    // A task from elsewhere is not believed: this becomes a path.
    if !is_sha256(sha256) {
        return Err(wrong("that is no SHA-256".to_owned()));
    }
    let path = folder.join(sha256);
    let mut bytes = Vec::new();
    let file = darkroom_protocol::files::open(&path);
    file.and_then(|file| file.take(input::MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|e| match e.kind() {
            ErrorKind::NotFound => wrong("it is not there any more: send it again".to_owned()),
            _ => wrong(e.to_string()),
        })?;
    if hex(Sha256::digest(&bytes)) != sha256 {
        return Err(wrong("its file was changed: send it again".to_owned()));
    }
    Ok(bytes)
}

/// [1, 3, H, W] in −1..1, f32, on the CPU.
fn pixels(picture: &input::Picture) -> Tensor {
    let (width, height) = picture.dimensions();
    Tensor::from_slice(picture.as_raw())
        .reshape([1, i64::from(height), i64::from(width), 3])
        .permute([0, 3, 1, 2])
        .to_kind(Kind::Float)
        / 127.5
        - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_file_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let name = hex(Sha256::digest(b"abc"));
        let told = |name: &str| read(folder.path(), name).unwrap_err().to_string();
        assert!(told(&name).contains("not there any more"), "{}", told(&name));
        std::fs::write(folder.path().join(&name), b"abd").unwrap();
        assert!(told(&name).contains("was changed"), "{}", told(&name));
        std::fs::write(folder.path().join(&name), b"abc").unwrap();
        assert_eq!(read(folder.path(), &name).unwrap(), b"abc");
        assert!(told("../../etc/passwd").contains("no SHA-256"));
    }

    #[test]
    fn black_is_minus_one_and_white_one() {
        let picture = input::Picture::from_raw(2, 1, vec![0, 0, 0, 255, 255, 255]).unwrap();
        let pixels = pixels(&picture);
        assert_eq!(pixels.size(), [1, 3, 1, 2]);
        assert_eq!(
            Vec::<f32>::try_from(pixels.flatten(0, -1)).unwrap(),
            [-1.0, 1.0, -1.0, 1.0, -1.0, 1.0]
        );
    }
}
