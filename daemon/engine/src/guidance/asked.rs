//! Guidance as a task asks for it, over the steps of one loop: the rule of `cfg.rs` in the part of the steps where it is wanted, and the
//! prompt alone outside, which costs one pass instead of two. `pipeline/denoise.rs` makes it for each loop and counts the steps.

use std::cell::Cell;
use std::ops::Range;
use std::rc::Rc;

use darkroom_protocol::{GuidanceMethod, task};
use tch::Tensor;

use super::{Cfg, Guidance, Passes, Predict, mimic};
use crate::Result;
use crate::model::Guide;
use crate::sampling::Guided;

/// Where a loop is, and what guidance asks of whoever calls the network.
#[derive(Debug, Default)]
pub struct Moment {
    /// Whether the sampler goes by the prediction without the prompt, which is then computed at every step and any scale.
    pub both: bool,
    /// The step that runs, from 0.
    pub step: Cell<usize>,
    /// Whether the prediction is to be made with [`Extras::perturbed`](crate::model::Extras::perturbed).
    pub perturbed: Rc<Cell<bool>>,
    /// Whether guidance is on at this step.
    pub guided: Cell<bool>,
}

/// A rule for some of the steps.
struct Asked<'a> {
    rule: Cfg,
    /// The rule of the other steps, where they have one.
    outside: Option<Cfg>,
    /// The steps, from 0, that it is for.
    within: Range<usize>,
    /// So many first steps predict nothing at all.
    zero: usize,
    /// What dynamic thresholding goes by, and over how many steps.
    mimic: Option<(task::Guidance, usize)>,
    moment: &'a Moment,
}

/// Guidance for a loop of so many `steps`; `moment` says which one runs.
pub fn asked<'a>(asked: &task::Guidance, passes: Passes, steps: usize, moment: &'a Moment) -> Box<dyn Guidance + 'a> {
    let rule = Cfg::new(asked, passes, moment.both, moment.perturbed.clone());
    let alone = task::Guidance {
        cfg_scale: 1.0,
        start: 0.0,
        end: 1.0,
        image_cfg_scale: asked.image_cfg_scale,
        ..task::Guidance::default()
    };
    let outside = moment
        .both
        .then(|| Cfg::new(&alone, passes, true, moment.perturbed.clone()));
    // Nothing is guided whose prediction is the prompt's alone.
    let zero = match asked.method {
        GuidanceMethod::CfgZeroStar if rule.needs_negative() => asked.zero_init_steps as usize,
        _ => 0,
    };
    Box::new(Asked {
        rule,
        outside,
        mimic: (asked.method == GuidanceMethod::Mimic).then(|| (asked.clone(), steps)),
        within: within(asked, steps),
        zero,
        moment,
    })
}

/// diffusers' interval: `guiders/classifier_free_guidance.py`, `_is_cfg_enabled`.
fn within(asked: &task::Guidance, steps: usize) -> Range<usize> {
    let at = |part: f64| (part.clamp(0.0, 1.0) * steps as f64) as usize;
    at(asked.start)..at(asked.end)
}

