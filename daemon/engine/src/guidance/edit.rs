//! Guidance of models that edit a picture: one scale for the prompt and one for the picture, over three predictions. The pipeline takes
//! it in place of `cfg.rs` where the denoiser reads a picture beside its latents. Which models do is their family's to say.

use darkroom_protocol::task;
use tch::Tensor;

use super::{Guidance, Passes, Predict};
use crate::Result;
use crate::model::{Cond, Guide};
use crate::sampling::Guided;

/// InstructPix2Pix's guidance (Brooks et al. 2022, arXiv 2211.09800, equation 3), as diffusers'
/// `StableDiffusionInstructPix2PixPipeline` has it.
#[derive(Debug)]
pub struct Edit {
    /// `cfg_scale` is for the prompt, `image_cfg_scale` for the picture.
    asked: task::Guidance,
    /// The latents of the picture as the autoencoder has them, unscaled, [1, C, h, w].
    picture: Tensor,
    passes: Passes,
}

/// Guidance of a model that edits the picture of these latents, which are the autoencoder's own, unscaled.
pub fn edit(asked: &task::Guidance, picture: Tensor, passes: Passes) -> Box<dyn Guidance> {
    Box::new(Edit {
        asked: asked.clone(),
        picture,
        passes,
    })
}

impl Edit {
    fn image_scale(&self) -> f64 {
        self.asked.image_cfg_scale.unwrap_or(task::Guidance::IMAGE_CFG)
    }
}

impl Guidance for Edit {
    fn predict(&self, input: &Tensor, guide: &Guide, predict: &mut Predict<'_>) -> Result<Guided> {
        let batch = input.size()[0];
        let picture = self.picture.repeat([batch, 1, 1, 1]).to_kind(input.kind());
        let seeing = Tensor::cat(&[input, &picture], 1);
        let with = guide.positive.for_batch(batch);
        let Some(negative) = guide.negative.as_ref().filter(|_| self.needs_negative()) else {
            return predict(&seeing, &with).map(Guided::alone);
        };
        let without = negative.for_batch(batch);
        let blind = Tensor::cat(&[input, &picture.zeros_like()], 1);
        let (text, image, uncond) = match self.passes {
            Passes::One => {
                let all = Tensor::cat(&[&seeing, &seeing, &blind], 0);
                let said = predict(&all, &Cond::cat(&[&with, &without, &without])?)?;
                let part = |n: i64| said.narrow(0, n * batch, batch);
                (part(0), part(1), part(2))
            }
            Passes::Two => (
                predict(&seeing, &with)?,
                predict(&seeing, &without)?,
                predict(&blind, &without)?,
            ),
        };
        let guided = &uncond + (text - &image) * self.asked.cfg_scale + (image - &uncond) * self.image_scale();
        Ok(Guided {
            guided,
            uncond: Some(uncond),
            mimic: None,
        })
    }

    /// diffusers guides where both scales ask for it.
    fn needs_negative(&self) -> bool {
        self.asked.cfg_scale > 1.0 && self.image_scale() >= 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use tch::{Device, Kind};

    /// A denoiser that says its latents, plus its picture's mean, plus its prompt's mean.
    fn said(seen: &Tensor, cond: &Cond) -> Tensor {
        let mean = |tensor: &Tensor, dims: &[i64]| tensor.mean_dim(dims, false, None).reshape([-1, 1, 1, 1]);
        seen.narrow(1, 0, 2) + mean(&seen.narrow(1, 2, 2), &[1, 2, 3]) + mean(&cond.tokens, &[1, 2])
    }

    #[rstest]
    #[case(7.5, 1.5, 2.0 * 0.0 + 0.5 + 7.5 * 1.5 + 1.5 * 10.0, 6)]
    #[case(1.0, 1.5, 2.0 + 10.0, 2)]
    #[case(7.5, 0.9, 2.0 + 10.0, 2)]
    fn the_formula_is_diffusers(
        #[case] cfg: f64,
        #[case] image: f64,
        #[case] shift: f64,
        #[case] rows: i64,
        #[values(Passes::One, Passes::Two)] passes: Passes,
    ) {
        let full = |value: f64, shape: &[i64]| Tensor::full(shape, value, (Kind::Float, Device::Cpu));
        let guide = Guide::of(Cond::of(full(2.0, &[1, 3, 2])), Some(Cond::of(full(0.5, &[1, 3, 2]))));
        let asked = task::Guidance {
            cfg_scale: cfg,
            image_cfg_scale: Some(image),
            ..task::Guidance::default()
        };
        let input = Tensor::arange(16, (Kind::Float, Device::Cpu)).reshape([2, 2, 2, 2]);
        let mut seen = 0;
        let found = edit(&asked, full(10.0, &[1, 2, 2, 2]), passes)
            .predict(&input, &guide, &mut |x, cond| {
                assert_eq!(x.size()[0], cond.batch());
                seen += x.size()[0];
                Ok(said(x, cond))
            })
            .unwrap();
        assert!(
            found.guided.allclose(&(&input + shift), 1e-5, 1e-5, false),
            "{}",
            found.guided
        );
        assert_eq!((seen, found.uncond.is_some()), (rows, rows == 6));
    }
}
