//! What a preview's tensors go through: latents to colours by a matrix, squares of pixels to their mean, floats to bytes.
//! `painter.rs` calls it. The matrices are those of `darkroom_formats::card`; a decoder's layers are in `families/taesd/`.

use darkroom_formats::card::LatentFormat;
use darkroom_protocol::Preview;
use tch::{Kind, Tensor};

use crate::Result;
use crate::torch::{self, Device};

/// Colours [1, 3, h, w] in 0..1 of latents [1, C, h, w] in f32: ½ · (Σ channel · row + bias) + ½.
pub fn project(latents: &Tensor, format: &LatentFormat) -> Result<Tensor> {
    let device = torch::device_of(latents)?;
    let on_device =
        |values: &[f32], shape: &[i64]| torch::to(&Tensor::from_slice(values).reshape(shape), device, Kind::Float);
    let rows = format.rgb.len() as i64;
    let matrix = on_device(format.rgb.as_flattened(), &[rows, 3])?;
    let bias = on_device(&format.bias, &[3])?;
    let colours = latents.permute([0, 2, 3, 1]).matmul(&matrix) + bias;
    Ok((colours * 0.5 + 0.5).permute([0, 3, 1, 2]))
}

/// A picture [1, 3, h, w] in 0..1 as bytes, reduced so that it is at most `max_px` wide and high (0: as it is): each pixel is the
/// mean of a square. Only the bytes leave the device.
pub fn preview(picture: &Tensor, max_px: u32, (image, step): (u32, u32)) -> Result<Preview> {
    let size = picture.size();
    let longest = size[2].max(size[3]);
    let factor = match i64::from(max_px) {
        0 => 1,
        most => (longest + most - 1) / most,
    };
    let bytes = reduce(picture, factor).nan_to_num(0.0, 1.0, 0.0).clamp(0.0, 1.0) * 255.0;
    let bytes = bytes.round().to_kind(Kind::Uint8).squeeze_dim(0).permute([1, 2, 0]);
    let bytes = torch::to(&bytes.contiguous(), Device::Cpu, Kind::Uint8)?;
    let size = bytes.size();
    Ok(Preview {
        image,
        step,
        width: size[1] as u32,
        height: size[0] as u32,
        rgb: Vec::try_from(bytes.flatten(0, -1))?,
    })
}

/// [1, C, h, w] with the mean of each square of `factor` × `factor` as one.
pub fn reduce(picture: &Tensor, factor: i64) -> Tensor {
    if factor <= 1 {
        return picture.shallow_clone();
    }
    let square = [factor, factor];
    picture.avg_pool2d(square, square, [0, 0], true, false, None::<i64>)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::fixture::Fixture;
    use darkroom_formats::card::LATENT_FORMATS;
    use rstest::rstest;

    #[rstest]
    #[case::sd1(0)]
    #[case::sdxl(1)]
    #[case::emoji(2)]
    fn the_colours_are_those_of_the_formula(#[case] row: usize) {
        let fixture = Fixture::open("preview");
        let latents = fixture.expected("latents");
        let shown = preview(&project(&latents, &LATENT_FORMATS[row]).unwrap(), 0, (2, 5)).unwrap();
        assert_eq!((shown.image, shown.step, shown.width, shown.height), (2, 5, 7, 5));
        let expected = Vec::<i64>::try_from(fixture.expected(&format!("rgb.{row}")).flatten(0, -1)).unwrap();
        let found: Vec<i64> = shown.rgb.into_iter().map(i64::from).collect();
        assert_eq!(found, expected);
    }

    #[rstest]
    #[case(0, (7, 5))]
    #[case(7, (7, 5))]
    #[case(100, (7, 5))]
    #[case(6, (4, 3))]
    #[case(2, (2, 2))]
    #[case(1, (1, 1))]
    fn sizes(#[case] max_px: u32, #[case] expected: (u32, u32)) {
        let picture = Tensor::zeros([1, 3, 5, 7], (Kind::Float, tch::Device::Cpu));
        let shown = preview(&picture, max_px, (0, 0)).unwrap();
        assert_eq!((shown.width, shown.height), expected);
        assert_eq!(shown.rgb, vec![0; 3 * (expected.0 * expected.1) as usize]);
    }

    #[test]
    fn what_is_beyond_is_cut_and_what_is_no_number_is_black() {
        let values = [f32::NAN, f32::INFINITY, -7.0, 7.0, 0.5, 0.2];
        let picture = Tensor::from_slice(&values).reshape([1, 3, 1, 2]);
        assert_eq!(preview(&picture, 0, (0, 0)).unwrap().rgb, [0, 0, 128, 255, 255, 51]);
    }
}
