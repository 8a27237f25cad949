//! From the predictions with and without the prompt to one, by each method that a task may name: pure formulas, and the one memory that
//! APG has. `cfg.rs` calls this where both were computed; `asked.rs` decides when that is. Perturbed-attention guidance is added here as
//! well: it needs one more prediction, which the network makes without the attention in its middle. Pictures have no influence on each
//! other.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use darkroom_protocol::{GuidanceMethod, task};
use tch::{Kind, Tensor};

use crate::Result;

/// A method with its numbers, for one run.
#[derive(Debug)]
pub(super) struct Combine {
    asked: task::Guidance,
    /// APG's running sum.
    added: RefCell<Option<Tensor>>,
    /// Read by whoever calls the network: whether it is to go without the attention in its middle.
    perturbed: Rc<Cell<bool>>,
}

/// The sides of a picture in a batch [B, C, H, W].
const PICTURE: [i64; 3] = [1, 2, 3];

impl Combine {
    /// The method that is asked for, with nothing remembered.
    pub fn new(asked: &task::Guidance, perturbed: Rc<Cell<bool>>) -> Self {
        Self {
            asked: asked.clone(),
            added: RefCell::new(None),
            perturbed,
        }
    }

    /// `guided`, and away from what the network says without the attention in its middle (Ahn et al. 2024, arXiv 2403.17377), as diffusers'
    /// `pipelines/pag/pag_utils.py` adds it: `pag_scale` · (`cond` − that). `again` computes `cond` once more.
    ///
    /// # Errors
    /// Those of `again`.
    pub fn away(&self, guided: Tensor, cond: &Tensor, again: impl FnOnce() -> Result<Tensor>) -> Result<Tensor> {
        if self.asked.pag_scale == 0.0 {
            return Ok(guided);
        }
        self.perturbed.set(true);
        let perturbed = again();
        self.perturbed.set(false);
        Ok(guided + (cond - perturbed?) * self.asked.pag_scale)
    }

    /// The guided prediction, before its contrast is seen to. All are [B, C, H, W].
    pub fn combined(&self, uncond: &Tensor, cond: &Tensor) -> Tensor {
        let scale = self.asked.cfg_scale;
        match self.asked.method {
            GuidanceMethod::Cfg | GuidanceMethod::Mimic => uncond + (cond - uncond) * scale,
            GuidanceMethod::Apg => uncond + self.projected(uncond, cond) * scale,
            GuidanceMethod::CfgZeroStar => {
                let uncond = uncond * fit(cond, uncond);
                &uncond + (cond - &uncond) * scale
            }
        }
    }

    /// What a unit of guidance adds: the difference and a share of what was added before, no longer than the threshold, and of it what is
    /// along `cond` only in part. `normalized_guidance` of diffusers' `guiders/adaptive_projected_guidance.py`.
    fn projected(&self, uncond: &Tensor, cond: &Tensor) -> Tensor {
        let task::Guidance {
            apg_eta: eta,
            apg_threshold: threshold,
            apg_momentum: momentum,
            ..
        } = self.asked;
        let mut added = cond - uncond;
        if momentum != 0.0 {
            let mut before = self.added.borrow_mut();
            if let Some(before) = &*before {
                added = &added + before * momentum;
            }
            *before = Some(added.shallow_clone());
        }
        if threshold > 0.0 {
            let length = added.norm_scalaropt_dim(2, PICTURE.as_slice(), true);
            added = &added * (length.reciprocal() * threshold).clamp_max(1.0);
        }
        let (added, cond) = (added.to_kind(Kind::Double), cond.to_kind(Kind::Double));
        let length = cond.norm_scalaropt_dim(2, PICTURE.as_slice(), true).clamp_min(1e-12);
        let along = cond / length;
        let parallel = (&added * &along).sum_dim_intlist(PICTURE.as_slice(), true, Kind::Double) * along;
        (&added - &parallel + parallel * eta).to_kind(uncond.kind())
    }
}

