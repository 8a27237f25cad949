//! The stage between a decoded picture and its file: it is made larger, where the task says so, by a network or a filter of
//! `crate::upscale`. `pictures.rs` opens an [`Upscaler`] before the first step, so that a file that is none is told before anybody
//! waits, and applies it to each picture. How tiles get smaller where memory runs out is `ladder.rs`'s.

use darkroom_protocol::sampler::Named;
use darkroom_protocol::upscaler::{self, Filter};
use darkroom_protocol::{ImageTask, task::Size};
use tch::{Kind, Tensor};

use super::encode::{Rgb8, to_rgb8};
use crate::nn::Seamless;
use crate::torch::Device;
use crate::upscale::{Network, resample};
use crate::{Cancel, Error, Result};

/// How often a network goes over a picture that is not large enough yet, as in A1111.
const PASSES: u32 = 3;

/// What a task makes its pictures larger with.
#[derive(Debug)]
pub enum Upscaler {
    /// A filter.
    Filter(Filter),
    /// A network.
    Network(Box<Network>),
}

impl Upscaler {
    /// The one that `task` names; `None` where its pictures stay as they are.
    ///
    /// # Errors
    /// Those of [`Network::open`], [`Error::Unsupported`] where the pictures would be too large.
    pub fn open(task: &ImageTask, device: Device, cancel: &Cancel) -> Result<Option<Self>> {
        if !task.is_upscaled() {
            return Ok(None);
        }
        let upscaler = Self::named(&task.size.upscaler, device, cancel)?;
        let (width, height) = upscaler.size(&task.size, task.made_size());
        check_size(width, height)?;
        Ok(Some(upscaler))
    }

    /// The filter of that name, or the network of that file.
    ///
    /// # Errors
    /// Those of [`Network::open`].
    pub fn named(name: &str, device: Device, cancel: &Cancel) -> Result<Self> {
        match Filter::from_name(name) {
            Some(filter) => Ok(Self::Filter(filter)),
            None => Ok(Self::Network(Box::new(Network::open(name, device, cancel)?))),
        }
    }

    /// Width and height of the larger picture, made of one of `made`.
    fn size(&self, size: &Size, made: (u32, u32)) -> (u32, u32) {
        let by = size.upscale.unwrap_or_else(|| match self {
            Self::Filter(_) => upscaler::FILTER_SCALE,
            Self::Network(network) => network.scale().into(),
        });
        let side = |side: u32| ((f64::from(side) * by).round() as u32).max(1);
        (side(made.0), side(made.1))
    }

    /// The picture [1, 3, H, W] in 0..1, f32 on the CPU, made as large as `task` says. `on_tile` is told how many tiles of this pass are
    /// done, of how many.
    ///
    /// # Errors
    /// Those of [`Network::enlarge`].
    pub fn apply(
        &self,
        task: &ImageTask,
        pixels: &Tensor,
        cancel: &Cancel,
        on_tile: &mut dyn FnMut(u32, u32),
    ) -> Result<Tensor> {
        let wanted = self.size(&task.size, size_of(pixels));
        self.enlarge(pixels, wanted, task.compute.upscale_tile, cancel, on_tile)
    }

    /// The same made as large as `wanted`, by a network in tiles of at most so many pixels a side.
    ///
    /// # Errors
    /// Those of [`Network::enlarge`].
    pub fn enlarge(
        &self,
        pixels: &Tensor,
        wanted: (u32, u32),
        tile: u32,
        cancel: &Cancel,
        on_tile: &mut dyn FnMut(u32, u32),
    ) -> Result<Tensor> {
        // Its tiles have edges, whatever the picture has.
        let _edges = Seamless::along((false, false));
        match self {
            Self::Filter(filter) => resized(pixels, wanted, *filter),
            Self::Network(network) => {
                let mut made = pixels.shallow_clone();
                for pass in 0..PASSES {
                    if pass > 0 && (network.scale() == 1 || is_at_least(&made, wanted)) {
                        break;
                    }
                    let (width, height) = size_of(&made);
                    check_size(
                        width.saturating_mul(network.scale()),
                        height.saturating_mul(network.scale()),
                    )?;
                    made = network.enlarge(&made, tile, cancel, on_tile)?;
                }
                // A cancel that came with the last tile.
                cancel.check()?;
                resized(&made, wanted, Filter::Lanczos)
            }
        }
    }
}

