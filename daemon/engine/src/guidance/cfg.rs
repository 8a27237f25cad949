//! Classifier-free guidance, by the numbers of a task's guidance group. The pipeline makes it for each run; it knows neither the
//! denoiser nor the sampler.

use darkroom_protocol::task;
use tch::Tensor;

use super::{Guidance, Predict};
use crate::Result;
use crate::model::{Cond, Guide};
use crate::sampling::Guided;

/// Classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598), as diffusers scales it.
#[derive(Clone, Debug, PartialEq)]
pub struct Cfg {
    /// Its `cfg_scale` says how far to go from the prediction without the prompt toward the one with it; up to 1 it is the latter
    /// alone.
    pub asked: task::Guidance,
    /// How the two predictions are computed.
    pub passes: Passes,
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
    let asked = asked.clone();
    Box::new(Cfg { asked, passes })
}

impl Guidance for Cfg {
    fn predict(&self, input: &Tensor, guide: &Guide, predict: &mut Predict<'_>) -> Result<Guided> {
        let batch = input.size()[0];
        let with = guide.positive.for_batch(batch);
        let Some(negative) = guide.negative.as_ref().filter(|_| self.needs_negative()) else {
            return predict(input, &with).map(Guided::alone);
        };
        let without = negative.for_batch(batch);
        let (uncond, cond) = match self.passes {
            Passes::One => {
                let both = predict(&Tensor::cat(&[input, input], 0), &Cond::cat(&[&without, &with])?)?;
                (both.narrow(0, 0, batch), both.narrow(0, batch, batch))
            }
            Passes::Two => (predict(input, &without)?, predict(input, &with)?),
        };
        let guided = &uncond + (cond - &uncond) * self.asked.cfg_scale;
        Ok(Guided {
            guided,
            uncond: Some(uncond),
        })
    }

    fn needs_negative(&self) -> bool {
        self.asked.cfg_scale > 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
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
        Guide {
            positive: cond(positive),
            negative: negative.map(cond),
        }
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