/// By what `uncond` is multiplied so that it is nearest to `cond`, for each picture: `cfg_zero_star_scale` of diffusers'
/// `guiders/classifier_free_zero_star_guidance.py`.
fn fit(cond: &Tensor, uncond: &Tensor) -> Tensor {
    let sum = |x: Tensor| x.sum_dim_intlist(PICTURE.as_slice(), true, Kind::Float);
    sum(cond * uncond) / (sum(uncond.square()) + 1e-8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use tch::Device;

    /// c = sin(i + k), u = ½ cos(2i + k): what `tests/oracle/guidance.py` asks diffusers of.
    fn predictions(call: f64) -> (Tensor, Tensor) {
        let i = Tensor::arange(12, (Kind::Float, Device::Cpu)).reshape([2, 1, 2, 3]);
        ((&i + call).sin(), (i * 2.0 + call).cos() * 0.5)
    }

    fn fresh(asked: &task::Guidance) -> Combine {
        Combine::new(asked, Rc::default())
    }

    fn close(found: &Tensor, expected: &[f32]) {
        let expected = Tensor::from_slice(expected).reshape([2, 1, 2, 3]);
        let off = (found - expected).abs().max().double_value(&[]);
        assert!(off < 3e-6, "{off}: {found}");
    }

    #[rstest]
    #[case((7.5, 0.0, 15.0, -0.5), &[1.802857, 1.101249, -5.274959, -2.693475, 3.607498, 1.449194, 1.024228, 2.284692, -3.768731, -4.633047, 2.540589, 2.509568])]
    #[case((3.0, 1.0, 0.0, 0.0), &[1.984111, 3.717885, 0.139698, -3.02431, -1.965643, -0.842672, 1.063513, 3.727762, 1.511519, -2.620768, -2.452241, -1.076886])]
    #[case((7.5, 0.25, 1.0, -0.75), &[2.782609, 0.442202, -4.200665, -2.00735, 1.452081, 1.084624, 2.363693, 1.751302, -3.349121, -3.254949, 0.949043, 1.235193])]
    fn apg_is_diffusers(#[case] (scale, eta, threshold, momentum): (f64, f64, f64, f64), #[case] expected: &[f32]) {
        let combine = fresh(&task::Guidance {
            cfg_scale: scale,
            method: GuidanceMethod::Apg,
            apg_eta: eta,
            apg_threshold: threshold,
            apg_momentum: momentum,
            ..task::Guidance::default()
        });
        let mut found = None;
        for call in [0.0, 1.0] {
            let (cond, uncond) = predictions(call);
            found = Some(combine.combined(&uncond, &cond));
        }
        close(&found.unwrap(), expected);
    }

    #[rstest]
    #[case(3.0, &[-0.065088, 2.551499, 2.770437, 0.360865, -2.260937, -2.82216, -0.81574, 1.974607, 2.942533, 1.253967, -1.621179, -3.02664])]
    #[case(7.5, &[-0.211535, 6.399062, 6.957999, 0.855291, -5.64524, -7.014439, -2.02247, 4.939252, 7.337176, 3.148125, -4.044786, -7.586604])]
    fn zero_star_is_diffusers(#[case] scale: f64, #[case] expected: &[f32]) {
        let combine = fresh(&task::Guidance {
            cfg_scale: scale,
            method: GuidanceMethod::CfgZeroStar,
            ..task::Guidance::default()
        });
        let (cond, uncond) = predictions(0.0);
        close(&combine.combined(&uncond, &cond), expected);
    }

    /// Nothing is left out, bounded or remembered: it is classifier-free guidance.
    #[test]
    fn apg_that_keeps_all_is_cfg() {
        let asked = |method| task::Guidance {
            method,
            apg_eta: 1.0,
            apg_threshold: 0.0,
            apg_momentum: 0.0,
            ..task::Guidance::default()
        };
        let (cond, uncond) = predictions(0.0);
        let [apg, cfg] =
            [GuidanceMethod::Apg, GuidanceMethod::Cfg].map(|method| fresh(&asked(method)).combined(&uncond, &cond));
        assert!(apg.allclose(&cfg, 1e-5, 1e-5, false));
    }

    #[test]
    fn a_perturbed_prediction_is_made_once_and_turned_away_from() {
        let (cond, uncond) = predictions(0.0);
        let perturbed = Rc::new(Cell::new(false));
        let asked = task::Guidance {
            pag_scale: 3.0,
            ..task::Guidance::default()
        };
        let combine = Combine::new(&asked, perturbed.clone());
        let again = || {
            assert!(perturbed.get());
            Ok(&cond * 0.5)
        };
        let found = combine.away(uncond.shallow_clone(), &cond, again).unwrap();
        assert!(!perturbed.get() && found.allclose(&(&uncond + &cond * 1.5), 1e-6, 1e-6, false));
        let failed = combine.away(uncond.shallow_clone(), &cond, || Err(crate::Error::Cancelled));
        assert!(failed.is_err() && !perturbed.get());
        let none = fresh(&task::Guidance::default());
        let same = none.away(uncond.shallow_clone(), &cond, || Err(crate::Error::Cancelled));
        assert!(same.unwrap().equal(&uncond), "without it nothing is computed");
    }

    #[test]
    fn predictions_that_are_nothing_stay_numbers() {
        let nothing = Tensor::zeros([1, 1, 2, 2], (Kind::Float, Device::Cpu));
        for method in [GuidanceMethod::Apg, GuidanceMethod::CfgZeroStar] {
            let combine = fresh(&task::Guidance {
                method,
                ..task::Guidance::default()
            });
            assert!(combine.combined(&nothing, &nothing).equal(&nothing), "{method:?}");
        }
    }
}
