//! Classifier-free guidance, by the numbers of a task's guidance group. The pipeline makes it for each run; it knows neither the
//! denoiser nor the sampler.

use std::cell::Cell;
use std::rc::Rc;

use darkroom_protocol::task;
use tch::Tensor;

use super::combine::Combine;
use super::composed::predicted;
use super::{Guidance, Predict};
use crate::Result;
use crate::model::{Cond, Guide};
use crate::sampling::Guided;

/// Classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598), as diffusers scales it.
#[derive(Debug)]
pub struct Cfg {
    /// Its `cfg_scale` says how far to go from the prediction without the prompt toward the one with it; up to 1 it is the latter
    /// alone.
    pub asked: task::Guidance,
    /// How the two predictions are computed.
    pub passes: Passes,
    /// Whether both are computed at any scale.
    both: bool,
    /// How they become one.
    combine: Combine,
}

/// How two predictions are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passes {
    /// Both in one batch: faster.
    One,
    /// One after the other: less memory.
    Two,
}

/// Classifier-free guidance as a task asks for it.
pub fn cfg(asked: &task::Guidance, passes: Passes) -> Box<dyn Guidance> {
    Box::new(Cfg::new(asked, passes, false, Rc::default()))
}

impl Cfg {
    /// As [`cfg()`]; `both` computes both predictions at any scale, and `perturbed` tells whoever calls the network to leave out the
    /// attention in its middle.
    pub(super) fn new(asked: &task::Guidance, passes: Passes, both: bool, perturbed: Rc<Cell<bool>>) -> Self {
        Self {
            asked: asked.clone(),
            passes,
            both,
            combine: Combine::new(asked, perturbed),
        }
    }
}

impl Guidance for Cfg {
    fn predict(&self, input: &Tensor, guide: &Guide, predict: &mut Predict<'_>) -> Result<Guided> {
        let batch = input.size()[0];
        if let Some(composed) = &guide.composed {
            let negative = guide.negative.as_ref().filter(|_| self.needs_negative());
            let (uncond, cond) = predicted(input, guide, composed, (negative, self.passes), predict)?;
            let again = || Ok(predicted(input, guide, composed, (None, self.passes), predict)?.1);
            return match uncond {
                Some(uncond) => self.guided(uncond, &cond, again),
                None => self.combine.away(cond.shallow_clone(), &cond, again).map(Guided::alone),
            };
        }
        let with = guide.positive.for_batch(batch);
        let Some(negative) = guide.negative.as_ref().filter(|_| self.needs_negative()) else {
            let cond = predict(input, &with)?;
            let guided = self
                .combine
                .away(cond.shallow_clone(), &cond, || predict(input, &with))?;
            return Ok(Guided::alone(guided));
        };
        let without = negative.for_batch(batch);
        let (uncond, cond) = match self.passes {
            Passes::One => {
                let both = predict(&Tensor::cat(&[input, input], 0), &Cond::cat(&[&without, &with])?)?;
                (both.narrow(0, 0, batch), both.narrow(0, batch, batch))
            }
            Passes::Two => (predict(input, &without)?, predict(input, &with)?),
        };
        self.guided(uncond, &cond, || predict(input, &with))
    }

    fn needs_negative(&self) -> bool {
        self.asked.cfg_scale > 1.0 || self.both
    }
}

impl Cfg {
    /// Both predictions as one; `again` makes that with the prompt once more, where perturbed attention asks for it.
    fn guided(&self, uncond: Tensor, cond: &Tensor, again: impl FnOnce() -> Result<Tensor>) -> Result<Guided> {
        let guided = self.combine.combined(&uncond, cond);
        let guided = self.combine.away(guided, cond, again)?;
        Ok(Guided {
            guided: rescaled(guided, cond, self.asked.guidance_rescale),
            uncond: Some(uncond),
            mimic: None,
        })
    }
}

