//! A finished picture as bytes, between the tensor and the file: `pipeline/save.rs` makes it, `png.rs`, `jpeg.rs` and `webp.rs`
//! write it. Previews are not made of it: they become bytes in `preview/pixels.rs`, which lets NaN pass as black.

use tch::{Kind, Tensor};

use crate::{Error, Result};

/// A picture of 8 bits a channel, rows from the top, red, green, blue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rgb8 {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

impl Rgb8 {
    /// A picture from its bytes; `None` unless there are exactly 3·width·height of them and at least one pixel.
    pub fn new(width: u32, height: u32, pixels: Vec<u8>) -> Option<Self> {
        let expected = (width as usize).checked_mul(height as usize)?.checked_mul(3)?;
        (expected > 0 && pixels.len() == expected).then_some(Self { width, height, pixels })
    }

    /// Pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// 3·width·height bytes.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The same as [1, 3, H, W] in 0..1, f32, on the CPU: [`to_rgb8`] makes exactly this picture of it.
    pub fn to_pixels(&self) -> Tensor {
        Tensor::from_slice(&self.pixels)
            .reshape([1, i64::from(self.height), i64::from(self.width), 3])
            .permute([0, 3, 1, 2])
            .to_kind(Kind::Float)
            / 255.0
    }
}

/// A picture from [1, 3, H, W] or [3, H, W] in 0..1, any float dtype and device. Values outside are clamped; 255·x is
/// rounded, halves to even, as diffusers' `numpy_to_pil` does.
///
/// # Errors
/// `Error::NotANumber` for a NaN, `Error::Unsupported` for another shape.
pub fn to_rgb8(pixels: &Tensor) -> Result<Rgb8> {
    let size = pixels.size();
    let [.., 3, height, width] = size[..] else {
        return Err(wrong(&size));
    };
    if size.iter().product::<i64>() != 3 * height * width {
        return Err(wrong(&size));
    }
    let pixels = pixels.to_kind(Kind::Float).reshape([3, height, width]);
    if pixels.isnan().any().int64_value(&[]) != 0 {
        return Err(Error::NotANumber {
            component: "image".into(),
        });
    }
    let bytes = (pixels.clamp(0.0, 1.0) * 255.0).round().to_kind(Kind::Uint8);
    let bytes = bytes.permute([1, 2, 0]).contiguous().reshape([-1]);
    let bytes = Vec::<u8>::try_from(bytes).map_err(|e| Error::Torch(e.to_string()))?;
    let picture = u32::try_from(width).ok().zip(u32::try_from(height).ok());
    picture
        .and_then(|(width, height)| Rgb8::new(width, height, bytes))
        .ok_or_else(|| wrong(&size))
}

fn wrong(size: &[i64]) -> Error {
    Error::Unsupported(format!(
        "A tensor of shape {size:?} is not a picture: [3, height, width] is."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn values_round_as_numpy_does() {
        let values = [
            0.0,
            1.0,
            -0.5,
            2.0,
            0.5,
            2.5 / 255.0,
            3.5 / 255.0,
            0.001,
            0.002,
            0.998,
            0.999,
            1.5 / 255.0,
        ];
        let tensor = Tensor::from_slice(&values.map(|v| v as f32)).reshape([1, 3, 2, 2]);
        let picture = to_rgb8(&tensor).unwrap();
        let expected = [0, 128, 1, 255, 2, 254, 0, 4, 255, 255, 0, 2];
        assert_eq!(picture.pixels(), expected);
        assert_eq!((picture.width(), picture.height()), (2, 2));
        assert_eq!(to_rgb8(&picture.to_pixels()).unwrap(), picture);
        let all = Rgb8::new(16, 16, (0..=255).flat_map(|v| [v, 255 - v, v / 2]).collect()).unwrap();
        assert_eq!(to_rgb8(&all.to_pixels()).unwrap(), all, "to the bit");
    }

    #[rstest]
    #[case(&[2, 3, 4, 4])]
    #[case(&[4, 4, 4])]
    #[case(&[3, 0, 4])]
    #[case(&[4, 4])]
    fn other_shapes_are_refused(#[case] shape: &[i64]) {
        let tensor = Tensor::zeros(shape, (Kind::Float, tch::Device::Cpu));
        assert!(matches!(to_rgb8(&tensor), Err(Error::Unsupported(_))));
    }

    #[test]
    fn not_a_number_is_refused() {
        let tensor = Tensor::full([3, 2, 2], f64::NAN, (Kind::Float, tch::Device::Cpu));
        assert!(matches!(to_rgb8(&tensor), Err(Error::NotANumber { .. })));
    }
}
