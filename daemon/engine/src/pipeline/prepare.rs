//! The stages before the denoise loop: the picture that a task begins with, read and turned into latents once, and the state that
//! each group of pictures begins its loop with. `denoise.rs` goes on from there.

use std::io::{ErrorKind, Read as _};
use std::ops::Range;
use std::path::Path;

use darkroom_formats::input;
use darkroom_protocol::ImageTask;
use darkroom_protocol::hash::{hex, is_sha256};
use image::imageops::{self, FilterType};
use sha2::{Digest as _, Sha256};
use tch::{Kind, Tensor};

use super::decode::encode;
use super::{Observer, Work};
use crate::model::{Model, Posterior};
use crate::sampling::{NoiseStream, Plan, Wish};
use crate::{Error, Result, torch};

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

/// The latents of the picture that `task` begins with, [1, C, H/f, W/f] on the model's device; `None` where it begins with noise.
///
/// # Errors
/// [`Error::Input`] where the file is gone, another one, or no picture.
pub fn beginning(
    task: &ImageTask,
    work: &Work,
    model: &Model,
    observer: &mut dyn Observer,
) -> Result<Option<Posterior>> {
    let Some(sha256) = &task.inputs.init_image else {
        return Ok(None);
    };
    work.cancel.check()?;
    let bytes = read(work.inputs, sha256)?;
    let picture = input::read(&bytes).map_err(|what| Error::Input {
        sha256: sha256.clone(),
        what: what.to_string(),
    })?;
    let picture = cover(picture, task.size.width, task.size.height);
    let pixels = pixels(&picture);
    let there = torch::to(&pixels, model.device(), Kind::Float)?;
    encode(model, &there, work.cancel, observer).map(Some)
}

/// The state that a group begins its loop with [B, C, H/f, W/f] in f32 on the model's device, and the noise of what follows.
///
/// A picture's generator gives first the noise of the latents that the given picture may have, then that of the first step, as in
/// diffusers' `StableDiffusionImg2ImgPipeline.prepare_latents`.
pub fn prepare(group: &Group, plan: &Plan, beginning: Option<&Posterior>) -> Result<(Tensor, NoiseStream)> {
    let (task, device) = (group.task, group.model.device());
    let space = group.model.family().latents().kind;
    let side = |pixels: u32| i64::from(pixels / space.factor);
    let shape = [i64::from(space.channels), side(task.size.height), side(task.size.width)];
    let wish = Wish::of(&task.sampling, space.factor);
    let pictures = i64::from(group.pictures.start)..i64::from(group.pictures.end);
    let mut stream = NoiseStream::of(wish, pictures, i64::from(task.size.batch), &shape)?.along(plan)?;
    let there = |noise: Tensor| torch::to(&noise, device, Kind::Float);
    let latents = match beginning {
        Some(picture) => {
            let clean = picture.sample(&there(stream.posterior()?)?);
            plan.noised(&clean, &there(stream.first()?)?)
        }
        None => plan.initial(&there(stream.first()?)?),
    };
    Ok((latents, stream))
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

/// The middle of the picture in the shape of `width`×`height`, scaled to that. One of that size stays as it is. What stands out is cut
/// off first, so that nothing larger than both is ever made.
fn cover(picture: input::Picture, width: u32, height: u32) -> input::Picture {
    let (w, h) = picture.dimensions();
    if (w, h) == (width, height) {
        return picture;
    }
    let scale = (f64::from(width) / f64::from(w)).max(f64::from(height) / f64::from(h));
    let side = |wanted: u32, most: u32| ((f64::from(wanted) / scale).round() as u32).clamp(1, most);
    let (inner_w, inner_h) = (side(width, w), side(height, h));
    let middle = imageops::crop_imm(&picture, (w - inner_w) / 2, (h - inner_h) / 2, inner_w, inner_h).to_image();
    imageops::resize(&middle, width, height, FilterType::Lanczos3)
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
    use rstest::rstest;

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

    #[rstest]
    #[case((64, 64), (64, 64))]
    #[case((100, 50), (32, 32))]
    #[case((30, 31), (64, 32))]
    #[case((1, 1000), (8, 8))]
    fn it_covers_what_is_asked_for(#[case] (w, h): (u32, u32), #[case] (width, height): (u32, u32)) {
        assert_eq!(
            cover(input::Picture::new(w, h), width, height).dimensions(),
            (width, height)
        );
    }

    #[test]
    fn the_middle_stays() {
        let stripes = input::Picture::from_fn(30, 10, |x, _| {
            image::Rgb([if (10..20).contains(&x) { 200 } else { 0 }; 3])
        });
        let found = cover(stripes, 10, 10);
        assert!(found.pixels().all(|pixel| pixel.0 == [200; 3]));
    }
}