/// `guided` [B, C, H, W], and `rescale` of it each picture with the standard deviation that it has in `cond`: diffusers'
/// `rescale_noise_cfg`, section 3.4 of Lin et al. 2023 (arXiv 2305.08891).
fn rescaled(guided: Tensor, cond: &Tensor, rescale: f64) -> Tensor {
    if rescale == 0.0 {
        return guided;
    }
    let deviation = |x: &Tensor| x.std_dim([1i64, 2, 3].as_slice(), true, true);
    let factor = deviation(cond) / deviation(&guided);
    &guided * (factor * rescale + (1.0 - rescale))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use crate::model::Composed;
    use rstest::rstest;

    /// A denoiser whose prediction is its input plus its context's mean; it notes the batch of each call.
    fn denoiser(calls: &mut Vec<i64>) -> impl FnMut(&Tensor, &Cond) -> Result<Tensor> {
        |input, cond| {
            assert_eq!(input.size()[0], cond.batch());
            calls.push(input.size()[0]);
            Ok(input
                + cond
                    .tokens
                    .mean_dim([1i64, 2].as_slice(), false, None)
                    .reshape([-1, 1, 1, 1]))
        }
    }

    fn asked(cfg_scale: f64) -> task::Guidance {
        task::Guidance {
            cfg_scale,
            ..task::Guidance::default()
        }
    }

    fn guide(positive: f64, negative: Option<f64>) -> Guide {
        let cond = |value: f64| Cond::of(Tensor::full([1, 3, 2], value, (tch::Kind::Float, tch::Device::Cpu)));
        Guide::of(cond(positive), negative.map(cond))
    }

    fn input() -> Tensor {
        Tensor::arange(16, (tch::Kind::Float, tch::Device::Cpu)).reshape([2, 2, 2, 2])
    }

    #[rstest]
    #[case(7.5, Passes::One, &[4], 0.5 + 7.5 * 1.5)]
    #[case(7.5, Passes::Two, &[2, 2], 0.5 + 7.5 * 1.5)]
    #[case(0.0, Passes::One, &[2], 2.0)]
    #[case(0.5, Passes::Two, &[2], 2.0)]
    #[case(1.01, Passes::One, &[4], 0.5 + 1.01 * 1.5)]
    #[case(1.0, Passes::One, &[2], 2.0)]
    #[case(1.0, Passes::Two, &[2], 2.0)]
    fn the_formula_is_diffusers(
        #[case] scale: f64,
        #[case] passes: Passes,
        #[case] batches: &[i64],
        #[case] shift: f64,
    ) {
        let mut calls = Vec::new();
        let got = cfg(&asked(scale), passes)
            .predict(&input(), &guide(2.0, Some(0.5)), &mut denoiser(&mut calls))
            .unwrap();
        assert!(got.guided.allclose(&(input() + shift), 1e-6, 1e-6, false));
        let uncond = got
            .uncond
            .map(|uncond| uncond.allclose(&(input() + 0.5), 1e-6, 1e-6, false));
        assert_eq!(uncond, (batches != [2]).then_some(true));
        assert_eq!(calls, batches);
    }

    /// Values of diffusers 0.42's `rescale_noise_cfg(u + s·(c − u), c, r)` with c = sin i, u = ½ cos 2i, i from 0, two pictures.
    #[rstest]
    #[case(7.5, 0.7, &[-1.255494, 2.960458, 3.455147, -0.796622, -2.010005, -1.724836, -1.860105, 1.723566, 4.049428, 0.363267, -2.078591, -1.634004])]
    #[case(3.0, 1.0, &[-0.318575, 0.936788, 1.077272, -0.171014, -0.676942, -0.64916, -0.526718, 0.574352, 1.229269, 0.180376, -0.638833, -0.626265])]
    fn the_contrast_is_that_of_the_prompt(#[case] scale: f64, #[case] rescale: f64, #[case] expected: &[f32]) {
        let guidance = task::Guidance {
            cfg_scale: scale,
            guidance_rescale: rescale,
            ..task::Guidance::default()
        };
        let i = Tensor::arange(12, (tch::Kind::Float, tch::Device::Cpu)).reshape([2, 1, 2, 3]);
        let both = Tensor::cat(&[(&i * 2.0).cos() * 0.5, i.sin()], 0);
        let got = cfg(&guidance, Passes::One)
            .predict(&i, &guide(1.0, Some(0.0)), &mut |_, _| Ok(both.shallow_clone()))
            .unwrap();
        let expected = Tensor::from_slice(expected).reshape([2, 1, 2, 3]);
        assert!(got.guided.allclose(&expected, 1e-5, 1e-5, false), "{}", got.guided);
    }

    /// AUTOMATIC1111's `combine_denoised`: u + Σ (cᵢ − u)·wᵢ·s. Without u it is the weighted mean.
    #[rstest]
    #[case(4.0, Passes::One, &[6], 0.5 + (1.5 * 0.75 + 2.5 * -0.5) * 4.0)]
    #[case(4.0, Passes::Two, &[2, 2, 2], 0.5 + (1.5 * 0.75 + 2.5 * -0.5) * 4.0)]
    #[case(1.0, Passes::One, &[4], (2.0 * 0.75 - 3.0 * 0.5) / 0.25)]
    fn prompts_compose(#[case] scale: f64, #[case] passes: Passes, #[case] batches: &[i64], #[case] shift: f64) {
        let mut guide = guide(2.0, Some(0.5));
        let other = Cond::of(Tensor::full([1, 3, 2], 3.0, (tch::Kind::Float, tch::Device::Cpu)));
        guide.composed = Some(Composed {
            weight: 0.75,
            others: vec![(-0.5, other)],
        });
        let mut calls = Vec::new();
        let got = cfg(&asked(scale), passes)
            .predict(&input(), &guide, &mut denoiser(&mut calls))
            .unwrap();
        assert!(
            got.guided.allclose(&(input() + shift), 1e-5, 1e-5, false),
            "{}",
            got.guided
        );
        assert_eq!((calls.as_slice(), got.uncond.is_some()), (batches, scale > 1.0));
    }

    #[test]
    fn without_a_negative_context_there_is_one_prediction() {
        let mut calls = Vec::new();
        let got = cfg(&asked(7.5), Passes::One)
            .predict(&input(), &guide(2.0, None), &mut denoiser(&mut calls))
            .unwrap();
        assert!(got.guided.equal(&(input() + 2.0)) && got.uncond.is_none() && calls == [2]);
    }

    #[test]
    fn the_denoisers_error_is_passed_on() {
        let mut failing = |_: &Tensor, _: &Cond| Err(Error::Cancelled);
        assert!(
            cfg(&asked(2.0), Passes::Two)
                .predict(&input(), &guide(1.0, Some(0.0)), &mut failing)
                .is_err()
        );
    }
}
