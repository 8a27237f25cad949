//! Strong guidance with the contrast of weak guidance, on clean samples: the formula of sd-dynamic-thresholding. `guidance/mimic.rs` says
//! with which numbers at a step, and `run.rs` applies it where the network's predictions have become clean samples, which is where the
//! extension has it too.

use tch::{Kind, Tensor};

/// The numbers of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mimic {
    /// The scale with which the sample was guided.
    pub guided: f64,
    /// The scale that is to be followed.
    pub cfg: f64,
    /// The scale whose contrast is kept.
    pub mimic: f64,
    /// The share of magnitudes below the bound, 0 to 1.
    pub percentile: f64,
    /// How much of the result is this, 0 to 1; the rest is plain guidance.
    pub phi: f64,
}

impl Mimic {
    /// `guided` and `uncond` [B, C, H, W], clean samples with guidance and without the prompt, in the extension's way (mcmonkeyprojects/
    /// sd-dynamic-thresholding, `dynthres_core.py`, channels apart, from their means, by their greatest magnitudes).
    pub(super) fn applied(&self, guided: &Tensor, uncond: &Tensor) -> Tensor {
        let relative = (guided - uncond) / self.guided;
        let flat = |scale: f64| (uncond + &relative * scale).flatten(2, -1);
        let centred = |x: &Tensor| {
            let mean = x.mean_dim([2i64].as_slice(), true, Kind::Float);
            (x - &mean, mean)
        };
        let (mimic, cfg) = (flat(self.mimic), flat(self.cfg));
        let (mimic, _) = centred(&mimic);
        let (centre, mean) = centred(&cfg);
        let mimic = mimic.abs().amax([2i64].as_slice(), true);
        let bound = centre
            .abs()
            .quantile_scalar(self.percentile, 2, true, "linear")
            .maximum(&mimic);
        let bounded = centre.minimum(&bound).maximum(&-&bound);
        // Channels without contrast stay what they are.
        let found = bounded / bound.clamp_min(f64::from(f32::MIN_POSITIVE)) * mimic + mean;
        (found * self.phi + cfg * (1.0 - self.phi)).reshape(guided.size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// `tests/oracle/mimic.py` had the extension compute these.
    #[rstest]
    #[case((7.5, 3.0, 1.0, 1.0), &[-1.059564, 3.065012, 3.548979, -0.610637, -1.797721, -1.518733, -1.644491, 1.819537, 4.067748, 0.504652, -1.855683, -1.425939])]
    #[case((20.0, 7.0, 0.9, 1.0), &[-3.04541, 8.142385, 8.809738, -1.8629, -4.616949, -3.676163, -5.60801, 5.55157, 10.20875, 1.222331, -6.113359, -4.246375])]
    #[case((12.0, 5.0, 0.6, 0.7), &[-4.048625, 7.995907, 8.631952, -2.603526, -6.150251, -5.100578, -6.815524, 6.183083, 10.099942, 1.183253, -7.049081, -5.531572])]
    fn it_is_the_extensions(
        #[case] numbers: (f64, f64, f64, f64),
        #[case] expected: &[f32],
        // Whatever the scale that the sample was guided with.
        #[values(1.5, 7.5)] guided: f64,
    ) {
        let (cfg, mimic, percentile, phi) = numbers;
        let i = Tensor::arange(12, (Kind::Float, tch::Device::Cpu)).reshape([2, 1, 2, 3]);
        let (cond, uncond) = (i.sin(), (i * 2.0).cos() * 0.5);
        let sample = &uncond + (cond - &uncond) * guided;
        let rule = Mimic {
            guided,
            cfg,
            mimic,
            percentile,
            phi,
        };
        let found = rule.applied(&sample, &uncond);
        let expected = Tensor::from_slice(expected).reshape([2, 1, 2, 3]);
        let off = (&found - expected).abs().max().double_value(&[]);
        assert!(off < 2e-5, "{off}: {found}");
    }

    #[test]
    fn a_channel_without_contrast_stays_a_number() {
        let flat = Tensor::ones([1, 2, 2, 2], (Kind::Float, tch::Device::Cpu));
        let rule = Mimic {
            guided: 7.0,
            cfg: 7.0,
            mimic: 3.0,
            percentile: 1.0,
            phi: 1.0,
        };
        assert!(rule.applied(&flat, &flat).equal(&flat));
    }
}