impl Guidance for Asked<'_> {
    fn predict(&self, input: &Tensor, guide: &Guide, predict: &mut Predict<'_>) -> Result<Guided> {
        let step = self.moment.step.get();
        let guided = self.within.contains(&step);
        self.moment.guided.set(guided);
        if step < self.zero {
            return Ok(Guided::alone(input.zeros_like()));
        }
        if guided {
            let said = self.rule.predict(input, guide, predict)?;
            let mimic = self.mimic.as_ref().filter(|_| said.uncond.is_some());
            return Ok(Guided {
                mimic: mimic.map(|(asked, steps)| mimic::at(asked, step, *steps)),
                ..said
            });
        }
        if let Some(outside) = &self.outside {
            return outside.predict(input, guide, predict);
        }
        predict(input, &guide.positive.for_batch(input.size()[0])).map(Guided::alone)
    }

    fn needs_negative(&self) -> bool {
        self.rule.needs_negative()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Cond;
    use rstest::rstest;
    use tch::{Device, Kind};

    fn cond(value: f64) -> Cond {
        Cond::of(Tensor::full([1, 3, 2], value, (Kind::Float, Device::Cpu)))
    }

    /// Samplers of the CFG++ kind have both predictions at every scale and step, and outside the interval the prompt's alone as the guided
    /// one.
    #[rstest]
    #[case(0.6, 0.0, 0.5 + 0.6 * 1.5)]
    #[case(1.0, 0.0, 2.0)]
    #[case(5.0, 1.0, 2.0)]
    fn both_predictions_are_made_where_the_sampler_goes_by_both(
        #[case] cfg_scale: f64,
        #[case] start: f64,
        #[case] shift: f64,
        #[values(Passes::One, Passes::Two)] passes: Passes,
    ) {
        let wanted = task::Guidance {
            cfg_scale,
            start,
            ..task::Guidance::default()
        };
        let moment = Moment {
            both: true,
            ..Moment::default()
        };
        let guidance = asked(&wanted, passes, 4, &moment);
        assert!(guidance.needs_negative());
        let input = Tensor::ones([1, 1, 2, 2], (Kind::Float, Device::Cpu));
        let said = guidance.predict(&input, &Guide::of(cond(2.0), Some(cond(0.5))), &mut |input, cond| {
            Ok(input
                + cond
                    .tokens
                    .mean_dim([1i64, 2].as_slice(), false, None)
                    .reshape([-1, 1, 1, 1]))
        });
        let said = said.unwrap();
        assert!(
            said.guided.allclose(&(&input + shift), 1e-6, 1e-6, false),
            "{}",
            said.guided
        );
        assert!(said.uncond.unwrap().allclose(&(&input + 0.5), 1e-6, 1e-6, false));
    }

    #[test]
    fn dynamic_thresholding_is_left_to_clean_samples_with_its_numbers_of_the_step() {
        let wanted = task::Guidance {
            method: GuidanceMethod::Mimic,
            mimic_mode: darkroom_protocol::ScaleCurve::LinearDown,
            ..task::Guidance::default()
        };
        let moment = Moment::default();
        let guidance = asked(&wanted, Passes::One, 3, &moment);
        let input = Tensor::ones([1, 1, 2, 2], (Kind::Float, Device::Cpu));
        let scales = [0, 1, 2].map(|step| {
            moment.step.set(step);
            let guide = Guide::of(cond(2.0), Some(cond(0.5)));
            let said = guidance.predict(&input, &guide, &mut |input, _| Ok(input.shallow_clone()));
            said.unwrap().mimic.unwrap().mimic
        });
        assert_eq!(scales, [7.0, 3.5, 0.0]);
    }

    /// Rows that the network is asked for at each step of a loop.
    fn rows(wanted: &task::Guidance, steps: usize) -> Vec<i64> {
        let guide = Guide::of(cond(2.0), Some(cond(0.5)));
        let input = Tensor::ones([1, 1, 2, 2], (Kind::Float, Device::Cpu));
        let moment = Moment::default();
        let guidance = asked(wanted, Passes::One, steps, &moment);
        let of = |nth: usize| {
            moment.step.set(nth);
            let mut rows = 0;
            let said = guidance.predict(&input, &guide, &mut |input, _| {
                rows += input.size()[0];
                Ok(input.shallow_clone())
            });
            let said = said.unwrap();
            assert_eq!(said.uncond.is_some(), rows == 2);
            assert_eq!(said.guided.abs().max().double_value(&[]) == 0.0, rows == 0);
            rows
        };
        (0..steps).map(of).collect()
    }

    /// diffusers 0.42's `_is_cfg_enabled`: from int(start·steps) to before int(stop·steps).
    #[rstest]
    #[case::all((7.0, 0.0, 1.0), &[2, 2, 2, 2, 2])]
    #[case::late((7.0, 0.5, 1.0), &[1, 1, 2, 2, 2])]
    #[case::early((7.0, 0.0, 0.79), &[2, 2, 2, 1, 1])]
    #[case::middle((7.0, 0.2, 0.8), &[1, 2, 2, 2, 1])]
    #[case::none((7.0, 0.8, 0.2), &[1, 1, 1, 1, 1])]
    #[case::no_guidance((1.0, 0.2, 0.8), &[1, 1, 1, 1, 1])]
    fn it_is_for_a_part_of_the_steps(#[case] (cfg_scale, start, end): (f64, f64, f64), #[case] expected: &[i64]) {
        let wanted = task::Guidance {
            cfg_scale,
            start,
            end,
            ..task::Guidance::default()
        };
        assert_eq!(rows(&wanted, 5), expected);
    }

    #[rstest]
    #[case(7.0, GuidanceMethod::CfgZeroStar, &[0, 0, 2, 2])]
    #[case(7.0, GuidanceMethod::Cfg, &[2, 2, 2, 2])]
    #[case(1.0, GuidanceMethod::CfgZeroStar, &[1, 1, 1, 1])]
    fn first_steps_may_predict_nothing(
        #[case] cfg_scale: f64,
        #[case] method: GuidanceMethod,
        #[case] expected: &[i64],
    ) {
        let wanted = task::Guidance {
            cfg_scale,
            method,
            zero_init_steps: 2,
            ..task::Guidance::default()
        };
        assert_eq!(rows(&wanted, 4), expected);
    }
}