/// The picture at exactly that size; nothing is rounded where it has it.
fn resized(pixels: &Tensor, wanted: (u32, u32), filter: Filter) -> Result<Tensor> {
    if size_of(pixels) == wanted {
        return Ok(pixels.shallow_clone());
    }
    let picture = to_rgb8(pixels)?;
    let size = (picture.width(), picture.height());
    let made = resample(picture.pixels(), size, wanted, filter);
    let made = made.and_then(|pixels| Rgb8::new(wanted.0, wanted.1, pixels));
    Ok(tensor(&made.ok_or(Error::Defect)?))
}

/// [1, 3, H, W] in 0..1, f32, on the CPU: 255 times that are the picture's bytes again.
fn tensor(picture: &Rgb8) -> Tensor {
    Tensor::from_slice(picture.pixels())
        .reshape([1, i64::from(picture.height()), i64::from(picture.width()), 3])
        .permute([0, 3, 1, 2])
        .to_kind(Kind::Float)
        / 255.0
}

fn size_of(pixels: &Tensor) -> (u32, u32) {
    match pixels.size()[..] {
        [.., height, width] => (width as u32, height as u32),
        _ => (0, 0),
    }
}

fn is_at_least(pixels: &Tensor, (width, height): (u32, u32)) -> bool {
    let (w, h) = size_of(pixels);
    w >= width && h >= height
}

fn check_size(width: u32, height: u32) -> Result<()> {
    if u64::from(width) * u64::from(height) <= upscaler::MAX_PIXELS {
        return Ok(());
    }
    Err(Error::Unsupported(format!(
        "The upscaler would make {width}×{height}, and the most is {} pixels, which is 8192×8192: give a smaller size or upscale.",
        upscaler::MAX_PIXELS
    )))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::pipeline::testing::task;

    fn upscaled(by: Option<f64>, name: &str) -> Result<Tensor> {
        let mut task = task(1, 1);
        (task.size.upscaler, task.size.upscale) = (name.to_owned(), by);
        task.compute.upscale_tile = 64;
        let picture = crate::torch::Generator::seeded(1)?.randn(&[1, 3, 64, 64])? * 0.1 + 0.5;
        let upscaler = Upscaler::open(&task, Device::Cpu, &Cancel::new())?.unwrap();
        upscaler.apply(&task, &picture, &Cancel::new(), &mut |_, _| {})
    }

    #[test]
    fn none_is_nothing() {
        assert!(
            Upscaler::open(&task(1, 1), Device::Cpu, &Cancel::new())
                .unwrap()
                .is_none()
        );
    }

    #[rstest]
    #[case(None, "lanczos", 128)]
    #[case(Some(1.5), "bicubic", 96)]
    #[case(Some(1.0), "box", 64)]
    fn a_filter_makes_the_size_asked_for(#[case] by: Option<f64>, #[case] name: &str, #[case] side: i64) {
        assert_eq!(upscaled(by, name).unwrap().size(), [1, 3, side, side]);
    }

    #[cfg(feature = "embedded-model")]
    #[rstest]
    #[case(None, 256)]
    #[case(Some(2.0), 128)]
    #[case(Some(5.0), 320)]
    fn a_network_makes_the_size_asked_for(#[case] by: Option<f64>, #[case] side: i64) {
        let made = upscaled(by, upscaler::EMBEDDED).unwrap();
        assert_eq!(made.size(), [1, 3, side, side]);
        assert!(made.min().double_value(&[]) >= 0.0 && made.max().double_value(&[]) <= 1.0);
    }

    #[rstest]
    #[case("nearest", 4096, "would make 16384×16384")]
    #[case("no such", 64, "There is no upscaler no such")]
    fn what_cannot_be_is_told_at_once(#[case] name: &str, #[case] side: u32, #[case] told: &str) {
        let mut task = task(1, 1);
        (task.size.upscaler, task.size.upscale) = (name.to_owned(), Some(4.0));
        (task.size.width, task.size.height) = (side, side);
        let error = Upscaler::open(&task, Device::Cpu, &Cancel::new()).unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }

    #[test]
    fn bytes_survive_the_way_to_numbers_and_back() {
        let picture = Rgb8::new(16, 16, (0..=255).flat_map(|n| [n, 255 - n, n ^ 85]).collect()).unwrap();
        assert_eq!(to_rgb8(&tensor(&picture)).unwrap(), picture);
    }
}
